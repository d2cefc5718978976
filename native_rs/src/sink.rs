//! From the searcher's events to the reply's JSON, for one file. Writes bytes; decides nothing about limits of the whole search.

use std::io;

use grep_matcher::{Match, Matcher};
use grep_regex::RegexMatcher;
use grep_searcher::{Searcher, Sink, SinkContext, SinkContextKind, SinkFinish, SinkMatch};

use crate::clip;
use crate::json;
use crate::output::Items;
use crate::positions::position;
use crate::request::{Mode, Request};

/// How far beyond a multiline match rg looks for what the match needs behind it.
const LOOK_AHEAD: usize = 128;

/// What the search around a file has to say while it is searched.
pub trait Watch {
    /// Whether to stop now. Called for every event; `thorough` at times also reads the clock.
    fn stopped(&self, thorough: bool) -> bool;
    /// Whether `items` of this file are enough; may take them away first.
    fn enough(&mut self, items: &mut Items) -> bool;
}

/// One file's sink.
pub struct FileSink<'a, W> {
    request: &'a Request,
    matcher: &'a RegexMatcher,
    /// `"path":"…",` as it starts every match of this file.
    head: &'a [u8],
    items: &'a mut Items,
    spans: &'a mut Vec<(usize, usize)>,
    watch: W,
    /// `before` lines of the match to come, as JSON strings.
    before: Vec<u8>,
    /// Matches up to this offset are on an earlier page.
    pub handed_out: Option<u64>,
    /// The last match was on an earlier page, and so is its context.
    skipping: bool,
    open: bool,
    offset: u64,
    after_open: bool,
    events: u32,
    /// Matching lines (in multiline mode: matches), as `rg -c` counts.
    pub count: u64,
    /// A NUL ended the search of this file.
    pub binary: bool,
}

impl<'a, W: Watch> FileSink<'a, W> {
    /// A sink that writes matches of the file named by `head` to `items`.
    pub fn new(
        request: &'a Request,
        matcher: &'a RegexMatcher,
        head: &'a [u8],
        items: &'a mut Items,
        spans: &'a mut Vec<(usize, usize)>,
        watch: W,
    ) -> FileSink<'a, W> {
        FileSink {
            request,
            matcher,
            head,
            items,
            spans,
            watch,
            before: Vec::new(),
            handed_out: None,
            skipping: false,
            open: false,
            offset: 0,
            after_open: false,
            events: 0,
            count: 0,
            binary: false,
        }
    }

    /// End the last match's object; to be called once when the search of the file is over, however it ended.
    pub fn close(&mut self) {
        if !self.open {
            return;
        }
        if self.after_open {
            self.items.bytes.push(b']');
        }
        self.items.bytes.push(b'}');
        self.items.end_item();
        self.items.offsets.push(self.offset);
        self.open = false;
        self.after_open = false;
    }

    fn stopped(&mut self) -> bool {
        self.events = self.events.wrapping_add(1);
        self.watch.stopped(self.events.is_multiple_of(64))
    }

    /// The submatches of `mat`, as rg finds them again; only those in the shown window when the line is clipped.
    fn find_spans(&mut self, searcher: &Searcher, mat: &SinkMatch<'_>) -> io::Result<()> {
        self.spans.clear();
        let range = mat.bytes_range_in_buffer();
        let bytes = within_context(searcher, self.matcher, mat.buffer(), &range);
        let line = mat.bytes();
        let max = self.request.max_line_bytes;
        let mut last = usize::MAX;
        let spans = &mut *self.spans;
        self.matcher
            .find_iter_at(bytes, range.start, |found: Match| {
                let (start, end) = (
                    found.start().saturating_sub(range.start),
                    found.end().saturating_sub(range.start),
                );
                if found.start() >= range.end || start > last {
                    return false;
                }
                if spans.is_empty() && line.len() > max {
                    last = clip::window(line, start, max).end;
                }
                spans.push((start, end));
                true
            })
            .map_err(|_| io::Error::other("matcher"))
    }

    fn write_match(&mut self, mat: &SinkMatch<'_>) {
        let out = &mut self.items.bytes;
        if !self.items.ends.is_empty() {
            out.push(b',');
        }
        let line = mat.line_number().unwrap_or(1);
        out.push(b'{');
        out.extend_from_slice(self.head);
        out.extend_from_slice(b"\"line\":");
        json::number(out, line);
        out.extend_from_slice(b",\"byteOffset\":");
        json::number(out, mat.absolute_byte_offset());
        out.push(b',');
        let text = without_newline(mat.bytes());
        let shown = clip::window(
            text,
            self.spans.first().map_or(0, |span| span.0),
            self.request.max_line_bytes,
        );
        json::text_or_bytes(out, &text[shown.clone()]);
        write_spans(out, self.spans);
        let (start, end) = self.spans.first().copied().unwrap_or((0, text.len()));
        write_range(out, self.request, mat.bytes(), line, start, end);
        if shown.len() < text.len() {
            out.extend_from_slice(b",\"clipped\":true,\"textStart\":");
            json::number(out, shown.start as u64);
        }
        if !self.before.is_empty() {
            out.extend_from_slice(b",\"before\":[");
            out.append(&mut self.before);
            out.push(b']');
        }
        self.open = true;
    }

    fn write_context(&mut self, context: &SinkContext<'_>) {
        let text = without_newline(context.bytes());
        let shown = clip::window(text, 0, self.request.max_line_bytes);
        let text = String::from_utf8_lossy(&text[shown]);
        let out = if matches!(context.kind(), SinkContextKind::After) && self.open {
            let out = &mut self.items.bytes;
            out.extend_from_slice(if self.after_open {
                b","
            } else {
                b",\"after\":["
            });
            self.after_open = true;
            out
        } else {
            if !self.before.is_empty() {
                self.before.push(b',');
            }
            &mut self.before
        };
        json::string(out, &text);
    }

    fn count_match(&mut self, searcher: &Searcher, mat: &SinkMatch<'_>) -> io::Result<()> {
        if searcher.multi_line_with_matcher(self.matcher) {
            self.find_spans(searcher, mat)?;
            self.count += (self.spans.len() as u64).max(1);
        } else {
            self.count += 1;
        }
        Ok(())
    }
}

impl<W: Watch> Sink for FileSink<'_, W> {
    type Error = io::Error;

    fn matched(&mut self, searcher: &Searcher, mat: &SinkMatch<'_>) -> io::Result<bool> {
        if self.stopped() {
            return Ok(false);
        }
        if self.request.mode != Mode::Matches {
            self.count_match(searcher, mat)?;
            return Ok(self.request.mode == Mode::Count);
        }
        self.close();
        if self.watch.enough(self.items) {
            return Ok(false);
        }
        self.skipping = self
            .handed_out
            .is_some_and(|upto| mat.absolute_byte_offset() <= upto);
        if self.skipping {
            self.before.clear();
            return Ok(true);
        }
        self.find_spans(searcher, mat)?;
        self.write_match(mat);
        self.offset = mat.absolute_byte_offset();
        Ok(true)
    }

    fn context(&mut self, _searcher: &Searcher, context: &SinkContext<'_>) -> io::Result<bool> {
        if self.stopped() {
            return Ok(false);
        }
        let skipped = self.skipping && matches!(context.kind(), SinkContextKind::After);
        if self.request.mode == Mode::Matches && !skipped {
            self.write_context(context);
        }
        Ok(true)
    }

    fn finish(&mut self, searcher: &Searcher, finish: &SinkFinish) -> io::Result<()> {
        self.binary = finish.binary_byte_offset().is_some()
            && searcher.binary_detection().quit_byte().is_some();
        Ok(())
    }
}

/// The bytes in which the submatches of `range` are looked for: ripgrep's rule, or look-around would see other text than the search did.
fn within_context<'b>(
    searcher: &Searcher,
    matcher: &RegexMatcher,
    buffer: &'b [u8],
    range: &std::ops::Range<usize>,
) -> &'b [u8] {
    if searcher.multi_line_with_matcher(matcher) {
        return &buffer[..buffer.len().min(range.end + LOOK_AHEAD)];
    }
    let line = &buffer[..range.end];
    if range.end > range.start {
        without_newline(line)
    } else {
        line
    }
}

fn without_newline(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

fn write_spans(out: &mut Vec<u8>, spans: &[(usize, usize)]) {
    out.extend_from_slice(b",\"submatches\":[");
    for (index, (start, end)) in spans.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"start\":");
        json::number(out, *start as u64);
        out.extend_from_slice(b",\"end\":");
        json::number(out, *end as u64);
        out.push(b'}');
    }
    out.push(b']');
}

/// The LSP range of the first submatch, or of the whole text when there is none (inverted).
fn write_range(
    out: &mut Vec<u8>,
    request: &Request,
    text: &[u8],
    line: u64,
    start: usize,
    end: usize,
) {
    out.extend_from_slice(b",\"range\":{\"start\":");
    write_position(out, request, text, line, start);
    out.extend_from_slice(b",\"end\":");
    write_position(out, request, text, line, end);
    out.push(b'}');
}

fn write_position(out: &mut Vec<u8>, request: &Request, text: &[u8], line: u64, at: usize) {
    let (below, column) = position(request.encoding, text, at);
    out.extend_from_slice(b"{\"line\":");
    json::number(out, line - 1 + below as u64);
    out.extend_from_slice(b",\"character\":");
    json::number(out, column as u64);
    out.push(b'}');
}
