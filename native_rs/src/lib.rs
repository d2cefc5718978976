//! Sidecar's native part. Only this file and `boundary.rs` name PyO3.
pub mod supervise;
