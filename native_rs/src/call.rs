//! A single closure as a job of the pool: for what needs a worker's stack, and for the faults that tests ask for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::cancel::Bell;
use crate::error::{Error, Result};
use crate::pool::{Job, Turn, pool};
use crate::sync::lock;

type Task<T> = Box<dyn FnOnce() -> Result<T> + Send>;

struct Call<T> {
    task: Mutex<Option<Task<T>>>,
    result: Mutex<Option<Result<T>>>,
    waiting: AtomicBool,
    bell: Bell,
}

impl<T: Send> Job for Call<T> {
    fn has_work(&self) -> bool {
        self.waiting.load(Ordering::SeqCst)
    }

    fn work(&self, _turn: &Turn<'_>) {
        self.waiting.store(false, Ordering::SeqCst);
        let task = lock(&self.task).take();
        if let Some(task) = task {
            let result = task();
            *lock(&self.result) = Some(result);
            self.bell.ring();
        }
    }

    fn panicked(&self, message: String) {
        let error = Error::failed(
            format!("the native part panicked: {message}"),
            "this is a bug; `sidecar logs` has the details",
        );
        *lock(&self.result) = Some(Err(error));
        self.bell.ring();
    }
}

/// Run `task` on a worker and wait for it.
pub fn on_worker<T: Send + 'static>(
    task: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let call = Arc::new(Call {
        task: Mutex::new(Some(Box::new(task))),
        result: Mutex::new(None),
        waiting: AtomicBool::new(true),
        bell: Bell::default(),
    });
    let job: Arc<dyn Job> = Arc::clone(&call) as Arc<dyn Job>;
    pool().submit(Arc::clone(&job))?;
    let result = loop {
        call.bell.wait(None);
        if let Some(result) = lock(&call.result).take() {
            break result;
        }
    };
    pool().remove(&job);
    result
}
