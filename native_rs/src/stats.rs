//! Counters of the whole crate, for `stats` and for tests that count work instead of milliseconds.

use std::sync::atomic::{AtomicU64, Ordering};

/// One unit is one read of a file (at most 64 KiB but in lines longer than that), one folder listed, or one slice of a `fault`.
pub static UNITS: AtomicU64 = AtomicU64::new(0);
/// Units that ended although their request's flag was set: what was running at that moment, so at most one a worker.
pub static UNITS_AFTER_STOP: AtomicU64 = AtomicU64::new(0);
/// Panics caught on worker threads and at the door.
pub static PANICS: AtomicU64 = AtomicU64::new(0);
/// Files opened for searching.
pub static FILES: AtomicU64 = AtomicU64::new(0);

/// Add one.
pub fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Read one.
pub fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
