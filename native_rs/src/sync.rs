//! Mutexes that go on after a panic: the panicking job is failed by the pool, the data here stays consistent by itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lock, ignoring poison.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
