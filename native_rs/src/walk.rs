//! Which files a search covers, one listed folder at a time, so that the pool's workers share the walk.
//!
//! `ignore`'s own parallel walk starts threads of its own for every search; its incremental matchers decide the same per path.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::{IncrementalIgnore, WalkBuilder};
use rustix::fs::{Dir, FileType, OFlags};

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::request::Request;
use crate::roots::{self, Bounds, Root};
use crate::rules;

/// A folder to list.
#[derive(Debug)]
pub struct Folder {
    root: usize,
    rel: PathBuf,
    /// Device and inode; only while following links, to see loops.
    identity: Option<(u64, u64)>,
    parent: Option<Arc<Folder>>,
}

impl Folder {
    /// A folder below the first root, for tests of what holds folders.
    #[cfg(test)]
    pub fn named(name: &str) -> Folder {
        Folder {
            root: 0,
            rel: PathBuf::from(name),
            identity: None,
            parent: None,
        }
    }
}

/// A file to search.
#[derive(Debug)]
pub struct Candidate {
    pub root: usize,
    /// Below the root; empty when the root is the file.
    pub rel: PathBuf,
}

/// What a listed folder holds.
#[derive(Debug)]
pub enum Entry {
    Folder(Arc<Folder>),
    File(Candidate),
}

/// What became of one folder.
#[derive(Debug, Default)]
pub struct Listing {
    pub entries: Vec<Entry>,
    pub unreadable: u64,
}

/// The walk of one request, shared by all workers.
#[derive(Debug)]
pub struct Walk {
    builder: WalkBuilder,
    roots: Vec<Root>,
    follow: bool,
    sorted: bool,
    bounds: Option<Bounds>,
    /// Nothing up to here is listed any more; only sorted walks have one.
    cursor: Option<Cursor>,
}

impl Walk {
    /// Resolve the request's paths and compile its globs and types.
    ///
    /// Errors: `notFound`, `outsideRoot`, `invalidParams` for a glob or type, `failed`.
    pub fn new(request: &Request, sorted: bool) -> Result<Walk> {
        let bounds = Bounds::of(request);
        let mut roots = roots::find(request, bounds.as_ref())?;
        if sorted {
            roots.sort_by(|one, other| one.shown.cmp(&other.shown));
        }
        let cursor = request.cursor.clone().filter(|_| sorted);
        if cursor.as_ref().is_some_and(|at| at.root >= roots.len()) {
            return Err(Error::invalid(
                "cursor: no cursor of a search with these paths",
                "send the `cursor` of the reply before, with all other arguments as they were",
            ));
        }
        Ok(Walk {
            builder: rules::builder(request, &roots)?,
            roots,
            follow: request.follow,
            sorted,
            bounds,
            cursor,
        })
    }

    /// Whether rg would map these files into memory: few paths and each a file. Matters for how NULs are seen.
    pub fn only_files(&self) -> bool {
        self.roots.len() <= 10 && self.roots.iter().all(|root| !root.is_folder)
    }

    /// One set of matchers, for one worker: they cache by folder and cannot be shared.
    pub fn matchers(&self) -> Vec<IncrementalIgnore> {
        self.builder.build_matchers()
    }

    /// Where the walk starts.
    pub fn start(&self) -> Vec<Entry> {
        let entry = |(index, root): (usize, &Root)| {
            if !root.is_folder {
                return Entry::File(Candidate {
                    root: index,
                    rel: PathBuf::new(),
                });
            }
            let identity = self.follow.then(|| identity_of(&root.path)).flatten();
            Entry::Folder(Arc::new(Folder {
                root: index,
                rel: PathBuf::new(),
                identity,
                parent: None,
            }))
        };
        let mut entries: Vec<Entry> = self.roots.iter().enumerate().map(entry).collect();
        self.resume(&mut entries);
        entries
    }

    /// Forget what earlier pages have handed out.
    fn resume(&self, entries: &mut Vec<Entry>) {
        if let Some(cursor) = &self.cursor {
            entries.retain(|entry| match entry {
                Entry::Folder(folder) => !cursor.is_past_folder(folder.root, &folder.rel),
                Entry::File(file) => !cursor.is_past_file(file.root, &file.rel),
            });
        }
    }

    /// The offset up to which the matches of this file were handed out by earlier pages, if some were.
    pub fn handed_out(&self, candidate: &Candidate) -> Option<u64> {
        self.cursor
            .as_ref()
            .and_then(|cursor| cursor.offset_in(candidate.root, &candidate.rel))
    }

    /// The path of a candidate as the reply shows it.
    pub fn shown(&self, candidate: &Candidate, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.roots[candidate.root].shown);
        out.extend_from_slice(candidate.rel.as_os_str().as_bytes());
    }

    /// Open a regular file and nothing else: a FIFO would wait for a writer, a device may never end, a socket cannot be opened.
    /// Returns its size with it.
    pub fn open(&self, candidate: &Candidate) -> io::Result<(fs::File, u64)> {
        let root = &self.roots[candidate.root];
        let mut flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        if !root.is_folder && !fs::metadata(&root.path)?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if root.is_folder && !self.follow {
            flags |= OFlags::NOFOLLOW;
        }
        let file = root.open(&candidate.rel, flags, self.confined())?;
        // What the listing called a file may be something else by now.
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok((
            fs::File::from(file),
            u64::try_from(stat.st_size).unwrap_or(0),
        ))
    }

    /// List `folder`: what is not ignored, sorted by path if this walk is.
    ///
    /// Errors: the folder cannot be opened or read.
    pub fn list(
        &self,
        folder: &Arc<Folder>,
        matchers: &mut [IncrementalIgnore],
    ) -> io::Result<Listing> {
        let mut listing = Listing::default();
        let root = &self.roots[folder.root];
        let matcher = &mut matchers[folder.root];
        let opened = root.open(
            &folder.rel,
            OFlags::RDONLY | OFlags::DIRECTORY,
            self.confined(),
        )?;
        for entry in Dir::new(opened)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            match self.admit(folder, name, entry.file_type(), matcher) {
                Ok(Some(entry)) => listing.entries.push(entry),
                Ok(None) => {}
                Err(_) => listing.unreadable += 1,
            }
        }
        if self.sorted {
            self.resume(&mut listing.entries);
            listing.entries.sort_by(path_order);
        }
        Ok(listing)
    }

    /// Whether links are refused by the kernel too: a reader's walk that follows none.
    fn confined(&self) -> bool {
        self.bounds.is_some() && !self.follow
    }

    fn admit(
        &self,
        folder: &Arc<Folder>,
        name: &OsStr,
        kind: FileType,
        matcher: &mut IncrementalIgnore,
    ) -> io::Result<Option<Entry>> {
        let rel = folder.rel.join(name);
        // Some file systems do not say the kind in the listing.
        let kind = if kind == FileType::Unknown {
            self.roots[folder.root].kind(&rel)?
        } else {
            kind
        };
        match kind {
            FileType::Symlink if self.follow => self.admit_link(folder, rel, matcher),
            FileType::Directory if !matcher.matched(&rel, true).is_ignore() => {
                self.folder(folder, rel, None).map(Some)
            }
            FileType::RegularFile if !matcher.matched(&rel, false).is_ignore() => {
                Ok(Some(Entry::File(Candidate {
                    root: folder.root,
                    rel,
                })))
            }
            _ => Ok(None),
        }
    }

    /// A symlink while following: judged by what it points to; a loop is an error, as in rg.
    fn admit_link(
        &self,
        folder: &Arc<Folder>,
        rel: PathBuf,
        matcher: &mut IncrementalIgnore,
    ) -> io::Result<Option<Entry>> {
        let path = self.roots[folder.root].path.join(&rel);
        let meta = fs::metadata(&path)?;
        if matcher.matched(&rel, meta.is_dir()).is_ignore() {
            return Ok(None);
        }
        if let Some(bounds) = &self.bounds
            && !bounds.hold(&path)?
        {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if meta.is_dir() {
            return self
                .folder(folder, rel, Some((meta.dev(), meta.ino())))
                .map(Some);
        }
        Ok(meta.is_file().then_some(Entry::File(Candidate {
            root: folder.root,
            rel,
        })))
    }

    fn folder(
        &self,
        parent: &Arc<Folder>,
        rel: PathBuf,
        linked: Option<(u64, u64)>,
    ) -> io::Result<Entry> {
        if !self.follow {
            return Ok(Entry::Folder(Arc::new(Folder {
                root: parent.root,
                rel,
                identity: None,
                parent: None,
            })));
        }
        if linked.is_some() {
            let mut above = Some(parent);
            while let Some(folder) = above {
                if folder.identity == linked {
                    return Err(io::Error::other("symlink loop"));
                }
                above = folder.parent.as_ref();
            }
        }
        let identity = linked.or_else(|| identity_of(&self.roots[parent.root].path.join(&rel)));
        Ok(Entry::Folder(Arc::new(Folder {
            root: parent.root,
            rel,
            identity,
            parent: Some(Arc::clone(parent)),
        })))
    }
}

fn identity_of(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Byte order of whole paths: a folder sorts as its name with a slash behind it.
fn path_order(one: &Entry, other: &Entry) -> Ordering {
    let ((one, one_end), (other, other_end)) = (order_key(one), order_key(other));
    let shared = one.len().min(other.len());
    // Only where one name is the start of the other does what follows it decide.
    one[..shared].cmp(&other[..shared]).then_with(|| {
        let rest = one[shared..].iter().chain(one_end);
        rest.cmp(other[shared..].iter().chain(other_end))
    })
}

fn order_key(entry: &Entry) -> (&[u8], &'static [u8]) {
    match entry {
        Entry::Folder(folder) => (folder.rel.as_os_str().as_bytes(), b"/"),
        Entry::File(file) => (file.rel.as_os_str().as_bytes(), b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(rel: &str) -> Entry {
        Entry::File(Candidate {
            root: 0,
            rel: PathBuf::from(rel),
        })
    }

    fn folder(rel: &str) -> Entry {
        Entry::Folder(Arc::new(Folder::named(rel)))
    }

    #[test]
    fn a_folder_sorts_where_the_paths_below_it_sort() {
        let mut entries = [
            folder("a"),
            file("a0"),
            file("a-b"),
            file("b"),
            file("a.txt"),
        ];
        entries.sort_by(path_order);
        let names: Vec<_> = entries
            .iter()
            .map(|entry| String::from_utf8_lossy(order_key(entry).0).into_owned())
            .collect();
        assert_eq!(names, ["a-b", "a.txt", "a", "a0", "b"]);
    }
}
