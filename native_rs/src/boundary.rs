//! The one door between Python and this crate. It releases the GIL for the whole duration, and maps every error to `NativeError`.
//!
//! Only this file and `lib.rs` name PyO3.

use std::sync::Arc;

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyList};

use crate::cancel::Flag;
use crate::error::Error;
use crate::positions::Encoding;
use crate::{cut, door, pool, text};

create_exception!(
    sidecar._native,
    NativeError,
    PyException,
    "An error of the native part: kind, message, hint, data_json."
);

/// Our error as Python's: the four values are the exception's args and attributes.
fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let data = PyBytes::new(py, &error.data_json()).unbind();
    let raised = NativeError::new_err((
        error.kind(),
        error.message().to_owned(),
        error.hint().to_owned(),
        data.clone_ref(py),
    ));
    let value = raised.value(py);
    let named = value
        .setattr("kind", error.kind())
        .and_then(|()| value.setattr("message", error.message()))
        .and_then(|()| value.setattr("hint", error.hint()))
        .and_then(|()| value.setattr("data_json", data));
    named.err().unwrap_or(raised)
}

/// A request's stop flag and deadline.
#[pyclass(frozen, module = "sidecar._native")]
pub struct Cancel {
    flag: Arc<Flag>,
}

#[pymethods]
impl Cancel {
    #[new]
    fn new(deadline_at_s: f64) -> Cancel {
        Cancel {
            flag: Arc::new(Flag::at_monotonic(deadline_at_s)),
        }
    }

    fn set(&self) {
        self.flag.set();
    }

    fn is_set(&self) -> bool {
        self.flag.is_set()
    }
}

#[pyfunction]
#[pyo3(signature = (op, request, cancel, emit=None))]
pub fn run<'py>(
    py: Python<'py>,
    op: &str,
    request: &[u8],
    cancel: &Cancel,
    emit: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let flag = Arc::clone(&cancel.flag);
    let mut broken: Option<PyErr> = None;
    let answer = py.detach(|| {
        let mut send = |chunk: &[u8]| match &emit {
            None => true,
            Some(emit) => {
                let said = Python::attach(|py| {
                    let said = emit.call1(py, (PyBytes::new(py, chunk),))?;
                    PyResult::Ok(!said.bind(py).is(PyBool::new(py, false)))
                });
                match said {
                    Ok(goes_on) => goes_on,
                    Err(cause) => {
                        broken = Some(cause);
                        false
                    }
                }
            }
        };
        door::run(op, request, &flag, &mut send)
    });
    if let Some(cause) = broken {
        return Err(cause);
    }
    answer
        .map(|bytes| PyBytes::new(py, &bytes))
        .map_err(|error| raised(py, &error))
}

#[pyfunction]
pub fn configure(py: Python<'_>, threads: usize) -> PyResult<()> {
    pool::pool()
        .resize(threads)
        .map_err(|error| raised(py, &error))
}

#[pyfunction]
pub fn stats(py: Python<'_>) -> Bound<'_, PyBytes> {
    PyBytes::new(py, &door::stats_json())
}

#[pyfunction]
pub fn build_info(py: Python<'_>) -> Bound<'_, PyBytes> {
    PyBytes::new(py, &door::build_json())
}

/// A document's text as a value: cheap to copy, cheap to change.
#[pyclass(frozen, module = "sidecar._native")]
pub struct Text {
    text: text::Text,
}

#[pymethods]
impl Text {
    #[new]
    fn new(py: Python<'_>, content: &str) -> Text {
        Text {
            text: py.detach(|| text::Text::new(content)),
        }
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, content: &[u8]) -> PyResult<Text> {
        let text = py
            .detach(|| text::Text::from_utf8(content))
            .map_err(|error| raised(py, &error))?;
        Ok(Text { text })
    }

    #[pyo3(signature = (start_line, start_char, end_line, end_char, encoding, new_text))]
    #[expect(
        clippy::too_many_arguments,
        reason = "an LSP change has two positions, an encoding and a text"
    )]
    fn apply(
        &self,
        py: Python<'_>,
        start_line: usize,
        start_char: usize,
        end_line: usize,
        end_char: usize,
        encoding: &str,
        new_text: &str,
    ) -> PyResult<Text> {
        let Some(encoding) = Encoding::named(encoding) else {
            let error = Error::invalid(
                format!("encoding: {encoding} is none of utf-8, utf-16, utf-32"),
                "use a PositionEncodingKind of LSP 3.17",
            );
            return Err(raised(py, &error));
        };
        let text = py.detach(|| {
            self.text.apply(
                (start_line, start_char),
                (end_line, end_char),
                encoding,
                new_text,
            )
        });
        text.map(|text| Text { text })
            .map_err(|error| raised(py, &error))
    }

    fn json<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.text.json());
        PyBytes::new(py, &bytes)
    }

    fn line(&self, py: Python<'_>, n: usize) -> PyResult<String> {
        self.text.line(n).map_err(|error| raised(py, &error))
    }

    #[getter]
    fn len_bytes(&self) -> usize {
        self.text.len_bytes()
    }

    #[getter]
    fn line_count(&self) -> usize {
        self.text.line_count()
    }

    fn text(&self, py: Python<'_>) -> String {
        py.detach(|| self.text.text())
    }
}

#[pyfunction]
pub fn cut_sync<'py>(
    py: Python<'py>,
    body: &[u8],
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyList>)> {
    let (rest, texts) = py
        .detach(|| cut::texts(body))
        .map_err(|error| raised(py, &error))?;
    let list = PyList::empty(py);
    for text in texts {
        list.append(Bound::new(py, Text { text })?)?;
    }
    Ok((PyBytes::new(py, &rest), list))
}
