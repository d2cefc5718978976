//! Writing JSON text straight into a byte buffer. Knows strings, base64 and numbers; no values, no trees.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// 0: the byte stands for itself in a JSON string; else the letter after the backslash (`u` = \u00XX).
const ESCAPE: [u8; 256] = escapes();

const fn escapes() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut at = 0;
    while at < 0x20 {
        table[at] = b'u';
        at += 1;
    }
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[0x08] = b'b';
    table[0x0c] = b'f';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
}

/// `text` as a JSON string literal.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// `text` as the inside of a JSON string literal, without the quotes.
pub fn escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let letter = ESCAPE[byte as usize];
        if letter == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[plain..at]);
        out.push(b'\\');
        out.push(letter);
        if letter == b'u' {
            out.extend_from_slice(&[b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
        }
        plain = at + 1;
    }
    out.extend_from_slice(&bytes[plain..]);
}

fn hex(nibble: u8) -> u8 {
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'a' + nibble - 10
    }
}

/// `bytes` as a base64 string literal.
pub fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

/// A decimal number.
pub fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// `"text": string` when `bytes` are UTF-8, else `"bytes": base64`, as in ripgrep's JSON (protocol.md, Tools).
pub fn text_or_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            out.extend_from_slice(b"\"text\":");
            string(out, text);
        }
        Err(_) => {
            out.extend_from_slice(b"\"bytes\":");
            base64(out, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_read_back_as_they_were_for_every_control_byte() {
        let text: String = (0u8..128)
            .map(char::from)
            .chain("äß\u{1F600}".chars())
            .collect();
        let back: String = serde_json::from_str(&literal(&text)).unwrap();
        assert_eq!(back, text);
    }

    #[test]
    fn numbers_have_all_their_digits() {
        for value in [0, 9, 10, 4096, u64::MAX] {
            let mut out = Vec::new();
            number(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }

    #[test]
    fn text_that_is_not_utf8_becomes_base64() {
        let mut out = Vec::new();
        text_or_bytes(&mut out, b"\xff\xfe");
        assert_eq!(out, b"\"bytes\":\"//4=\"");
    }
}
