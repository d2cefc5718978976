//! A document's text in a rope: a change costs what it touches, not what the document is. Positions are LSP 3.17's.

use ropey::Rope;

use crate::error::{Error, Result};
use crate::json;
use crate::positions::Encoding;

/// An immutable text. Copies share their memory.
#[derive(Debug, Clone)]
pub struct Text {
    rope: Rope,
}

impl Text {
    /// From a string.
    pub fn new(content: &str) -> Text {
        Text {
            rope: Rope::from_str(content),
        }
    }

    /// From UTF-8 bytes. Errors: `invalidParams` with the place of the first byte that is none.
    pub fn from_utf8(content: &[u8]) -> Result<Text> {
        let content = std::str::from_utf8(content).map_err(|cause| {
            Error::invalid(
                format!("text: not UTF-8 at byte {}", cause.valid_up_to()),
                "send the text as UTF-8",
            )
        })?;
        Ok(Text::new(content))
    }

    /// A new text with the range between two (line, character) positions replaced.
    ///
    /// A character beyond its line means the line's end (LSP 3.17, Position); a line beyond the text means the text's end.
    /// Errors: `invalidParams` when the range ends before it starts.
    pub fn apply(
        &self,
        start: (usize, usize),
        end: (usize, usize),
        encoding: Encoding,
        new_text: &str,
    ) -> Result<Text> {
        let (from, to) = (self.index(start, encoding), self.index(end, encoding));
        if to < from {
            return Err(Error::invalid(
                "range: ends before it starts",
                "send start and end in order",
            ));
        }
        let mut rope = self.rope.clone();
        let changed = rope
            .try_remove(from..to)
            .and_then(|()| rope.try_insert(from, new_text));
        changed.map_err(|cause| {
            Error::failed(format!("the change could not be applied: {cause}"), "")
        })?;
        Ok(Text { rope })
    }

    /// The text as a JSON string literal.
    pub fn json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.rope.len_bytes() + self.rope.len_bytes() / 16 + 2);
        out.push(b'"');
        for chunk in self.rope.chunks() {
            json::escaped(&mut out, chunk);
        }
        out.push(b'"');
        out
    }

    /// Line `n`, 0-based, without its end. Errors: `invalidParams` beyond the last line.
    pub fn line(&self, n: usize) -> Result<String> {
        let line = self.rope.get_line(n).ok_or_else(|| {
            Error::invalid(
                format!("line {n} of {}", self.line_count()),
                "ask for a line below line_count",
            )
        })?;
        let mut line = line.to_string();
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        Ok(line)
    }

    /// Bytes of UTF-8.
    pub fn len_bytes(&self) -> usize {
        self.rope.len_bytes()
    }

    /// Lines; a text that ends with a line end has an empty one behind it.
    pub fn line_count(&self) -> usize {
        self.rope.len_lines()
    }

    /// The whole text.
    pub fn text(&self) -> String {
        self.rope.to_string()
    }

    /// The char index of a position.
    fn index(&self, (line, character): (usize, usize), encoding: Encoding) -> usize {
        if line >= self.rope.len_lines() {
            return self.rope.len_chars();
        }
        let start = self.rope.line_to_char(line);
        let slice = self.rope.line(line);
        let ends = slice
            .chars_at(slice.len_chars())
            .reversed()
            .take(2)
            .take_while(|c| matches!(c, '\r' | '\n'))
            .count();
        let length = slice.len_chars() - ends;
        let within = match encoding {
            Encoding::Utf8 => slice.byte_to_char(character.min(slice.len_bytes())),
            Encoding::Utf16 => slice.utf16_cu_to_char(character.min(slice.len_utf16_cu())),
            Encoding::Utf32 => character,
        };
        start + within.min(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_behind_an_emoji_lands_in_every_encoding() {
        let text = Text::new("a\u{1F600}b\r\nc");
        for (encoding, at) in [
            (Encoding::Utf8, 5),
            (Encoding::Utf16, 3),
            (Encoding::Utf32, 2),
        ] {
            assert_eq!(
                text.apply((0, at), (0, at + 1), encoding, "X")
                    .unwrap()
                    .text(),
                "a\u{1F600}X\r\nc"
            );
        }
    }

    #[test]
    fn positions_beyond_a_line_or_the_text_mean_its_end() {
        let text = Text::new("ab\r\ncd");
        assert_eq!(
            text.apply((0, 99), (0, 99), Encoding::Utf16, "!")
                .unwrap()
                .text(),
            "ab!\r\ncd"
        );
        assert_eq!(
            text.apply((9, 0), (9, 0), Encoding::Utf16, "!")
                .unwrap()
                .text(),
            "ab\r\ncd!"
        );
    }

    #[test]
    fn an_empty_line_between_line_ends_keeps_them() {
        let text = Text::new("a\n\nb");
        assert_eq!(
            text.apply((1, 5), (1, 9), Encoding::Utf8, "x")
                .unwrap()
                .text(),
            "a\nx\nb"
        );
    }

    #[test]
    fn the_old_value_stays_as_it_was() {
        let old = Text::new("a");
        let new = old.apply((0, 0), (0, 1), Encoding::Utf8, "b").unwrap();
        assert_eq!((old.text(), new.text()), ("a".to_owned(), "b".to_owned()));
    }

    #[test]
    fn a_range_that_ends_before_it_starts_is_refused() {
        assert_eq!(
            Text::new("abc")
                .apply((0, 2), (0, 1), Encoding::Utf8, "")
                .unwrap_err()
                .kind(),
            "invalidParams"
        );
    }

    #[test]
    fn its_json_reads_back() {
        let content = "\"quoted\" \\ \u{1} äß\u{1F600}\n".repeat(500);
        let back: String = serde_json::from_slice(&Text::new(&content).json()).unwrap();
        assert_eq!(back, content);
    }
}
