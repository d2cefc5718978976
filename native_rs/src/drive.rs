//! A prepared search, run to its end: the calling thread waits and hands out chunks, the pool's workers search.

use std::sync::Arc;
use std::time::Instant;

use crate::cancel::{Bell, Flag, Stop};
use crate::error::Result;
use crate::output::Reason;
use crate::pool::{Job, pool};
use crate::search::{Search, Tool};

/// Takes one chunk of a stream; false: its reader takes nothing any more, and the search ends with what it has (design 3.16).
pub type Emit<'e> = &'e mut dyn FnMut(&[u8]) -> bool;

/// Let the workers at `search` and wait until the last one has left. Its output is then complete.
///
/// Errors: `cancelled`, `failed`. A deadline is no error.
pub fn drive<T: Tool>(
    search: &Arc<Search<T>>,
    flag: &Flag,
    bell: &Arc<Bell>,
    emit: Emit<'_>,
) -> Result<()> {
    flag.register(bell);
    let job: Arc<dyn Job> = Arc::clone(search) as Arc<dyn Job>;
    pool().submit(Arc::clone(&job))?;
    wait(search, flag, bell, emit);
    pool().remove(&job);
    search.verdict().map_or(Ok(()), Err)
}

/// Wait until the last worker has left; hand out chunks meanwhile, and stop the search when it must stop.
fn wait<T: Tool>(search: &Search<T>, flag: &Flag, bell: &Bell, emit: Emit<'_>) {
    while !search.is_done() {
        let deadline = if search.is_halted() {
            None
        } else {
            flag.deadline()
        };
        bell.wait(earlier(search.output.due(), deadline));
        if !search.is_halted()
            && let Some(stop) = flag.poll()
        {
            search.halt(stop);
        }
        flush(search, false, emit);
    }
    if !flag.is_set() {
        flush(search, true, emit);
    }
}

fn flush<T: Tool>(search: &Search<T>, all: bool, emit: Emit<'_>) {
    if let Some(chunk) = search.output.chunk(all)
        && !emit(&chunk)
    {
        search.output.cut(Reason::SlowReader);
        search.halt(Stop::Deadline);
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
