//! Which files a search covers: ripgrep's ignore rules over folders listed one at a time, so that the pool's workers share the walk.
//!
//! `ignore`'s own parallel walk starts threads of its own for every search; its incremental matchers decide the same per path.

use std::cmp::Ordering;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use ignore::IncrementalIgnore;
use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;
use ignore::types::TypesBuilder;

use crate::error::{Error, Result};
use crate::request::Request;

/// One path of the request.
#[derive(Debug)]
pub struct Root {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// What stands before a path below it in the reply (ends with `/` unless empty); for a file, the whole path.
    pub shown: Vec<u8>,
    pub is_folder: bool,
}

/// A folder to list.
#[derive(Debug)]
pub struct Folder {
    root: usize,
    rel: PathBuf,
    /// Device and inode; only while following links, to see loops.
    identity: Option<(u64, u64)>,
    parent: Option<Arc<Folder>>,
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
    pub roots: Vec<Root>,
    follow: bool,
    sorted: bool,
    bounds: Option<Vec<PathBuf>>,
}

impl Walk {
    /// Resolve the request's paths and compile its globs and types.
    ///
    /// Errors: `notFound`, `outsideRoot`, `invalidParams` for a glob or type.
    pub fn new(request: &Request, sorted: bool) -> Result<Walk> {
        let bounds = request.roots.as_ref().map(|roots| {
            roots
                .iter()
                .filter_map(|root| root.canonicalize().ok())
                .collect::<Vec<_>>()
        });
        if !request.root.is_dir() {
            return Err(missing(&request.root));
        }
        let mut roots = Vec::with_capacity(request.paths.len());
        for path in &request.paths {
            let root = resolve(&request.root, path)?;
            if let Some(bounds) = &bounds {
                inside(bounds, &root.path, path)?;
            }
            roots.push(root);
        }
        if sorted {
            roots.sort_by(|a, b| a.shown.cmp(&b.shown));
        }
        Ok(Walk {
            builder: builder(request, &roots)?,
            roots,
            follow: request.follow,
            sorted,
            bounds,
        })
    }

    /// Whether rg would map these files into memory: few paths and each a file. Matters for how NULs are seen.
    pub fn only_files(&self) -> bool {
        self.roots.len() <= 10 && self.roots.iter().all(|root| !root.is_folder)
    }

    /// Whether a candidate must not be a symlink by the time it is opened.
    pub fn bounded(&self) -> bool {
        self.bounds.is_some() && !self.follow
    }

    /// One set of matchers, for one worker: they cache by folder and cannot be shared.
    pub fn matchers(&self) -> Vec<IncrementalIgnore> {
        self.builder.build_matchers()
    }

    /// Where the walk starts.
    pub fn start(&self) -> Vec<Entry> {
        let entry = |(index, root): (usize, &Root)| {
            if root.is_folder {
                let identity = self
                    .follow
                    .then(|| {
                        fs::metadata(&root.path)
                            .ok()
                            .map(|meta| (meta.dev(), meta.ino()))
                    })
                    .flatten();
                Entry::Folder(Arc::new(Folder {
                    root: index,
                    rel: PathBuf::new(),
                    identity,
                    parent: None,
                }))
            } else {
                Entry::File(Candidate {
                    root: index,
                    rel: PathBuf::new(),
                })
            }
        };
        self.roots.iter().enumerate().map(entry).collect()
    }

    /// The absolute path of `rel` below root number `root`.
    pub fn path(&self, root: usize, rel: &Path) -> PathBuf {
        let base = &self.roots[root].path;
        if rel.as_os_str().is_empty() {
            base.clone()
        } else {
            base.join(rel)
        }
    }

    /// The path of a candidate as the reply shows it.
    pub fn shown(&self, candidate: &Candidate, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.roots[candidate.root].shown);
        out.extend_from_slice(candidate.rel.as_os_str().as_bytes());
    }

    /// List `folder`: what is not ignored, sorted by path if this walk is.
    pub fn list(&self, folder: &Arc<Folder>, matchers: &mut [IncrementalIgnore]) -> Listing {
        let mut listing = Listing::default();
        let Ok(entries) = fs::read_dir(self.path(folder.root, &folder.rel)) else {
            listing.unreadable = 1;
            return listing;
        };
        let matcher = &mut matchers[folder.root];
        for entry in entries {
            match entry.and_then(|entry| self.admit(folder, &entry, matcher)) {
                Ok(Some(entry)) => listing.entries.push(entry),
                Ok(None) => {}
                Err(_) => listing.unreadable += 1,
            }
        }
        if self.sorted {
            listing.entries.sort_by(path_order);
        }
        listing
    }

    fn admit(
        &self,
        folder: &Arc<Folder>,
        entry: &fs::DirEntry,
        matcher: &mut IncrementalIgnore,
    ) -> io::Result<Option<Entry>> {
        let kind = entry.file_type()?;
        let rel = folder.rel.join(entry.file_name());
        if kind.is_symlink() {
            return if self.follow {
                self.admit_link(folder, rel, matcher)
            } else {
                Ok(None)
            };
        }
        let is_folder = kind.is_dir();
        if !(is_folder || kind.is_file()) || matcher.matched(&rel, is_folder).is_ignore() {
            return Ok(None);
        }
        Ok(Some(if is_folder {
            self.folder(folder, rel, None)?
        } else {
            Entry::File(Candidate {
                root: folder.root,
                rel,
            })
        }))
    }

    /// A symlink while following: judged by what it points to; a loop is an error, as in rg.
    fn admit_link(
        &self,
        folder: &Arc<Folder>,
        rel: PathBuf,
        matcher: &mut IncrementalIgnore,
    ) -> io::Result<Option<Entry>> {
        let path = self.path(folder.root, &rel);
        let meta = fs::metadata(&path)?;
        let is_folder = meta.is_dir();
        if matcher.matched(&rel, is_folder).is_ignore() {
            return Ok(None);
        }
        if let Some(bounds) = &self.bounds {
            let target = path.canonicalize()?;
            if !bounds.iter().any(|bound| target.starts_with(bound)) {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
        }
        if is_folder {
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
        let mut identity = linked;
        if let Some(own) = linked {
            let mut above = Some(parent);
            while let Some(folder) = above {
                if folder.identity == Some(own) {
                    return Err(io::Error::other("symlink loop"));
                }
                above = folder.parent.as_ref();
            }
        } else if self.follow {
            identity = fs::metadata(self.path(parent.root, &rel))
                .ok()
                .map(|meta| (meta.dev(), meta.ino()));
        }
        let kept = self.follow.then(|| Arc::clone(parent));
        Ok(Entry::Folder(Arc::new(Folder {
            root: parent.root,
            rel,
            identity,
            parent: kept,
        })))
    }
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

fn missing(path: &Path) -> Error {
    let path = path.to_string_lossy().into_owned();
    Error::NotFound {
        message: format!("{path} does not exist"),
        path,
    }
}

fn inside(bounds: &[PathBuf], path: &Path, given: &str) -> Result<()> {
    let real = path.canonicalize().map_err(|_| missing(Path::new(given)))?;
    if bounds.iter().any(|bound| real.starts_with(bound)) {
        return Ok(());
    }
    Err(Error::OutsideRoot {
        message: format!("{given} is outside the roots this client may search"),
        path: given.to_owned(),
    })
}

/// Find one path of the request. `.` components vanish; `..` is left to the file system, as it may cross links.
fn resolve(base: &Path, given: &str) -> Result<Root> {
    let plain: PathBuf = Path::new(given)
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    let path = if plain.as_os_str().is_empty() {
        base.to_path_buf()
    } else {
        base.join(&plain)
    };
    let is_folder = match fs::metadata(&path) {
        Ok(meta) => meta.is_dir(),
        Err(cause)
            if matches!(
                cause.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Err(missing(Path::new(given)));
        }
        Err(_) => false,
    };
    let mut shown = shown_as(base, &path);
    if is_folder && !shown.is_empty() && !shown.ends_with(b"/") {
        shown.push(b'/');
    }
    Ok(Root {
        path,
        shown,
        is_folder,
    })
}

/// Relative to `base` unless it leaves it (protocol.md, Wire).
fn shown_as(base: &Path, path: &Path) -> Vec<u8> {
    let climbs = path.components().any(|part| part == Component::ParentDir);
    let real = if climbs {
        path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
    } else {
        path.to_path_buf()
    };
    let below = real.strip_prefix(base).ok().map(Path::to_path_buf);
    let below = below.or_else(|| {
        climbs
            .then(|| base.canonicalize().ok())
            .flatten()
            .and_then(|base| real.strip_prefix(base).ok().map(Path::to_path_buf))
    });
    below.unwrap_or(real).as_os_str().as_bytes().to_vec()
}

/// Configured as the rg binary does it (its `.rgignore` included).
fn builder(request: &Request, roots: &[Root]) -> Result<WalkBuilder> {
    let mut builder = WalkBuilder::empty();
    for root in roots {
        builder.add(&root.path);
    }
    let obey = !request.no_ignore;
    builder
        .standard_filters(obey)
        .hidden(!request.hidden)
        .follow_links(request.follow)
        .current_dir(&request.root);
    if obey {
        builder.add_custom_ignore_filename(".rgignore");
    }
    let mut overrides = OverrideBuilder::new(&request.root);
    for glob in &request.globs {
        overrides
            .add(glob)
            .map_err(|cause| wrong("globs", &cause))?;
    }
    builder.overrides(overrides.build().map_err(|cause| wrong("globs", &cause))?);
    if !request.types.is_empty() {
        let mut types = TypesBuilder::new();
        types.add_defaults();
        for name in &request.types {
            match name.strip_prefix('!') {
                Some(unwanted) => types.negate(unwanted),
                None => types.select(name),
            };
        }
        builder.types(types.build().map_err(|cause| wrong("types", &cause))?);
    }
    Ok(builder)
}

fn wrong(field: &str, cause: &ignore::Error) -> Error {
    Error::invalid(
        format!("{field}: {cause}"),
        "see `rg --help` for globs and `rg --type-list` for types",
    )
}
