//! Which part of an over-long line is shown: a window of bytes around the first submatch, cut at character borders.

use std::ops::Range;

/// The window of `line` to show when at most `max` bytes may be. A quarter of it stands before `first`, the first submatch's start.
pub fn window(line: &[u8], first: usize, max: usize) -> Range<usize> {
    if line.len() <= max {
        return 0..line.len();
    }
    let start = first.saturating_sub(max / 4).min(line.len() - max);
    border_up(line, start)..border_down(line, start + max)
}

/// The first place at or after `at` where a UTF-8 character may start; at most three bytes on.
fn border_up(line: &[u8], at: usize) -> usize {
    (at..line.len().min(at + 3))
        .find(|&place| !is_continuation(line[place]))
        .unwrap_or(at)
}

/// The last place at or before `at` where a UTF-8 character may start; at most three bytes back.
fn border_down(line: &[u8], at: usize) -> usize {
    if at >= line.len() {
        return line.len();
    }
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|&place| !is_continuation(line[place]))
        .unwrap_or(at)
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_line_is_shown_whole() {
        assert_eq!(window(b"abc", 1, 3), 0..3);
    }

    #[test]
    fn the_first_submatch_stands_in_the_window_with_a_quarter_before_it() {
        let line = vec![b'x'; 1000];
        assert_eq!(window(&line, 500, 100), 475..575);
        assert_eq!(window(&line, 999, 100), 900..1000);
    }

    #[test]
    fn no_character_is_cut() {
        let line = "ä".repeat(500).into_bytes();
        for first in 0..900 {
            assert!(std::str::from_utf8(&line[window(&line, first, 101)]).is_ok());
        }
    }
}
