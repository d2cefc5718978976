//! What a walk has found and nobody has taken yet. Pure bookkeeping; the caller holds the lock.

use std::sync::Arc;

use crate::walk::{Candidate, Entry, Folder};

/// Folders listed before their turn, so that no worker waits for the one in front; bounds the memory of listings.
const AHEAD: usize = 64;

/// One unit of work.
#[derive(Debug)]
pub enum Work {
    /// List this folder and hand the result in under the ticket.
    List(u64, Arc<Folder>),
    /// Search this file; numbered in path order when the frontier is ordered.
    Search(u64, Candidate),
}

#[derive(Debug)]
enum Slot {
    Found(Entry),
    Taken(u64),
    Listed(Vec<Entry>),
}

/// A stack whose top is next. Unordered, workers take whatever is on top; ordered, files leave in exactly the listings' order.
#[derive(Debug)]
pub struct Frontier {
    stack: Vec<Slot>,
    ordered: bool,
    tickets: u64,
    files: u64,
}

impl Frontier {
    /// Start with `entries`, in order.
    pub fn new(entries: Vec<Entry>, ordered: bool) -> Frontier {
        let mut frontier = Frontier {
            stack: Vec::new(),
            ordered,
            tickets: 0,
            files: 0,
        };
        frontier.push(entries);
        frontier
    }

    /// Nothing left and nothing out for listing (ordered); unordered, folders out for listing are not counted.
    pub fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }

    /// The next unit. `open`: whether files may be taken (ordered output has a window).
    pub fn take(&mut self, open: bool) -> Option<Work> {
        if !self.ordered {
            return match self.stack.pop()? {
                Slot::Found(Entry::Folder(folder)) => Some(Work::List(0, folder)),
                Slot::Found(Entry::File(file)) => Some(Work::Search(0, file)),
                Slot::Taken(_) | Slot::Listed(_) => None,
            };
        }
        self.unfold();
        if let Some(Slot::Found(Entry::File(file))) = self
            .stack
            .pop_if(|slot| open && matches!(slot, Slot::Found(Entry::File(_))))
        {
            self.files += 1;
            return Some(Work::Search(self.files - 1, file));
        }
        self.look_ahead()
    }

    /// The listing of a folder that was taken with `ticket`.
    pub fn listed(&mut self, ticket: u64, entries: Vec<Entry>) {
        if !self.ordered {
            self.push(entries);
        } else if let Some(slot) = self
            .stack
            .iter_mut()
            .rev()
            .find(|slot| matches!(slot, Slot::Taken(held) if *held == ticket))
        {
            *slot = Slot::Listed(entries);
        }
    }

    fn push(&mut self, entries: Vec<Entry>) {
        self.stack
            .extend(entries.into_iter().rev().map(Slot::Found));
    }

    /// Put a finished listing on top in place of its folder.
    fn unfold(&mut self) {
        while matches!(self.stack.last(), Some(Slot::Listed(_))) {
            if let Some(Slot::Listed(entries)) = self.stack.pop() {
                self.push(entries);
            }
        }
    }

    /// Take the nearest folder that nobody lists yet, unless enough is listed ahead.
    fn look_ahead(&mut self) -> Option<Work> {
        let mut ahead = 0;
        for slot in self.stack.iter_mut().rev().take(AHEAD) {
            match slot {
                Slot::Found(Entry::File(_)) => {}
                Slot::Taken(_) | Slot::Listed(_) => ahead += 1,
                Slot::Found(Entry::Folder(folder)) if ahead < AHEAD => {
                    let folder = Arc::clone(folder);
                    self.tickets += 1;
                    *slot = Slot::Taken(self.tickets);
                    return Some(Work::List(self.tickets, folder));
                }
                Slot::Found(Entry::Folder(_)) => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file(name: &str) -> Entry {
        Entry::File(Candidate {
            root: 0,
            rel: PathBuf::from(name),
        })
    }

    fn folder(name: &str) -> Entry {
        Entry::Folder(Arc::new(Folder::named(name)))
    }

    fn name_of(work: Option<Work>) -> String {
        match work {
            Some(Work::Search(number, file)) => format!("{number} {}", file.rel.display()),
            Some(Work::List(ticket, _)) => format!("list {ticket}"),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn files_leave_in_the_listings_order_however_the_listings_come_in() {
        let mut frontier = Frontier::new(vec![folder("a"), file("b"), folder("c")], true);
        assert_eq!(name_of(frontier.take(true)), "list 1");
        // The folder in front is being listed: the next one is listed ahead, and no file behind it leaves.
        assert_eq!(name_of(frontier.take(true)), "list 2");
        assert_eq!(name_of(frontier.take(true)), "none");
        frontier.listed(2, vec![file("c/1")]);
        assert_eq!(name_of(frontier.take(true)), "none");
        frontier.listed(1, vec![file("a/1")]);
        let order: Vec<_> = (0..4).map(|_| name_of(frontier.take(true))).collect();
        assert_eq!(order, ["0 a/1", "1 b", "2 c/1", "none"]);
        assert!(frontier.is_empty());
    }

    #[test]
    fn a_closed_window_lets_folders_be_listed_but_no_file_leave() {
        let mut frontier = Frontier::new(vec![file("a"), folder("b")], true);
        assert_eq!(name_of(frontier.take(false)), "list 1");
        assert_eq!(name_of(frontier.take(false)), "none");
        assert_eq!(name_of(frontier.take(true)), "0 a");
    }
}
