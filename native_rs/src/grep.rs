//! The `grep` operation, from request to reply bytes. Runs in the calling thread, which waits; the pool's workers search.

use std::sync::Arc;

use crate::call::on_worker;
use crate::cancel::{Bell, Flag};
use crate::drive::{Emit, drive};
use crate::error::Result;
use crate::pattern;
use crate::request::{Order, Request};
use crate::search::Search;
use crate::walk::Walk;
use crate::worker::Grep;

/// Search, and return the tool's result object (protocol.md, row `grep`).
///
/// Errors: `invalidParams`, `tooLarge`, `notFound`, `outsideRoot`, `cancelled`, `failed`. A deadline is a success that says so.
pub fn run(body: &[u8], flag: &Arc<Flag>, emit: Emit<'_>) -> Result<Vec<u8>> {
    let request = Request::parse(body)?;
    let bell = Arc::new(Bell::default());
    let search = Arc::new(prepare(request, flag, &bell)?);
    drive(&search, flag, &bell, emit)?;
    Ok(search.output.finish(b""))
}

/// Compile and resolve on a worker, which has the stack for it (design 3.6).
fn prepare(request: Request, flag: &Arc<Flag>, bell: &Arc<Bell>) -> Result<Search<Grep>> {
    let (flag, bell) = (Arc::clone(flag), Arc::clone(bell));
    on_worker(move || {
        let matcher = pattern::matcher(&request)?;
        let walk = Walk::new(&request, request.order == Order::Path)?;
        Ok(Search::new(request, Grep { matcher }, walk, flag, bell))
    })
}
