//! The `ast_grep` operation, from request to reply bytes: ast-grep's own matchers on watched trees, in grep's frame of a search.

mod columns;
mod depth;
mod diff;
mod injected;
mod item;
mod languages;
mod literals;
mod parse;
mod query;
mod request;
mod shape;
mod source;
mod unit;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::call::on_worker;
use crate::cancel::{Bell, Flag};
use crate::drive::{Emit, drive};
use crate::error::Result;
use crate::json;
use crate::search::Search;
use crate::sync::lock;
use crate::walk::Walk;
use query::Query;
use request::{Ask, What};

/// Pieces of code that match a pattern or a rule.
pub struct Structural {
    query: Query,
    /// Whether a pattern's matches are rewritten.
    rewrites: bool,
    flag: Arc<Flag>,
    diffs: Mutex<BTreeMap<u64, FileDiff>>,
}

/// What rewriting all matches of one file would change.
struct FileDiff {
    items: u64,
    /// None: too long to be kept.
    text: Option<String>,
}

/// Search, and return the tool's result object (protocol.md, row `ast_grep`).
///
/// Errors: `invalidParams`, `tooLarge`, `notFound`, `outsideRoot`, `cancelled`, `failed`. A deadline is a success that says so.
pub fn run(body: &[u8], flag: &Arc<Flag>, emit: Emit<'_>) -> Result<Vec<u8>> {
    let bell = Arc::new(Bell::default());
    let search = Arc::new(prepare(body.to_vec(), flag, &bell)?);
    drive(&search, flag, &bell, emit)?;
    let (items, cut) = (search.output.items(), search.output.is_cut());
    if items == 0
        && !cut
        && let Some(fault) = search.tool.query.fault()
    {
        return Err(fault);
    }
    let diff = search.tool.diff(items, search.request.max_bytes);
    Ok(search.output.finish(&diff))
}

/// Read, compile and resolve on a worker, which has the stack for it (design 3.6).
fn prepare(body: Vec<u8>, flag: &Arc<Flag>, bell: &Arc<Bell>) -> Result<Search<Structural>> {
    let (flag, bell) = (Arc::clone(flag), Arc::clone(bell));
    on_worker(move || {
        let (ask, mut request) = Ask::parse(&body)?;
        let rewrites = matches!(&ask.what, What::Pattern(wanted) if wanted.rewrite.is_some());
        let query = Query::compile(ask)?;
        request.own_types = query
            .languages()
            .map(|wanted| languages::types(&wanted))
            .transpose()?;
        let walk = Walk::new(&request, true)?;
        let tool = Structural::new(query, rewrites, &flag);
        Ok(Search::new(request, tool, walk, flag, bell))
    })
}

impl Structural {
    /// Ready to search for `query`.
    fn new(query: Query, rewrites: bool, flag: &Arc<Flag>) -> Structural {
        Structural {
            query,
            rewrites,
            flag: Arc::clone(flag),
            diffs: Mutex::default(),
        }
    }

    /// Remember the diff of file number `number`, which has `items` matches.
    fn keep_diff(&self, number: u64, items: u64, text: Option<String>) {
        lock(&self.diffs).insert(number, FileDiff { items, text });
    }

    /// `"diff":"…",` of the files that are in the reply with all their matches, up to `max_bytes`; nothing where nothing is rewritten.
    fn diff(&self, taken: u64, max_bytes: u64) -> Vec<u8> {
        let diffs = std::mem::take(&mut *lock(&self.diffs));
        let mut out = Vec::new();
        if diffs.is_empty() && !self.rewrites {
            return out;
        }
        let (mut whole, mut items, mut clipped) = (String::new(), 0, false);
        for diff in diffs.into_values() {
            items += diff.items;
            let fits = |text: &String| (whole.len() + text.len()) as u64 <= max_bytes;
            match diff.text.filter(fits) {
                Some(text) if items <= taken && !clipped => whole.push_str(&text),
                _ => clipped = true,
            }
        }
        out.extend_from_slice(b"\"diff\":");
        json::string(&mut out, &whole);
        out.push(b',');
        if clipped {
            out.extend_from_slice(b"\"diffTruncated\":true,");
        }
        out
    }
}
