//! A unified diff made from the edits themselves: they are known, so nothing has to be compared.

use std::ops::Range;

use super::item::Edit;

/// Lines shown around a change, as `diff -u` does.
const CONTEXT: usize = 3;

/// Lines `old` of a text become `new`.
struct Change {
    old: Range<usize>,
    new: String,
}

/// The diff of one file; empty when nothing changes. Of edits that overlap the first one counts, as in the CLI.
pub fn unified(path: &str, text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.range.start);
    let lines = Lines::new(text);
    let changes = changes(&lines, edits);
    if changes.is_empty() {
        return String::new();
    }
    let mut out = format!("--- a/{path}\n+++ b/{path}\n");
    let mut shift = 0isize;
    let mut rest = changes.as_slice();
    while !rest.is_empty() {
        let near = |pair: &[Change]| pair[1].old.start - pair[0].old.end <= 2 * CONTEXT;
        let count = 1 + rest.windows(2).take_while(|pair| near(pair)).count();
        let (hunk, later) = rest.split_at(count);
        shift += write_hunk(&mut out, &lines, hunk, shift);
        rest = later;
    }
    out
}

struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Lines<'t> {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|end| end + 1);
        let mut starts: Vec<usize> = std::iter::once(0).chain(ends).collect();
        if starts.last() == Some(&text.len()) {
            starts.pop();
        }
        Lines { text, starts }
    }

    fn count(&self) -> usize {
        self.starts.len()
    }

    /// The line that byte `at` is in; the last one for the end of the text.
    fn of(&self, at: usize) -> usize {
        self.starts
            .partition_point(|start| *start <= at)
            .saturating_sub(1)
    }

    fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    fn bytes(&self, lines: Range<usize>) -> &'t str {
        &self.text[self.start(lines.start)..self.start(lines.end)]
    }
}

fn changes(lines: &Lines<'_>, edits: Vec<Edit>) -> Vec<Change> {
    let mut found: Vec<Change> = Vec::new();
    let mut open: Option<Change> = None;
    let mut done = 0;
    for edit in edits {
        if edit.range.start < done || edit.range.end > lines.text.len() {
            continue;
        }
        let first = lines.of(edit.range.start);
        let mut change = match open.take() {
            // It starts in a line that is changed already.
            Some(mut change) if first < change.old.end => {
                let kept = lines.start(change.old.end) - done;
                change.new.truncate(change.new.len() - kept);
                change.new.push_str(&lines.text[done..edit.range.start]);
                change
            }
            other => {
                found.extend(other);
                Change {
                    old: first..first,
                    new: lines.text[lines.start(first)..edit.range.start].to_owned(),
                }
            }
        };
        change.new.push_str(&edit.text);
        done = edit.range.end;
        let last = if edit.range.is_empty() {
            done
        } else {
            done - 1
        };
        change.old.end = change.old.end.max(lines.of(last) + 1);
        change
            .new
            .push_str(&lines.text[done..lines.start(change.old.end)]);
        // Without its line end the change would run into the next line: that one is changed as well.
        while !change.new.is_empty()
            && !change.new.ends_with('\n')
            && change.old.end < lines.count()
        {
            change
                .new
                .push_str(lines.bytes(change.old.end..change.old.end + 1));
            change.old.end += 1;
        }
        open = Some(change);
    }
    found.extend(open);
    found.retain(|change| lines.bytes(change.old.clone()) != change.new);
    found
}

/// Write one hunk; by how many lines it makes the text longer.
fn write_hunk(out: &mut String, lines: &Lines<'_>, changes: &[Change], shift: isize) -> isize {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
        return 0;
    };
    let start = first.old.start.saturating_sub(CONTEXT);
    let end = (last.old.end + CONTEXT).min(lines.count());
    let grown: isize = changes
        .iter()
        .map(|change| change.new.split_inclusive('\n').count() as isize - change.old.len() as isize)
        .sum();
    let old = end - start;
    let new = old.saturating_add_signed(grown);
    out.push_str(&format!(
        "@@ -{} +{} @@\n",
        place(start, old),
        place(start.saturating_add_signed(shift), new)
    ));
    let mut at = start;
    for change in changes {
        write_lines(out, ' ', lines.bytes(at..change.old.start));
        write_lines(out, '-', lines.bytes(change.old.clone()));
        write_lines(out, '+', &change.new);
        at = change.old.end;
    }
    write_lines(out, ' ', lines.bytes(at..end));
    grown
}

/// `start,count` as in a hunk's head: 1-based, but for no lines the line before them.
fn place(start: usize, count: usize) -> String {
    match count {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        _ => format!("{},{count}", start + 1),
    }
}

fn write_lines(out: &mut String, sign: char, text: &str) {
    for line in text.split_inclusive('\n') {
        out.push(sign);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(range: Range<usize>, text: &str) -> Edit {
        Edit {
            range,
            text: text.to_owned(),
        }
    }

    #[test]
    fn two_edits_in_one_line_are_one_change() {
        let diff = unified("f", "a b\nc\n", vec![edit(2..3, "Y"), edit(0..1, "X")]);
        assert_eq!(diff, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-a b\n+X Y\n c\n");
    }

    #[test]
    fn an_edit_that_eats_its_line_end_takes_the_next_line_with_it() {
        let diff = unified("f", "a\nb\nc", vec![edit(1..2, "")]);
        assert_eq!(
            diff,
            "--- a/f\n+++ b/f\n@@ -1,3 +1,2 @@\n-a\n-b\n+ab\n c\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn changes_far_apart_are_hunks_of_their_own() {
        let text: String = (0..20).map(|line| format!("{line}\n")).collect();
        let end = text.len();
        let diff = unified(
            "f",
            &text,
            vec![edit(0..2, ""), edit(end - 3..end - 1, "x\ny")],
        );
        let heads: Vec<&str> = diff.lines().filter(|line| line.starts_with("@@")).collect();
        assert_eq!(heads, ["@@ -1,4 +1,3 @@", "@@ -17,4 +16,5 @@"]);
    }

    #[test]
    fn an_edit_that_changes_nothing_is_no_diff() {
        assert_eq!(unified("f", "a\n", vec![edit(0..1, "a")]), "");
    }
}
