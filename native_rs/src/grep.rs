//! The `grep` operation, from request to reply bytes. Runs in the calling thread, which waits; the pool's workers search.

use std::sync::Arc;
use std::time::Instant;

use crate::call::on_worker;
use crate::cancel::{Bell, Flag, Stop};
use crate::error::Result;
use crate::output::Reason;
use crate::pattern;
use crate::pool::{Job, pool};
use crate::request::{Order, Request};
use crate::search::Search;
use crate::walk::Walk;

/// Takes one chunk of a stream; false: its reader takes nothing any more, and the search ends with what it has (design 3.16).
pub type Emit<'e> = &'e mut dyn FnMut(&[u8]) -> bool;

/// Search, and return the tool's result object (protocol.md, row `grep`).
///
/// Errors: `invalidParams`, `tooLarge`, `notFound`, `outsideRoot`, `cancelled`, `failed`. A deadline is a success that says so.
pub fn run(body: &[u8], flag: &Arc<Flag>, emit: Emit<'_>) -> Result<Vec<u8>> {
    let request = Request::parse(body)?;
    let bell = Arc::new(Bell::default());
    let search = Arc::new(prepare(request, flag, &bell)?);
    flag.register(&bell);
    let job: Arc<dyn Job> = Arc::clone(&search) as Arc<dyn Job>;
    pool().submit(Arc::clone(&job))?;
    wait(&search, flag, &bell, emit);
    pool().remove(&job);
    match search.verdict() {
        Some(error) => Err(error),
        None => Ok(search.output.finish()),
    }
}

/// Compile and resolve on a worker, which has the stack for it (design 3.6).
fn prepare(request: Request, flag: &Arc<Flag>, bell: &Arc<Bell>) -> Result<Search> {
    let (flag, bell) = (Arc::clone(flag), Arc::clone(bell));
    on_worker(move || {
        let matcher = pattern::matcher(&request)?;
        let walk = Walk::new(&request, request.order == Order::Path)?;
        Ok(Search::new(request, matcher, walk, flag, bell))
    })
}

/// Wait until the last worker has left; hand out chunks meanwhile, and stop the search when it must stop.
fn wait(search: &Search, flag: &Flag, bell: &Bell, emit: Emit<'_>) {
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

fn flush(search: &Search, all: bool, emit: Emit<'_>) {
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
