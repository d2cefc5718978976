//! One search as a job of the pool: workers list folders and search files until nothing is left, it is full, or it must stop.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use ignore::IncrementalIgnore;

use crate::cancel::{Bell, Flag, Stop};
use crate::error::Error;
use crate::frontier::{Frontier, Work};
use crate::output::{Handed, Output, Reason};
use crate::pool::{Job, Turn, pool};
use crate::request::{Order, Request};
use crate::stats;
use crate::sync::lock;
use crate::walk::{Candidate, Folder, Listing, Walk};

const GOING: u8 = 0;
const CANCELLED: u8 = 1;
const TIMED_OUT: u8 = 2;
const FAILED: u8 = 3;

/// What a search does with each of its files. Walk, order, limits and stops are the same for every tool.
pub trait Tool: Send + Sync + Sized + 'static {
    /// What one worker keeps from file to file.
    type Local: Send;
    /// A worker's first file is next.
    fn local(&self, search: &Search<Self>) -> Self::Local;
    /// Search file number `number` and hand its items in, exactly once, even when there are none.
    fn search(search: &Search<Self>, local: &mut Self::Local, number: u64, candidate: &Candidate);
}

/// One worker's own part of a search. The matchers of ignore rules cache by folder and cannot be shared.
struct Seat<L> {
    matchers: Vec<IncrementalIgnore>,
    local: L,
}

#[derive(Debug)]
struct Front {
    frontier: Frontier,
    workers: usize,
}

/// All that the workers of one search share.
pub struct Search<T: Tool> {
    pub request: Request,
    pub tool: T,
    pub walk: Walk,
    pub output: Output,
    flag: Arc<Flag>,
    bell: Arc<Bell>,
    front: Mutex<Front>,
    workable: AtomicBool,
    halted: AtomicU8,
    done: AtomicBool,
    failure: Mutex<Option<Error>>,
    seats: Mutex<Vec<Seat<T::Local>>>,
}

impl<T: Tool> Search<T> {
    /// Ready to be submitted.
    pub fn new(
        request: Request,
        tool: T,
        walk: Walk,
        flag: Arc<Flag>,
        bell: Arc<Bell>,
    ) -> Search<T> {
        let frontier = Frontier::new(walk.start(), request.order == Order::Path);
        Search {
            output: Output::new(&request),
            request,
            tool,
            walk,
            flag,
            bell,
            front: Mutex::new(Front {
                frontier,
                workers: 0,
            }),
            workable: AtomicBool::new(true),
            halted: AtomicU8::new(GOING),
            done: AtomicBool::new(false),
            failure: Mutex::new(None),
            seats: Mutex::new(Vec::new()),
        }
    }

    /// Whether a unit that is about to start should not, or one under way should end. With `thorough`, asks the clock too.
    pub fn stopped(&self, thorough: bool) -> bool {
        if self.halted.load(Ordering::Relaxed) != GOING || self.output.is_full() {
            return true;
        }
        let stop = if thorough {
            self.flag.poll()
        } else {
            self.flag.is_set().then_some(Stop::Cancelled)
        };
        if let Some(stop) = stop {
            self.note(stop);
        }
        stop.is_some()
    }

    /// Count a unit that has ended.
    pub fn unit_done(&self) {
        stats::bump(&stats::UNITS);
        if self.flag.is_set() || self.halted.load(Ordering::Relaxed) != GOING {
            stats::bump(&stats::UNITS_AFTER_STOP);
        }
    }

    /// Stop, from the waiting thread: also ends a search that no worker is in.
    pub fn halt(&self, stop: Stop) {
        self.note(stop);
        self.end_if_idle();
    }

    /// Stop and answer with `error`.
    pub fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
        let _ = self
            .halted
            .compare_exchange(GOING, FAILED, Ordering::SeqCst, Ordering::SeqCst);
        self.end_if_idle();
    }

    /// Whether a stop was noted.
    pub fn is_halted(&self) -> bool {
        self.halted.load(Ordering::SeqCst) != GOING
    }

    /// Whether no worker is in it and none will come.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }

    /// How it ended: the error to answer with, if any. A deadline is no error (design 3.4).
    pub fn verdict(&self) -> Option<Error> {
        if let Some(error) = lock(&self.failure).take() {
            return Some(error);
        }
        match self.halted.load(Ordering::SeqCst) {
            CANCELLED => Some(Error::Cancelled),
            TIMED_OUT => {
                self.output.cut(Reason::Timeout);
                None
            }
            _ => None,
        }
    }

    /// Something could not be read. Without descriptors or memory that is no property of the file: the search fails.
    pub fn unreadable(&self, cause: &io::Error) {
        use rustix::io::Errno;
        let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOMEM];
        if exhausted
            .iter()
            .any(|errno| cause.raw_os_error() == Some(errno.raw_os_error()))
        {
            self.fail(Error::failed(
                format!("cannot open files: {cause}"),
                "close other programs' files or raise the limit on open files",
            ));
        } else {
            self.output
                .skipped
                .unreadable
                .fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Act on what handing in a file led to.
    pub fn handed(&self, handed: Handed) {
        if handed.notice {
            self.bell.ring();
        }
        if handed.moved {
            self.more();
        }
    }

    fn note(&self, stop: Stop) {
        let state = match stop {
            Stop::Cancelled => CANCELLED,
            Stop::Deadline => TIMED_OUT,
        };
        let _ = self
            .halted
            .compare_exchange(GOING, state, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// There may be work for workers that found none.
    fn more(&self) {
        if !self.workable.swap(true, Ordering::SeqCst) {
            pool().wake();
        }
    }

    fn enter(&self) {
        lock(&self.front).workers += 1;
    }

    /// The last to leave work behind says so: a hint of "nothing to do" may have been noted just before the window moved.
    fn leave(&self) {
        let mut front = lock(&self.front);
        front.workers -= 1;
        if front.workers == 0 && !front.frontier.is_empty() && !self.stopped(false) {
            self.workable.store(true, Ordering::SeqCst);
            drop(front);
            pool().wake();
            return;
        }
        drop(front);
        self.end_if_idle();
    }

    fn end_if_idle(&self) {
        let front = lock(&self.front);
        if front.workers == 0
            && (front.frontier.is_empty() || self.stopped(true))
            && !self.done.swap(true, Ordering::SeqCst)
        {
            self.workable.store(false, Ordering::SeqCst);
            self.bell.ring();
        }
    }

    /// The next unit for this worker.
    fn claim(&self) -> Option<Work> {
        if self.stopped(true) {
            self.workable.store(false, Ordering::SeqCst);
            return None;
        }
        let mut front = lock(&self.front);
        let work = front.frontier.take(self.output.is_open());
        if work.is_none() {
            self.workable.store(false, Ordering::SeqCst);
        }
        work
    }

    fn list(&self, ticket: u64, folder: &Arc<Folder>, matchers: &mut [IncrementalIgnore]) {
        let listing = self.walk.list(folder, matchers).unwrap_or_else(|cause| {
            self.unreadable(&cause);
            Listing::default()
        });
        self.output
            .skipped
            .unreadable
            .fetch_add(listing.unreadable, Ordering::Relaxed);
        let several = listing.entries.len() > 1;
        lock(&self.front).frontier.listed(ticket, listing.entries);
        self.unit_done();
        if several || ticket > 0 {
            self.workable.store(true, Ordering::SeqCst);
            pool().wake();
        }
    }
}

/// Leaves the search also when its worker unwinds.
struct Inside<'s, T: Tool>(&'s Search<T>);

impl<T: Tool> Drop for Inside<'_, T> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl<T: Tool> Job for Search<T> {
    fn has_work(&self) -> bool {
        self.workable.load(Ordering::SeqCst)
    }

    fn work(&self, turn: &Turn<'_>) {
        self.enter();
        let _inside = Inside(self);
        let waiting = lock(&self.seats).pop();
        let mut seat = waiting.unwrap_or_else(|| Seat {
            matchers: self.walk.matchers(),
            local: self.tool.local(self),
        });
        while let Some(work) = self.claim() {
            match work {
                Work::List(ticket, folder) => self.list(ticket, &folder, &mut seat.matchers),
                Work::Search(number, candidate) => {
                    T::search(self, &mut seat.local, number, &candidate);
                }
            }
            if turn.over() {
                break;
            }
        }
        lock(&self.seats).push(seat);
    }

    fn panicked(&self, message: String) {
        self.fail(Error::failed(
            format!("the search panicked: {message}"),
            "this is a bug; `sidecar logs` has the details",
        ));
    }
}
