//! What a search has found so far: limits, order, and the bytes of the reply. Workers hand in files, the caller takes bytes out.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::cursor::{Cursor, WHOLE_FILE};
use crate::json;
use crate::request::{Mode, Order, Request};
use crate::sync::lock;
use crate::walk::Candidate;

/// Files that may be searched ahead of the one whose turn it is (search-engine.md 5.8).
const WINDOW: u64 = 64;
/// Bytes that may wait for an earlier file; over it no new file is taken.
const PARKED_BYTES: usize = 8 << 20;
/// First flush of a stream: so many matches, or this long after the first.
const FIRST_ITEMS: usize = 20;
const FIRST_WAIT: Duration = Duration::from_millis(5);
/// Later flushes.
const NEXT_WAIT: Duration = Duration::from_millis(16);
const NEXT_BYTES: usize = 64 << 10;

/// Why a result is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Limit,
    Bytes,
    Timeout,
    SlowReader,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::Limit => "limit",
            Reason::Bytes => "bytes",
            Reason::Timeout => "timeout",
            Reason::SlowReader => "slowReader",
        }
    }
}

/// Finished items of one file: JSON objects joined by commas.
#[derive(Debug, Default)]
pub struct Items {
    pub bytes: Vec<u8>,
    /// Where each item ends in `bytes`.
    pub ends: Vec<usize>,
    /// Where each item stands in the file, if the tool says so.
    pub offsets: Vec<u64>,
    /// Which file it is: number of its root, and path below it.
    pub place: (usize, Vec<u8>),
    /// Whether these are the last items of the file, and it was searched to its end.
    pub whole: bool,
}

impl Items {
    /// Forget all, keep the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.offsets.clear();
        self.whole = false;
    }

    /// The items to come are of this file.
    pub fn begin(&mut self, candidate: &Candidate) {
        self.clear();
        self.place.0 = candidate.root;
        self.place.1.clear();
        self.place
            .1
            .extend_from_slice(candidate.rel.as_os_str().as_bytes());
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The item just written to `bytes` ends here; the next one is preceded by a comma.
    pub fn end_item(&mut self) {
        self.ends.push(self.bytes.len());
    }
}

/// Files that were not searched, or not to their end.
#[derive(Debug, Default)]
pub struct Skipped {
    pub binary: AtomicU64,
    pub too_large: AtomicU64,
    pub unreadable: AtomicU64,
    /// Nested deeper than a structural match can follow; shown only where it happened.
    pub too_deep: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    bytes: Vec<u8>,
    /// Items in `bytes`.
    held: usize,
    items: u64,
    item_bytes: u64,
    files: u64,
    reason: Option<Reason>,
    turn: u64,
    parked: BTreeMap<u64, Items>,
    parked_bytes: usize,
    flushed: bool,
    first_at: Option<Instant>,
    /// Up to where, in path order, everything is in the reply.
    at: Option<Cursor>,
    /// A file was left before its end: `at` stays in it.
    torn: bool,
}

/// The reply in the making.
#[derive(Debug)]
pub struct Output {
    inner: Mutex<Inner>,
    full: AtomicBool,
    pub skipped: Skipped,
    pub searched: AtomicU64,
    stream: bool,
    limit: u64,
    max_bytes: u64,
    ordered: bool,
    pages: bool,
}

/// What handing in a file led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handed {
    /// The caller should look: a flush is due, or a timer must start.
    pub notice: bool,
    /// The window moved.
    pub moved: bool,
}

impl Output {
    /// An empty reply to `request`.
    pub fn new(request: &Request) -> Output {
        let mut bytes = Vec::new();
        if !request.stream {
            bytes.extend_from_slice(opening(request.mode));
        }
        let inner = Inner {
            bytes,
            held: 0,
            items: 0,
            item_bytes: 0,
            files: 0,
            reason: None,
            turn: 0,
            parked: BTreeMap::new(),
            parked_bytes: 0,
            flushed: false,
            first_at: None,
            at: None,
            torn: false,
        };
        Output {
            inner: Mutex::new(inner),
            full: AtomicBool::new(false),
            skipped: Skipped::default(),
            searched: AtomicU64::new(0),
            stream: request.stream,
            limit: request.limit,
            max_bytes: request.max_bytes,
            ordered: request.order == Order::Path,
            pages: request.pages,
        }
    }

    /// Whether no further item will be taken.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Whether a worker may take file number `next` now.
    pub fn is_open(&self) -> bool {
        !self.ordered || {
            let inner = lock(&self.inner);
            (inner.parked.len() as u64) < WINDOW && inner.parked_bytes < PARKED_BYTES
        }
    }

    /// Hand in a part of file number `number`, if parts may leave: always unordered, else only of the file whose turn it is.
    /// `first`: no part of it came before. Returns None, with the items kept, when it must wait.
    pub fn part(&self, number: u64, items: &mut Items, first: bool) -> Option<Handed> {
        let mut inner = lock(&self.inner);
        if self.ordered && number != inner.turn {
            return None;
        }
        items.whole = false;
        let handed = self.append(&mut inner, items, first);
        items.clear();
        Some(handed)
    }

    /// Hand in the rest of file number `number`; without items too, as its turn must pass. Takes the buffer if it has to wait.
    pub fn file(&self, number: u64, items: &mut Items, first: bool) -> Handed {
        let mut inner = lock(&self.inner);
        if self.ordered && number != inner.turn {
            inner.parked_bytes += items.bytes.len();
            inner.parked.insert(number, std::mem::take(items));
            return Handed::default();
        }
        let mut handed = self.append(&mut inner, items, first);
        inner.torn |= !items.whole;
        items.clear();
        if self.ordered {
            handed.notice |= self.next_turns(&mut inner);
            handed.moved = true;
        }
        handed
    }

    /// Pass the turn on, through all files that wait for it. Whether the caller should look.
    fn next_turns(&self, inner: &mut Inner) -> bool {
        let mut notice = false;
        inner.turn += 1;
        while let Some(waiting) = inner.parked.remove(&inner.turn) {
            inner.parked_bytes -= waiting.bytes.len();
            notice |= self.append(inner, &waiting, true).notice;
            inner.torn |= !waiting.whole;
            inner.turn += 1;
        }
        notice
    }

    fn append(&self, inner: &mut Inner, items: &Items, first: bool) -> Handed {
        if inner.reason.is_some() {
            return Handed::default();
        }
        let (count, reason) = self.fitting(inner, items);
        self.mark(inner, items, count);
        if items.is_empty() {
            return Handed::default();
        }
        if let Some(reason) = reason {
            inner.reason = Some(reason);
            self.full.store(true, Ordering::SeqCst);
        }
        let was_empty = inner.held == 0;
        if count > 0 {
            if !was_empty {
                inner.bytes.push(b',');
            }
            let upto = items.ends[count - 1];
            inner.bytes.extend_from_slice(&items.bytes[..upto]);
            inner.held += count;
            inner.items += count as u64;
            inner.item_bytes += upto as u64 + 1;
            inner.files += u64::from(first);
        }
        if was_empty && count > 0 {
            inner.first_at = Some(Instant::now());
        }
        Handed {
            notice: self.stream && count > 0 && (was_empty || ripe(inner)),
            moved: false,
        }
    }

    /// Note how far the reply goes when the first `count` of `items` are in it.
    fn mark(&self, inner: &mut Inner, items: &Items, count: usize) {
        if !self.pages || inner.torn {
            return;
        }
        let offset = if items.whole && count == items.ends.len() {
            WHOLE_FILE
        } else if let Some(offset) = count
            .checked_sub(1)
            .and_then(|last| items.offsets.get(last))
        {
            *offset
        } else {
            return;
        };
        let at = inner.at.get_or_insert_default();
        at.root = items.place.0;
        at.rel.clear();
        at.rel.extend_from_slice(&items.place.1);
        at.offset = offset;
    }

    /// How many of `items` still fit, and why not all.
    fn fitting(&self, inner: &Inner, items: &Items) -> (usize, Option<Reason>) {
        let by_limit =
            (self.limit - inner.items.min(self.limit)).min(items.ends.len() as u64) as usize;
        let room = self.max_bytes.saturating_sub(inner.item_bytes);
        let by_bytes = items.ends.partition_point(|end| (*end as u64) < room);
        if by_bytes < by_limit {
            (by_bytes, Some(Reason::Bytes))
        } else if by_limit < items.ends.len() {
            (by_limit, Some(Reason::Limit))
        } else {
            (items.ends.len(), None)
        }
    }

    /// Mark the result as cut off, unless it was cut off before.
    pub fn cut(&self, reason: Reason) {
        lock(&self.inner).reason.get_or_insert(reason);
    }

    /// How many items the reply has.
    #[cfg(feature = "structural")]
    pub fn items(&self) -> u64 {
        lock(&self.inner).items
    }

    /// Whether the result is marked as cut off.
    #[cfg(feature = "structural")]
    pub fn is_cut(&self) -> bool {
        lock(&self.inner).reason.is_some()
    }

    /// When the stream's next flush is due, if one is.
    pub fn due(&self) -> Option<Instant> {
        let inner = lock(&self.inner);
        if !self.stream || inner.held == 0 {
            return None;
        }
        if ripe(&inner) {
            return Some(Instant::now());
        }
        inner
            .first_at
            .map(|at| at + if inner.flushed { NEXT_WAIT } else { FIRST_WAIT })
    }

    /// The stream's next chunk, a JSON array, if its time has come or `all` shall go.
    pub fn chunk(&self, all: bool) -> Option<Vec<u8>> {
        let mut inner = lock(&self.inner);
        if !self.stream || inner.held == 0 {
            return None;
        }
        let wait = if inner.flushed { NEXT_WAIT } else { FIRST_WAIT };
        if !(all || ripe(&inner) || inner.first_at.is_some_and(|at| at.elapsed() >= wait)) {
            return None;
        }
        let items = std::mem::take(&mut inner.bytes);
        inner.held = 0;
        inner.flushed = true;
        drop(inner);
        let mut chunk = Vec::with_capacity(items.len() + 2);
        chunk.push(b'[');
        chunk.extend_from_slice(&items);
        chunk.push(b']');
        Some(chunk)
    }

    /// The reply's bytes for a tool that only names files: nothing is counted but what could not be listed.
    pub fn finish_plain(&self) -> Vec<u8> {
        let mut inner = lock(&self.inner);
        let mut out = std::mem::take(&mut inner.bytes);
        out.extend_from_slice(b"],");
        inner.write_cursor(&mut out);
        inner.write_verdict(&mut out);
        out.extend_from_slice(b",\"skipped\":{\"unreadable\":");
        json::number(&mut out, self.skipped.unreadable.load(Ordering::SeqCst));
        out.extend_from_slice(b"}}");
        out
    }

    /// The reply's bytes: everything, or with a stream everything but the matches. `extra`: members of the tool's own, each with a
    /// comma behind it; what is said of every result stays at the end, where it is found without reading the rest.
    pub fn finish(&self, extra: &[u8]) -> Vec<u8> {
        let mut inner = lock(&self.inner);
        let mut out = std::mem::take(&mut inner.bytes);
        if self.stream {
            out.clear();
            out.push(b'{');
        } else {
            out.extend_from_slice(b"],");
        }
        out.extend_from_slice(extra);
        inner.write_cursor(&mut out);
        out.extend_from_slice(b"\"files\":");
        json::number(&mut out, inner.files);
        out.extend_from_slice(b",\"filesSearched\":");
        json::number(&mut out, self.searched.load(Ordering::SeqCst));
        out.push(b',');
        inner.write_verdict(&mut out);
        self.skipped.write(&mut out);
        out.push(b'}');
        out
    }
}

impl Inner {
    /// `"cursor":"…",` if there is more, and it is known from where on.
    fn write_cursor(&self, out: &mut Vec<u8>) {
        if let (Some(_), Some(at)) = (self.reason, &self.at) {
            out.extend_from_slice(b"\"cursor\":\"");
            out.extend_from_slice(at.encode().as_bytes());
            out.extend_from_slice(b"\",");
        }
    }

    /// `"truncated":…`, and why.
    fn write_verdict(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"truncated\":");
        out.extend_from_slice(if self.reason.is_some() {
            b"true"
        } else {
            b"false"
        });
        if let Some(reason) = self.reason {
            out.extend_from_slice(b",\"reason\":\"");
            out.extend_from_slice(reason.name().as_bytes());
            out.push(b'"');
        }
    }
}

impl Skipped {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"skipped\":{\"binary\":");
        json::number(out, self.binary.load(Ordering::SeqCst));
        out.extend_from_slice(b",\"tooLarge\":");
        json::number(out, self.too_large.load(Ordering::SeqCst));
        out.extend_from_slice(b",\"unreadable\":");
        json::number(out, self.unreadable.load(Ordering::SeqCst));
        let too_deep = self.too_deep.load(Ordering::SeqCst);
        if too_deep > 0 {
            out.extend_from_slice(b",\"tooDeep\":");
            json::number(out, too_deep);
        }
        out.push(b'}');
    }
}

fn ripe(inner: &Inner) -> bool {
    inner.bytes.len() >= NEXT_BYTES || (!inner.flushed && inner.held >= FIRST_ITEMS)
}

fn opening(mode: Mode) -> &'static [u8] {
    match mode {
        Mode::Matches => b"{\"matches\":[",
        Mode::Files => b"{\"paths\":[",
        Mode::Count => b"{\"counts\":[",
    }
}
