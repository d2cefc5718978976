//! The one error of this crate: each variant is a `kind` of protocol.md. Knows no Python and no JSON-RPC codes.

use std::fmt;

/// What went wrong, as the protocol names it. `hint` says what to do next; `position` is a byte span in a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A field of the request is missing, of the wrong type or out of range.
    InvalidParams {
        message: String,
        hint: String,
        position: Option<(usize, usize)>,
    },
    /// A pattern, path list or document is over its bound.
    TooLarge { message: String, hint: String },
    /// A path does not exist.
    NotFound { message: String, path: String },
    /// A path leaves the folders a reader may search.
    OutsideRoot { message: String, path: String },
    /// The cancel flag was set and nothing is owed to the caller.
    Cancelled,
    /// A bug of ours (a panic), or an operating-system error that has no kind of its own.
    Failed { message: String, hint: String },
}

/// Shorthand used by the whole crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A wrong parameter; `message` names the field and what was expected.
    pub fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::InvalidParams {
            message: message.into(),
            hint: hint.into(),
            position: None,
        }
    }

    /// Something over a bound.
    pub fn too_large(message: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::TooLarge {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Something that should not have happened.
    pub fn failed(message: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Failed {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The protocol's name of this kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::InvalidParams { .. } => "invalidParams",
            Error::TooLarge { .. } => "tooLarge",
            Error::NotFound { .. } => "notFound",
            Error::OutsideRoot { .. } => "outsideRoot",
            Error::Cancelled => "cancelled",
            Error::Failed { .. } => "failed",
        }
    }

    /// One sentence that says what happened.
    pub fn message(&self) -> &str {
        match self {
            Error::InvalidParams { message, .. }
            | Error::TooLarge { message, .. }
            | Error::NotFound { message, .. }
            | Error::OutsideRoot { message, .. }
            | Error::Failed { message, .. } => message,
            Error::Cancelled => "the request was cancelled",
        }
    }

    /// One sentence that says what to do next; may be empty.
    pub fn hint(&self) -> &str {
        match self {
            Error::InvalidParams { hint, .. }
            | Error::TooLarge { hint, .. }
            | Error::Failed { hint, .. } => hint,
            Error::NotFound { .. } => "name a path that exists, relative to root or absolute",
            Error::OutsideRoot { .. } => {
                "a reader searches only inside roots that a full client has opened"
            }
            Error::Cancelled => "",
        }
    }

    /// Further members of the error's `data` object, as one JSON object.
    pub fn data_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Error::InvalidParams {
                position: Some((start, end)),
                ..
            } => {
                out.extend_from_slice(
                    format!("{{\"position\":{{\"start\":{start},\"end\":{end}}}}}").as_bytes(),
                );
            }
            Error::NotFound { path, .. } | Error::OutsideRoot { path, .. } => {
                out.extend_from_slice(b"{\"path\":");
                crate::json::string(&mut out, path);
                out.push(b'}');
            }
            _ => out.extend_from_slice(b"{}"),
        }
        out
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind(), self.message())
    }
}

impl std::error::Error for Error {}
