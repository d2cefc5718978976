//! `grep` as a tool of a search: what one worker keeps from file to file (searcher, matcher, buffers), and one file searched.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use grep_regex::RegexMatcher;
use grep_searcher::Searcher;

use crate::json;
use crate::output::Items;
use crate::pattern;
use crate::request::Mode;
use crate::search::{Search, Tool};
use crate::sink::{FileSink, Watch};
use crate::stats;
use crate::walk::Candidate;

/// Files that were named are read whole up to this size, as rg maps them; larger ones are streamed (only their NULs may look different).
const WHOLE_BYTES: u64 = 4 << 20;
/// A file's matches leave in parts of this size, or in a stream after this long.
const PART_BYTES: usize = 64 << 10;
const PART_WAIT: Duration = Duration::from_millis(5);

/// Lines that match a regular expression.
pub struct Grep {
    pub matcher: RegexMatcher,
}

impl Tool for Grep {
    type Local = Local;

    fn local(&self, search: &Search<Grep>) -> Local {
        Local::new(search)
    }

    fn search(search: &Search<Grep>, local: &mut Local, number: u64, candidate: &Candidate) {
        local.search(search, number, candidate);
    }
}

/// One worker's tools.
pub struct Local {
    searcher: Searcher,
    matcher: RegexMatcher,
    items: Items,
    spans: Vec<(usize, usize)>,
    shown: Vec<u8>,
    head: Vec<u8>,
    whole: Vec<u8>,
}

/// A file that polls the search before every read and counts every read as a unit of work.
///
/// It ends where the file did when it was opened, which saves the read that finds nothing (a size of 0 says nothing: /proc).
pub struct Polled<'s, T: Tool> {
    pub file: File,
    pub size: u64,
    pub position: u64,
    pub search: &'s Search<T>,
}

impl<T: Tool> Read for Polled<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.search.stopped(true) {
            return Err(io::Error::other("stopped"));
        }
        if self.size > 0 && self.position >= self.size {
            return Ok(0);
        }
        let read = self.file.read(buffer)?;
        self.position += read as u64;
        self.search.unit_done();
        Ok(read)
    }
}

/// The limits a single file is held to while it is searched.
struct FileWatch<'s> {
    search: &'s Search<Grep>,
    number: u64,
    first: &'s mut bool,
    handed_at: Instant,
}

impl Watch for FileWatch<'_> {
    fn stopped(&self, thorough: bool) -> bool {
        self.search.stopped(thorough)
    }

    fn enough(&mut self, items: &mut Items) -> bool {
        let request = &self.search.request;
        let ripe = items.bytes.len() >= PART_BYTES
            || (request.stream && !items.is_empty() && self.handed_at.elapsed() >= PART_WAIT);
        if ripe {
            self.handed_at = Instant::now();
            if let Some(handed) = self.search.output.part(self.number, items, *self.first) {
                *self.first = false;
                self.search.handed(handed);
                return self.search.output.is_full();
            }
        }
        items.ends.len() as u64 > request.limit || items.bytes.len() as u64 > request.max_bytes
    }
}

impl Local {
    /// Tools for `search`.
    fn new(search: &Search<Grep>) -> Local {
        Local {
            searcher: pattern::searcher(&search.request),
            matcher: search.tool.matcher.clone(),
            items: Items::default(),
            spans: Vec::new(),
            shown: Vec::new(),
            head: Vec::new(),
            whole: Vec::new(),
        }
    }

    /// Search one file and hand its items in.
    fn search(&mut self, search: &Search<Grep>, number: u64, candidate: &Candidate) {
        let mut first = true;
        self.items.begin(candidate);
        search.walk.shown(candidate, &mut self.shown);
        let explicit = candidate.rel.as_os_str().is_empty();
        match search.walk.open(candidate) {
            Ok((file, size)) => {
                let file = Polled {
                    file,
                    size,
                    position: 0,
                    search,
                };
                let watch = FileWatch {
                    search,
                    number,
                    first: &mut first,
                    handed_at: Instant::now(),
                };
                self.search_file(file, explicit, search.walk.handed_out(candidate), watch);
            }
            Err(cause) => search.unreadable(&cause),
        }
        self.items.whole = !search.stopped(false);
        search.handed(search.output.file(number, &mut self.items, first));
    }

    /// `handed_out`: the offset up to which earlier pages have this file's matches.
    fn search_file(
        &mut self,
        mut file: Polled<'_, Grep>,
        explicit: bool,
        handed_out: Option<u64>,
        watch: FileWatch<'_>,
    ) {
        let search = file.search;
        stats::bump(&stats::FILES);
        bump(&search.output.searched);
        self.head.clear();
        write_path(&mut self.head, &self.shown);
        self.head.push(b',');
        let binary = if explicit {
            pattern::explicit_binary()
        } else {
            pattern::walked_binary()
        };
        self.searcher.set_binary_detection(binary);
        let mut sink = FileSink::new(
            &search.request,
            &self.matcher,
            &self.head,
            &mut self.items,
            &mut self.spans,
            watch,
        );
        sink.handed_out = handed_out;
        let slice = search.walk.only_files() && read_whole(&mut file, &mut self.whole);
        let ended = if slice {
            self.searcher
                .search_slice(&self.matcher, &self.whole, &mut sink)
        } else {
            self.searcher.search_reader(&self.matcher, file, &mut sink)
        };
        sink.close();
        let (count, binary) = (sink.count, sink.binary);
        tally(search, &ended, binary);
        // `rg -c` and `-l` say nothing of a file that turned out to be binary.
        let whole = ended.is_ok() && !search.stopped(false);
        if count > 0 && !binary && (whole || search.request.mode == Mode::Files) {
            self.write_summary(search.request.mode, count);
        }
    }

    fn write_summary(&mut self, mode: Mode, count: u64) {
        let out = &mut self.items.bytes;
        match mode {
            Mode::Matches => return,
            Mode::Files => json::string(out, &String::from_utf8_lossy(&self.shown)),
            Mode::Count => {
                out.push(b'{');
                write_path(out, &self.shown);
                if std::str::from_utf8(&self.shown).is_err() {
                    out.extend_from_slice(b",\"path\":");
                    json::string(out, &String::from_utf8_lossy(&self.shown));
                }
                out.extend_from_slice(b",\"count\":");
                json::number(out, count);
                out.push(b'}');
            }
        }
        self.items.end_item();
    }
}

/// Count a file that was not searched to its end. A stop of the whole search is not the file's fault.
fn tally(search: &Search<Grep>, ended: &io::Result<()>, binary: bool) {
    if binary {
        bump(&search.output.skipped.binary);
    }
    if let Err(cause) = ended {
        // The searcher's own error (its heap limit) has no errno; a file that could not be read has one.
        if cause.raw_os_error().is_some() {
            search.unreadable(cause);
        } else if !search.stopped(true) {
            bump(&search.output.skipped.too_large);
        }
    }
}

pub fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// `"path":"…"`, or `"pathBytes":"<base64>"` for a name that is not UTF-8.
pub fn write_path(out: &mut Vec<u8>, shown: &[u8]) {
    match std::str::from_utf8(shown) {
        Ok(path) => {
            out.extend_from_slice(b"\"path\":");
            json::string(out, path);
        }
        Err(_) => {
            out.extend_from_slice(b"\"pathBytes\":");
            json::base64(out, shown);
        }
    }
}

/// Read a small file into `whole`; false leaves it to the streaming search, from its start.
fn read_whole(file: &mut Polled<'_, Grep>, whole: &mut Vec<u8>) -> bool {
    whole.clear();
    if file.size > WHOLE_BYTES || file.size == 0 {
        return false;
    }
    if file.read_to_end(whole).is_ok() {
        return true;
    }
    file.position = 0;
    rustix::fs::seek(&file.file, rustix::fs::SeekFrom::Start(0)).is_err()
}
