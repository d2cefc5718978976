//! The `glob` operation: the files that a search would cover, by name. The walk and its rules are grep's; nothing is opened.

use std::sync::Arc;

use crate::call::on_worker;
use crate::cancel::{Bell, Flag};
use crate::drive::{Emit, drive};
use crate::error::Result;
use crate::json;
use crate::output::Items;
use crate::request::Request;
use crate::search::{Search, Tool};
use crate::walk::{Candidate, Walk};

/// Files by name.
struct Glob;

/// One worker's buffers.
#[derive(Default)]
struct Local {
    items: Items,
    shown: Vec<u8>,
}

impl Tool for Glob {
    type Local = Local;

    fn local(&self, _search: &Search<Glob>) -> Local {
        Local::default()
    }

    fn search(search: &Search<Glob>, local: &mut Local, number: u64, candidate: &Candidate) {
        local.items.begin(candidate);
        search.walk.shown(candidate, &mut local.shown);
        json::string(
            &mut local.items.bytes,
            &String::from_utf8_lossy(&local.shown),
        );
        local.items.end_item();
        local.items.whole = true;
        search.handed(search.output.file(number, &mut local.items, true));
    }
}

/// List, and return the tool's result object (protocol.md, row `glob`).
///
/// Errors: `invalidParams`, `tooLarge`, `notFound`, `outsideRoot`, `cancelled`, `failed`. A deadline is a success that says so.
pub fn run(body: &[u8], flag: &Arc<Flag>, emit: Emit<'_>) -> Result<Vec<u8>> {
    let request = Request::parse_glob(body)?;
    let bell = Arc::new(Bell::default());
    let search = Arc::new(prepare(request, flag, &bell)?);
    drive(&search, flag, &bell, emit)?;
    Ok(search.output.finish_plain())
}

/// Compile and resolve on a worker, which has the stack for it (design 3.6).
fn prepare(request: Request, flag: &Arc<Flag>, bell: &Arc<Bell>) -> Result<Search<Glob>> {
    let (flag, bell) = (Arc::clone(flag), Arc::clone(bell));
    on_worker(move || {
        let walk = Walk::new(&request, true)?;
        Ok(Search::new(request, Glob, walk, flag, bell))
    })
}
