//! Sidecar's native part. Only this file and `boundary.rs` name PyO3.

#[cfg(feature = "python")]
mod boundary;
mod call;
pub mod cancel;
mod clip;
mod cursor;
pub mod cut;
pub mod door;
mod drive;
pub mod error;
mod fault;
mod frontier;
mod glob;
mod grep;
mod json;
mod output;
mod pattern;
pub mod pool;
pub mod positions;
mod request;
mod roots;
mod rules;
mod search;
mod sink;
mod stats;
#[cfg(feature = "structural")]
mod structural;
pub mod supervise;
mod sync;
pub mod text;
mod walk;
mod worker;

#[cfg(feature = "python")]
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::boundary::{Cancel, NativeError, Text, build_info, configure, cut_sync, run, stats};
}
