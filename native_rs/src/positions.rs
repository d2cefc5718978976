//! Columns in the three position encodings of LSP 3.17. Bytes in, numbers out.

use bstr::ByteSlice as _;

/// LSP's PositionEncodingKind: the unit in which a `character` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16,
    Utf32,
}

impl Encoding {
    /// By its LSP name.
    pub fn named(name: &str) -> Option<Encoding> {
        match name {
            "utf-8" => Some(Encoding::Utf8),
            "utf-16" => Some(Encoding::Utf16),
            "utf-32" => Some(Encoding::Utf32),
            _ => None,
        }
    }

    /// How many units `prefix`, the start of a line, has. A byte sequence that is not UTF-8 counts as U+FFFD does.
    pub fn units(self, prefix: &[u8]) -> usize {
        if self == Encoding::Utf8 || prefix.is_ascii() {
            return prefix.len();
        }
        match self {
            Encoding::Utf16 => prefix.chars().map(char::len_utf16).sum(),
            _ => prefix.chars().count(),
        }
    }
}

/// Line (counted from the start of `text`) and column of byte `at` in `text`, which may hold several lines.
pub fn position(encoding: Encoding, text: &[u8], at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line = memchr::memchr_iter(b'\n', before).count();
    let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    (line, encoding.units(&before[start..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emoji_is_four_two_or_one_units() {
        let text = "\u{1F600}x".as_bytes();
        assert_eq!(Encoding::Utf8.units(&text[..4]), 4);
        assert_eq!(Encoding::Utf16.units(&text[..4]), 2);
        assert_eq!(Encoding::Utf32.units(&text[..4]), 1);
    }

    #[test]
    fn a_position_after_a_line_end_counts_from_the_new_line() {
        assert_eq!(position(Encoding::Utf16, "ab\näc".as_bytes(), 5), (1, 1));
    }
}
