//! Where the next page of a truncated result starts. Opaque to clients; made and read only here.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, Result};

/// Behind everything in a file.
pub const WHOLE_FILE: u64 = u64::MAX;
/// The first byte, so that a later version can tell what it reads.
const VERSION: u8 = 1;
/// A path has at most 4 KiB (PATH_MAX).
const MAX_BYTES: usize = 16 << 10;

/// The last place that a page holds: everything up to it, in path order, was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Which of the request's paths, in the order in which they are searched.
    pub root: usize,
    /// Path below it, bytes.
    pub rel: Vec<u8>,
    /// Byte offset of the last match's line, or `WHOLE_FILE`.
    pub offset: u64,
}

impl Cursor {
    /// As text for a reply.
    pub fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&(self.root as u32).to_le_bytes());
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(&self.rel);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// From a request's text.
    ///
    /// Errors: `invalidParams` for anything that `encode` did not make.
    pub fn decode(text: &str) -> Result<Cursor> {
        if text.len() > MAX_BYTES {
            return Err(wrong());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        let (&version, rest) = bytes.split_first().ok_or_else(wrong)?;
        let (root, rest) = rest.split_first_chunk::<4>().ok_or_else(wrong)?;
        let (offset, rel) = rest.split_first_chunk::<8>().ok_or_else(wrong)?;
        if version != VERSION || rel.contains(&0) {
            return Err(wrong());
        }
        Ok(Cursor {
            root: u32::from_le_bytes(*root) as usize,
            rel: rel.to_vec(),
            offset: u64::from_le_bytes(*offset),
        })
    }

    /// Whether nothing of this file is left; `rel` is below root number `root`.
    pub fn is_past_file(&self, root: usize, rel: &Path) -> bool {
        let rel = rel.as_os_str().as_bytes();
        root < self.root
            || (root == self.root
                && (rel < self.rel.as_slice() || (rel == self.rel && self.offset == WHOLE_FILE)))
    }

    /// Whether nothing below this folder is left.
    pub fn is_past_folder(&self, root: usize, rel: &Path) -> bool {
        let rel = rel.as_os_str().as_bytes();
        if root != self.root || rel.is_empty() {
            return root < self.root;
        }
        let prefix = || rel.iter().chain(b"/");
        prefix().lt(self.rel.iter()) && !prefix().eq(self.rel.iter().take(rel.len() + 1))
    }

    /// The offset up to which the matches of this file were handed out, if it is the file where the page ended.
    pub fn offset_in(&self, root: usize, rel: &Path) -> Option<u64> {
        (root == self.root && rel.as_os_str() == OsStr::from_bytes(&self.rel))
            .then_some(self.offset)
    }
}

fn wrong() -> Error {
    Error::invalid(
        "cursor: no cursor of this search",
        "send the `cursor` of the reply before, with all other arguments as they were",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(rel: &str, offset: u64) -> Cursor {
        Cursor {
            root: 1,
            rel: rel.as_bytes().to_vec(),
            offset,
        }
    }

    #[test]
    fn a_cursor_reads_back_as_it_was() {
        let cursor = at("src/ü.rs", 77);
        assert_eq!(Cursor::decode(&cursor.encode()).unwrap(), cursor);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "x", "AAAA", "!", &"A".repeat(100_000)] {
            assert_eq!(Cursor::decode(text).unwrap_err().kind(), "invalidParams");
        }
    }

    #[test]
    fn what_lies_behind_the_cursor_in_byte_order_is_left() {
        let cursor = at("a/m", 5);
        let past_file = |rel: &str| cursor.is_past_file(1, Path::new(rel));
        let past_folder = |rel: &str| cursor.is_past_folder(1, Path::new(rel));
        assert!(past_file("a-b") && past_file("a/l") && !past_file("a/m") && !past_file("a0"));
        assert!(past_folder("A") && past_folder("a/k") && past_folder("a-"));
        assert!(!past_folder("a") && !past_folder("a/m") && !past_folder("b") && !past_folder(""));
        assert!(at("a/m", WHOLE_FILE).is_past_file(1, Path::new("a/m")));
        assert!(cursor.is_past_file(0, Path::new("z")) && !cursor.is_past_folder(2, Path::new("")));
    }
}
