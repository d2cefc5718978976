//! The one door's inside: operation name and bytes in, bytes out. Knows no Python, so that it can be tested without one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::cancel::Flag;
use crate::drive::Emit;
use crate::error::{Error, Result};
use crate::pool::{panic_text, pool};
#[cfg(feature = "structural")]
use crate::structural;
use crate::{fault, glob, grep, json, stats};

/// Run an operation. Blocks until no worker is in it any more. A panic becomes `failed`.
pub fn run(op: &str, body: &[u8], flag: &Arc<Flag>, emit: Emit<'_>) -> Result<Vec<u8>> {
    let ran = catch_unwind(AssertUnwindSafe(|| match op {
        "grep" => grep::run(body, flag, emit),
        "glob" => glob::run(body, flag, emit),
        #[cfg(feature = "structural")]
        "ast_grep" => structural::run(body, flag, emit),
        "fault" => fault::run(body, flag),
        _ => Err(Error::invalid(
            format!("op: {op} is none of grep, glob, ast_grep, fault"),
            "this is a bug of the caller",
        )),
    }));
    ran.unwrap_or_else(|cause| {
        stats::bump(&stats::PANICS);
        Err(Error::failed(
            format!("the native part panicked: {}", panic_text(cause.as_ref())),
            "this is a bug; `sidecar logs` has the details",
        ))
    })
}

/// The crate's counters as a JSON object.
pub fn stats_json() -> Vec<u8> {
    let now = pool().snapshot();
    let rows: [(&str, u64); 8] = [
        ("activeSearches", now.active as u64),
        ("workers", now.workers as u64),
        ("busy", now.busy as u64),
        ("queuedUnits", now.waiting as u64),
        ("units", stats::read(&stats::UNITS)),
        ("unitsAfterStop", stats::read(&stats::UNITS_AFTER_STOP)),
        ("files", stats::read(&stats::FILES)),
        ("panics", stats::read(&stats::PANICS)),
    ];
    let mut out = vec![b'{'];
    for (index, (name, value)) in rows.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::string(&mut out, name);
        out.push(b':');
        json::number(&mut out, *value);
    }
    out.push(b'}');
    out
}

/// Version, commit and the versions of the search crates, as a JSON object.
pub fn build_json() -> Vec<u8> {
    let rows = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("commit", option_env!("SIDECAR_COMMIT").unwrap_or("unknown")),
        ("grepSearcher", env!("SIDECAR_GREP_SEARCHER")),
        ("grepRegex", env!("SIDECAR_GREP_REGEX")),
        ("ignore", env!("SIDECAR_IGNORE")),
    ];
    let mut out = vec![b'{'];
    for (index, (name, value)) in rows.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::string(&mut out, name);
        out.push(b':');
        json::string(&mut out, value);
    }
    out.push(b'}');
    out
}
