//! The crate's own worker threads. Jobs take turns slice by slice (design 3.17); beside them there is only the reaper of structural search.
//!
//! A worker never waits for a client and never touches Python. A panic fails its job and nothing else.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::stats;
use crate::sync::lock;

/// Nice value of a search thread: where cores are short, the loop and language servers go first. At 5 a search still gets a
/// third of what another busy process gets.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;
/// Regex compilers recurse by the pattern (design 3.6).
const STACK_BYTES: usize = 16 << 20;
/// More threads than this is a typing error.
pub const MAX_THREADS: usize = 256;
/// How long a job may keep a worker while another job waits.
const SLICE: Duration = Duration::from_millis(2);

/// Work that can be done in slices by several workers at once.
pub trait Job: Send + Sync {
    /// Whether a worker that comes now would find something to do. A hint: may be stale for a moment.
    fn has_work(&self) -> bool;
    /// Work until nothing is to be had or `turn.over()`.
    fn work(&self, turn: &Turn<'_>);
    /// A worker panicked inside `work`.
    fn panicked(&self, message: String);
}

/// A worker's permission to go on.
pub struct Turn<'p> {
    pool: &'p Pool,
    ends: Instant,
}

impl Turn<'_> {
    /// Whether the worker should leave this job to let another one run.
    pub fn over(&self) -> bool {
        self.pool.jobs.load(Ordering::Relaxed) > 1 && Instant::now() >= self.ends
    }
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Arc<dyn Job>>,
    started: usize,
    wanted: usize,
}

/// The threads and the jobs they take turns at.
pub struct Pool {
    state: Mutex<State>,
    work: Condvar,
    jobs: AtomicUsize,
    asleep: AtomicUsize,
    busy: AtomicUsize,
}

/// What `stats` shows.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    pub workers: usize,
    pub busy: usize,
    pub active: usize,
    pub waiting: usize,
}

/// The process's one pool; its threads start with the first job.
pub fn pool() -> &'static Arc<Pool> {
    static POOL: OnceLock<Arc<Pool>> = OnceLock::new();
    POOL.get_or_init(|| {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Arc::new(Pool {
            state: Mutex::new(State {
                wanted: cores.min(4),
                ..State::default()
            }),
            work: Condvar::new(),
            jobs: AtomicUsize::new(0),
            asleep: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
        })
    })
}

impl Pool {
    /// How many threads there shall be; surplus ones end after their slice.
    pub fn resize(&self, threads: usize) -> Result<()> {
        if threads == 0 || threads > MAX_THREADS {
            return Err(Error::invalid(
                format!("threads: expected 1 to {MAX_THREADS}, got {threads}"),
                "leave it out for the default",
            ));
        }
        lock(&self.state).wanted = threads;
        self.work.notify_all();
        Ok(())
    }

    /// What there is right now.
    pub fn snapshot(&self) -> Snapshot {
        let state = lock(&self.state);
        Snapshot {
            workers: state.started.min(state.wanted),
            busy: self.busy.load(Ordering::Relaxed),
            active: state.jobs.len(),
            waiting: state.jobs.iter().filter(|job| job.has_work()).count(),
        }
    }

    /// Let the workers at `job` until `remove`.
    pub fn submit(self: &Arc<Pool>, job: Arc<dyn Job>) -> Result<()> {
        let mut state = lock(&self.state);
        while state.started < state.wanted {
            let index = state.started;
            let pool = Arc::clone(self);
            thread::Builder::new()
                .name(format!("sidecar-search-{index}"))
                .stack_size(STACK_BYTES)
                .spawn(move || {
                    step_back();
                    pool.serve(index);
                })
                .map_err(|cause| {
                    Error::failed(
                        format!("cannot start a search thread: {cause}"),
                        "check the limits on threads and memory",
                    )
                })?;
            state.started += 1;
        }
        state.jobs.push_back(job);
        self.jobs.store(state.jobs.len(), Ordering::SeqCst);
        drop(state);
        self.work.notify_all();
        Ok(())
    }

    /// Forget `job`; workers inside it finish their step.
    pub fn remove(&self, job: &Arc<dyn Job>) {
        let mut state = lock(&self.state);
        state.jobs.retain(|other| !Arc::ptr_eq(other, job));
        self.jobs.store(state.jobs.len(), Ordering::SeqCst);
    }

    /// Tell sleeping workers that a job which had nothing to do has something now.
    pub fn wake(&self) {
        if self.asleep.load(Ordering::SeqCst) > 0 {
            // The lock orders this with a worker between its last look and its sleep.
            drop(lock(&self.state));
            self.work.notify_all();
        }
    }

    fn serve(&self, index: usize) {
        while let Some(job) = self.next(index) {
            self.busy.fetch_add(1, Ordering::Relaxed);
            let turn = Turn {
                pool: self,
                ends: Instant::now() + SLICE,
            };
            if let Err(cause) = catch_unwind(AssertUnwindSafe(|| job.work(&turn))) {
                stats::bump(&stats::PANICS);
                job.panicked(panic_text(cause.as_ref()));
            }
            self.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The next job with work, in turn; None when this thread is surplus.
    fn next(&self, index: usize) -> Option<Arc<dyn Job>> {
        let mut state = lock(&self.state);
        loop {
            if index >= state.wanted && index + 1 == state.started {
                state.started -= 1;
                self.work.notify_all();
                return None;
            }
            if index < state.wanted {
                self.asleep.fetch_add(1, Ordering::SeqCst);
                let found = state.jobs.iter().position(|job| job.has_work());
                if let Some(job) = found.and_then(|at| state.jobs.remove(at)) {
                    self.asleep.fetch_sub(1, Ordering::SeqCst);
                    state.jobs.push_back(Arc::clone(&job));
                    return Some(job);
                }
            } else {
                self.asleep.fetch_add(1, Ordering::SeqCst);
            }
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            self.asleep.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Lower the calling thread's priority (on Linux `setpriority` of "oneself" means the thread). Refused: it searches as it is.
fn step_back() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// What a panic said.
pub fn panic_text(cause: &(dyn std::any::Any + Send)) -> String {
    cause
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}
