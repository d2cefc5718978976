//! Columns of byte positions in one text, in the encoding that was asked for, however long its lines are.

use crate::positions::Encoding;

/// Units are counted ahead for every so many bytes, so that a position deep in a line of 20 MB costs no walk through it.
const STEP_BYTES: usize = 4 << 10;

/// Units before any place of a text. ASCII texts and UTF-8 positions need no table.
pub struct Columns<'t> {
    text: &'t [u8],
    encoding: Encoding,
    table: Option<Vec<usize>>,
}

impl<'t> Columns<'t> {
    /// For `text`; reads it once.
    pub fn new(text: &'t str, encoding: Encoding) -> Columns<'t> {
        let bytes = text.as_bytes();
        let plain = encoding == Encoding::Utf8 || text.is_ascii();
        let table = (!plain).then(|| {
            let mut total = 0;
            let mut table = vec![0];
            for piece in bytes.chunks(STEP_BYTES) {
                total += units(piece, encoding);
                table.push(total);
            }
            table
        });
        Columns {
            text: bytes,
            encoding,
            table,
        }
    }

    /// The column of byte `at`, whose line starts `byte_column` bytes before it.
    pub fn column(&self, at: usize, byte_column: usize) -> usize {
        match &self.table {
            None => byte_column,
            Some(table) => {
                let start = at.saturating_sub(byte_column);
                self.before(table, at)
                    .saturating_sub(self.before(table, start))
            }
        }
    }

    fn before(&self, table: &[usize], at: usize) -> usize {
        let at = at.min(self.text.len());
        let step = at / STEP_BYTES;
        table[step] + units(&self.text[step * STEP_BYTES..at], self.encoding)
    }
}

/// Each character counts at its first byte, so that pieces add up wherever they are cut; one outside the BMP is two UTF-16 units.
fn units(piece: &[u8], encoding: Encoding) -> usize {
    let wide = usize::from(encoding == Encoding::Utf16);
    let count = |byte: &u8| {
        usize::from(byte & 0b1100_0000 != 0b1000_0000) + wide * usize::from(*byte >= 0xf0)
    };
    piece.iter().map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_far_into_a_line_are_those_counted_one_by_one() {
        let text = "x\n".to_owned() + &"aä\u{1F600}".repeat(5000);
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            let columns = Columns::new(&text, encoding);
            for at in [2, 3, 5, 9, 4098, 8201, text.len()] {
                assert_eq!(
                    columns.column(at, at - 2),
                    encoding.units(&text.as_bytes()[2..at]),
                    "{encoding:?} {at}"
                );
            }
        }
    }
}
