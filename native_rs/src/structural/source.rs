//! One file's text, as the ast-grep CLI takes or skips it.

use std::io::Read as _;

use super::Structural;
use crate::search::Search;
use crate::stats;
use crate::walk::Candidate;
use crate::worker::{Polled, bump};

/// A tree is some 25 times its text, so this bounds a worker's memory. The CLI has no such bound; such files count as `tooLarge`.
const MAX_BYTES: u64 = 32 << 20;
/// The CLI's own bound: files that are longer and have more lines.
const LONG_BYTES: usize = 3_000_000;
const LONG_LINES: usize = 200_000;

/// Read the file into `bytes`. Whether there is a text to search; what there is instead is counted.
pub fn read(search: &Search<Structural>, candidate: &Candidate, bytes: &mut Vec<u8>) -> bool {
    let opened = search.walk.open(candidate);
    let (file, size) = match opened {
        Ok(opened) => opened,
        Err(cause) => {
            search.unreadable(&cause);
            return false;
        }
    };
    stats::bump(&stats::FILES);
    bump(&search.output.searched);
    let skipped = &search.output.skipped;
    if size > MAX_BYTES {
        bump(&skipped.too_large);
        return false;
    }
    bytes.clear();
    let polled = Polled {
        file,
        size,
        position: 0,
        search,
    };
    // It may have grown since it was opened.
    if let Err(cause) = polled.take(MAX_BYTES).read_to_end(bytes) {
        if !search.stopped(false) {
            search.unreadable(&cause);
        }
        return false;
    }
    if std::str::from_utf8(bytes).is_err() {
        bump(&skipped.binary);
        return false;
    }
    if bytes.len() > LONG_BYTES && lines(bytes) > LONG_LINES {
        bump(&skipped.too_large);
        return false;
    }
    !bytes.is_empty()
}

/// As `str::lines` counts: what follows the last line end is a line unless it is empty.
fn lines(bytes: &[u8]) -> usize {
    let ends = memchr::memchr_iter(b'\n', bytes).count();
    ends + usize::from(bytes.last().is_some_and(|last| *last != b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_by_the_standard_library() {
        for text in ["", "a", "a\n", "a\nb", "\n\n", "a\r\nb\r\n"] {
            assert_eq!(lines(text.as_bytes()), text.lines().count(), "{text:?}");
        }
    }
}
