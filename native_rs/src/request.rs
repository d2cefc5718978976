//! The `grep` request: JSON in, checked values out. Defaults and bounds of protocol.md's row are made here, nowhere else.

use std::path::PathBuf;

use ignore::types::Types;
use serde::Deserialize;

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::positions::Encoding;

/// Together the patterns of one request; a bigger one is a mistake, and costs seconds to compile.
const MAX_PATTERN_BYTES: usize = 1 << 20;
/// Above this a context is a file: the searcher would keep that many lines in memory.
const MAX_CONTEXT_LINES: usize = 10_000;
/// The most a reply may ask for; the daemon's own outbox is bounded far below.
const MAX_REPLY_BYTES: u64 = 1 << 30;
/// Paths in a reply of `glob`, unless asked for more; and the bytes of its reply, which are not asked for.
const MAX_GLOBBED: u64 = 10_000;
const MAX_GLOB_BYTES: u64 = 256 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    #[default]
    Sensitive,
    Insensitive,
    Smart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Matches,
    Files,
    Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    #[default]
    Path,
    Any,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_list(self) -> Vec<String> {
        match self {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

/// The request as it comes; every optional member may be null or absent, and unknown ones are ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    root: String,
    pattern: Option<OneOrMany>,
    patterns: Option<OneOrMany>,
    paths: Option<Vec<String>>,
    fixed_strings: Option<bool>,
    case: Option<Case>,
    word: Option<bool>,
    multiline: Option<bool>,
    invert: Option<bool>,
    globs: Option<Vec<String>>,
    types: Option<Vec<String>>,
    hidden: Option<bool>,
    no_ignore: Option<bool>,
    follow: Option<bool>,
    before: Option<usize>,
    after: Option<usize>,
    mode: Option<Mode>,
    max_per_file: Option<u64>,
    limit: Option<u64>,
    max_bytes: Option<u64>,
    max_line_bytes: Option<usize>,
    order: Option<Order>,
    cursor: Option<String>,
    encoding: Option<String>,
    stream: Option<bool>,
    roots: Option<Vec<PathBuf>>,
}

/// A checked request.
#[derive(Debug, Clone)]
pub struct Request {
    pub root: PathBuf,
    pub patterns: Vec<String>,
    pub paths: Vec<String>,
    pub fixed_strings: bool,
    pub case: Case,
    pub word: bool,
    pub multiline: bool,
    pub invert: bool,
    pub globs: Vec<String>,
    pub types: Vec<String>,
    /// File types of the tool's own, instead of rg's by name.
    pub own_types: Option<Types>,
    /// Whether `.rgignore` files count.
    pub rgignore: bool,
    pub hidden: bool,
    pub no_ignore: bool,
    pub follow: bool,
    pub before: usize,
    pub after: usize,
    pub mode: Mode,
    pub max_per_file: Option<u64>,
    pub limit: u64,
    pub max_bytes: u64,
    pub max_line_bytes: usize,
    pub order: Order,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// Whether a truncated result says where the next page starts.
    pub pages: bool,
    pub encoding: Encoding,
    /// Whether matches leave through `emit`; only matches do.
    pub stream: bool,
    /// A reader's bound: paths and symlink targets must stay inside one of these.
    pub roots: Option<Vec<PathBuf>>,
}

impl Request {
    /// Read and check a request.
    ///
    /// Errors: `invalidParams` that names the field, `tooLarge` for a pattern over its bound.
    pub fn parse(bytes: &[u8]) -> Result<Request> {
        let mut wire = Wire::parse(bytes, "grep")?;
        let Some(given) = wire.pattern.take() else {
            return Err(Error::invalid(
                "grep: missing field `pattern`",
                "send a string or a list of strings",
            ));
        };
        let patterns = patterns(given)?;
        Ok(Request {
            patterns,
            ..wire.check()?
        })
    }

    /// Read what every search has (where, how much, in which encoding) from another tool's request.
    ///
    /// Errors: `invalidParams` that names the tool and the field.
    #[cfg(feature = "structural")]
    pub fn parse_walk(bytes: &[u8], tool: &str) -> Result<Request> {
        let request = Wire::parse(bytes, tool)?.check()?;
        Ok(Request {
            types: Vec::new(),
            mode: Mode::Matches,
            order: Order::Path,
            rgignore: false,
            pages: false,
            ..request
        })
    }

    /// Read a request of the tool `glob`: its patterns are globs, and what it hands out are files.
    ///
    /// Errors: `invalidParams` that names the field.
    pub fn parse_glob(bytes: &[u8]) -> Result<Request> {
        let mut wire = Wire::parse(bytes, "glob")?;
        let Some(given) = wire.patterns.take() else {
            return Err(Error::invalid(
                "glob: missing field `patterns`",
                "send a string or a list of strings",
            ));
        };
        let limit = wire.limit.unwrap_or(MAX_GLOBBED);
        Ok(Request {
            globs: given.into_list(),
            limit,
            max_bytes: MAX_GLOB_BYTES,
            mode: Mode::Files,
            order: Order::Path,
            stream: false,
            ..wire.check()?
        })
    }
}

impl Wire {
    fn parse(bytes: &[u8], tool: &str) -> Result<Wire> {
        serde_json::from_slice(bytes).map_err(|cause| {
            Error::invalid(
                format!("{tool}: {cause}"),
                format!("see sidecar/tools/list for the arguments of {tool}"),
            )
        })
    }

    fn check(self) -> Result<Request> {
        let root = PathBuf::from(&self.root);
        if !root.is_absolute() {
            return Err(Error::invalid(
                "root: expected an absolute path",
                "send the absolute path of the folder",
            ));
        }
        let encoding = named_encoding(self.encoding.as_deref())?;
        let mode = self.mode.unwrap_or_default();
        let order = self.order.unwrap_or_default();
        let cursor = self.cursor.as_deref().map(Cursor::decode).transpose()?;
        if cursor.is_some() && order == Order::Any {
            return Err(Error::invalid(
                "cursor: there is none in order `any`",
                "search in order `path` from the first page on",
            ));
        }
        Ok(Request {
            root,
            patterns: Vec::new(),
            paths: self
                .paths
                .filter(|paths| !paths.is_empty())
                .unwrap_or_else(|| vec![".".to_owned()]),
            fixed_strings: self.fixed_strings.unwrap_or(false),
            case: self.case.unwrap_or_default(),
            word: self.word.unwrap_or(false),
            multiline: self.multiline.unwrap_or(false),
            invert: self.invert.unwrap_or(false),
            globs: self.globs.unwrap_or_default(),
            types: self.types.unwrap_or_default(),
            own_types: None,
            rgignore: true,
            hidden: self.hidden.unwrap_or(false),
            no_ignore: self.no_ignore.unwrap_or(false),
            follow: self.follow.unwrap_or(false),
            before: self.before.unwrap_or(0).min(MAX_CONTEXT_LINES),
            after: self.after.unwrap_or(0).min(MAX_CONTEXT_LINES),
            mode,
            max_per_file: self.max_per_file,
            limit: self.limit.unwrap_or(1000),
            max_bytes: self.max_bytes.unwrap_or(1 << 20).min(MAX_REPLY_BYTES),
            max_line_bytes: self.max_line_bytes.unwrap_or(4096).max(1),
            order,
            cursor,
            pages: order == Order::Path,
            encoding,
            stream: self.stream.unwrap_or(false) && mode == Mode::Matches,
            roots: self.roots,
        })
    }
}

fn named_encoding(name: Option<&str>) -> Result<Encoding> {
    let name = name.unwrap_or("utf-16");
    Encoding::named(name).ok_or_else(|| {
        Error::invalid(
            format!("encoding: {name} is none of utf-8, utf-16, utf-32"),
            "use a PositionEncodingKind of LSP 3.17",
        )
    })
}

fn patterns(given: OneOrMany) -> Result<Vec<String>> {
    let patterns = given.into_list();
    if patterns.is_empty() {
        return Err(Error::invalid(
            "pattern: expected at least one",
            "send a string or a list of strings",
        ));
    }
    if patterns.iter().map(String::len).sum::<usize>() > MAX_PATTERN_BYTES {
        return Err(Error::too_large(
            "pattern: over 1 MiB",
            "search for fewer or shorter patterns",
        ));
    }
    Ok(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_gets_the_protocols_defaults() {
        let request = Request::parse(br#"{"root":"/x","pattern":"a","limit":null}"#).unwrap();
        assert_eq!(
            (request.limit, request.max_bytes, request.max_line_bytes),
            (1000, 1 << 20, 4096)
        );
        assert_eq!(
            (request.paths, request.order, request.mode),
            (vec![".".to_owned()], Order::Path, Mode::Matches)
        );
    }

    #[test]
    fn a_wrong_type_names_what_was_expected() {
        let error = Request::parse(br#"{"root":"/x","pattern":"a","word":"yes"}"#).unwrap_err();
        assert!(error.message().contains("expected a boolean"), "{error}");
        assert_eq!(error.kind(), "invalidParams");
    }

    #[test]
    fn a_huge_pattern_is_too_large() {
        let body = format!(
            r#"{{"root":"/x","pattern":"{}"}}"#,
            "a".repeat(MAX_PATTERN_BYTES + 1)
        );
        assert_eq!(
            Request::parse(body.as_bytes()).unwrap_err().kind(),
            "tooLarge"
        );
    }
}
