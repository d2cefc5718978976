//! Cutting the texts out of a document-sync message, so that no 15 MB string is ever parsed in Python (design 3.3, 3.5).
//!
//! Scans strings only: in JSON a string followed by a colon is a key wherever it stands. What is not JSON passes through
//! and is refused by the parser behind.

use crate::error::{Error, Result};
use crate::text::Text;

/// The frame limit for document sync (design 3.3).
const MAX_BODY_BYTES: usize = 16 << 20;

/// `body` with the value of every `text` member replaced by its number in the list of texts.
///
/// Errors: `tooLarge`, `invalidParams` for a text that is no JSON string.
pub fn texts(body: &[u8]) -> Result<(Vec<u8>, Vec<Text>)> {
    if body.len() > MAX_BODY_BYTES {
        return Err(Error::too_large(
            "document sync: over 16 MiB",
            "the document is too large for a language server here",
        ));
    }
    let mut rest = Vec::new();
    let mut texts = Vec::new();
    let (mut at, mut copied) = (0, 0);
    while let Some(open) = memchr::memchr(b'"', &body[at..]).map(|found| at + found) {
        let Some(close) = string_end(body, open) else {
            break;
        };
        at = close;
        if &body[open..close] != b"\"text\"" {
            continue;
        }
        let Some(value) = value_of(body, close).filter(|value| body[*value] == b'"') else {
            continue;
        };
        let Some(end) = string_end(body, value) else {
            break;
        };
        rest.extend_from_slice(&body[copied..value]);
        rest.extend_from_slice(texts.len().to_string().as_bytes());
        texts.push(decoded(&body[value..end])?);
        (at, copied) = (end, end);
    }
    rest.extend_from_slice(&body[copied..]);
    Ok((rest, texts))
}

/// Behind the closing quote of the string that opens at `open`.
fn string_end(body: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', &body[at..])?;
        if body[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
        if at > body.len() {
            return None;
        }
    }
}

/// Where the value begins, if a key ends at `close`.
fn value_of(body: &[u8], close: usize) -> Option<usize> {
    let colon = skip_space(body, close)?;
    if body[colon] != b':' {
        return None;
    }
    skip_space(body, colon + 1)
}

fn skip_space(body: &[u8], at: usize) -> Option<usize> {
    body[at..]
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        .map(|found| at + found)
}

fn decoded(literal: &[u8]) -> Result<Text> {
    if let Ok(content) = serde_json::from_slice::<String>(literal) {
        return Ok(Text::new(&content));
    }
    // An editor may cut a surrogate pair in half; such a half becomes U+FFFD, one UTF-16 unit as before.
    let bytes: Halves = serde_json::from_slice(literal)
        .map_err(|cause| Error::invalid(format!("text: {cause}"), "send a JSON string"))?;
    Text::from_utf8(&bytes.0)
}

/// A string's bytes in which lone surrogates (ED A0..BF xx in WTF-8) have been replaced.
struct Halves(Vec<u8>);

impl<'de> serde::Deserialize<'de> for Halves {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Halves, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Halves;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E: serde::de::Error>(
                self,
                bytes: &[u8],
            ) -> std::result::Result<Halves, E> {
                Ok(Halves(mended(bytes)))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let half = bytes[at] == 0xED && bytes.get(at + 1).is_some_and(|next| *next >= 0xA0);
        if half {
            out.extend_from_slice("\u{FFFD}".as_bytes());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(body: &str) -> (String, Vec<String>) {
        let (rest, texts) = texts(body.as_bytes()).unwrap();
        (
            String::from_utf8(rest).unwrap(),
            texts.iter().map(Text::text).collect(),
        )
    }

    #[test]
    fn every_text_member_is_numbered_in_order() {
        let (rest, texts) =
            cut(r#"{"a":[{"text":"x\"y"},{"text" : "\u00e4\ud83d\ude00"}],"text":null}"#);
        assert_eq!(rest, r#"{"a":[{"text":0},{"text" : 1}],"text":null}"#);
        assert_eq!(texts, ["x\"y", "ä\u{1F600}"]);
    }

    #[test]
    fn a_value_that_reads_text_is_no_key() {
        let (rest, texts) = cut(r#"{"languageId":"text","k":"\"text\":\"no\""}"#);
        assert_eq!(rest, r#"{"languageId":"text","k":"\"text\":\"no\""}"#);
        assert!(texts.is_empty());
    }

    #[test]
    fn half_a_surrogate_pair_keeps_its_width() {
        let (_, texts) = cut(r#"{"text":"a\ud83db"}"#);
        assert_eq!(texts, ["a\u{FFFD}b"]);
    }

    #[test]
    fn a_torn_body_passes_through() {
        for body in [
            r#"{"text":"abc"#,
            r#"{"text":"abc\"#,
            r#"{"text":"#,
            r#"{"text"#,
        ] {
            assert_eq!(cut(body), (body.to_owned(), vec![]));
        }
    }
}
