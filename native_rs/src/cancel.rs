//! One request's stop flag and deadline. Whoever waits for the request registers a bell that `set` rings.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// Why work has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Cancelled,
    Deadline,
}

/// A bell one thread waits at and others ring. Ringing before the wait is not lost.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    /// Wake the waiter, now or at its next wait.
    pub fn ring(&self) {
        *lock(&self.rung) = true;
        self.changed.notify_all();
    }

    /// Wait until rung, or until `until`.
    pub fn wait(&self, until: Option<Instant>) {
        let mut rung = lock(&self.rung);
        while !*rung {
            match until {
                None => {
                    rung = self
                        .changed
                        .wait(rung)
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                }
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    rung = self
                        .changed
                        .wait_timeout(rung, left)
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .0;
                }
            }
        }
        *rung = false;
    }
}

/// The flag itself. Cheap to poll: one relaxed load, plus one clock read where a deadline is checked.
#[derive(Debug)]
pub struct Flag {
    set: AtomicBool,
    deadline: Option<Instant>,
    bell: Mutex<Option<Arc<Bell>>>,
}

impl Flag {
    /// A flag whose deadline is `at_s` seconds of CLOCK_MONOTONIC (Python's `time.monotonic()`).
    pub fn at_monotonic(at_s: f64) -> Flag {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now_s = now.tv_sec as f64 + now.tv_nsec as f64 / 1e9;
        // A year is "no deadline": Duration::try_from_secs_f64 and Instant both overflow far above it.
        let left_s = (at_s - now_s).clamp(0.0, 31_536_000.0);
        let deadline = Duration::try_from_secs_f64(left_s)
            .ok()
            .and_then(|left| Instant::now().checked_add(left));
        Flag {
            set: AtomicBool::new(false),
            deadline,
            bell: Mutex::new(None),
        }
    }

    /// A flag without a deadline.
    pub fn never() -> Flag {
        Flag {
            set: AtomicBool::new(false),
            deadline: None,
            bell: Mutex::new(None),
        }
    }

    /// Ask the work to stop. Any thread; at once.
    pub fn set(&self) {
        self.set.store(true, Ordering::SeqCst);
        if let Some(bell) = lock(&self.bell).as_ref() {
            bell.ring();
        }
    }

    /// Whether `set` was called.
    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::Relaxed)
    }

    /// When the work has to end by itself.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Why the work has to stop now, if it has to.
    pub fn poll(&self) -> Option<Stop> {
        if self.is_set() {
            return Some(Stop::Cancelled);
        }
        self.deadline
            .filter(|at| Instant::now() >= *at)
            .map(|_| Stop::Deadline)
    }

    /// The bell that `set` rings from now on; rung at once if the flag is set already.
    pub fn register(&self, bell: &Arc<Bell>) {
        *lock(&self.bell) = Some(Arc::clone(bell));
        if self.is_set() {
            bell.ring();
        }
    }
}
