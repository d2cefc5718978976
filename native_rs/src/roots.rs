//! The paths of a request: where each is, whether it may be searched, and how paths below it are shown in the reply.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

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
    /// The folder itself, so that nothing below it is looked up from `/` again; only the first few folders have one.
    handle: Option<OwnedFd>,
}

impl Root {
    /// Open something below this folder, or the root itself when `rel` is empty. Always close-on-exec.
    ///
    /// `confined`: no component may be a link, by the kernel's word, where the kernel can tell.
    pub fn open(&self, rel: &Path, flags: OFlags, confined: bool) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        let Some(handle) = &self.handle else {
            let path = if rel.as_os_str().is_empty() {
                self.path.clone()
            } else {
                self.path.join(rel)
            };
            return Ok(rustix::fs::open(&path, flags, Mode::empty())?);
        };
        let rel = if rel.as_os_str().is_empty() {
            Path::new(".")
        } else {
            rel
        };
        if confined {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            match rustix::fs::openat2(handle, rel, flags, Mode::empty(), resolve) {
                // Kernels before 5.6, and sandboxes that do not know the call.
                Err(Errno::NOSYS | Errno::PERM) => {}
                opened => return Ok(opened?),
            }
        }
        Ok(rustix::fs::openat(handle, rel, flags, Mode::empty())?)
    }

    /// The kind of something below this folder, links not followed.
    pub fn kind(&self, rel: &Path) -> io::Result<FileType> {
        let stat = rustix::fs::statat(CWD, self.path.join(rel), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode))
    }
}

/// Folders that a reader's paths and symlink targets must stay inside; real paths.
#[derive(Debug)]
pub struct Bounds(Vec<PathBuf>);

impl Bounds {
    /// The bound of a request, if it has one. Roots that are gone bound nothing in.
    pub fn of(request: &Request) -> Option<Bounds> {
        let roots = request.roots.as_ref()?;
        Some(Bounds(
            roots
                .iter()
                .filter_map(|root| root.canonicalize().ok())
                .collect(),
        ))
    }

    /// Whether `path`, with all links resolved, is inside.
    pub fn hold(&self, path: &Path) -> io::Result<bool> {
        let real = path.canonicalize()?;
        Ok(self.0.iter().any(|bound| real.starts_with(bound)))
    }
}

/// So many roots keep a descriptor; others are looked up by path.
const HANDLES: usize = 8;
/// More paths than this belong into a glob.
const MAX_PATHS: usize = 10_000;

/// Find all paths of the request.
///
/// Errors: `notFound`, `outsideRoot`, `tooLarge` for too many paths.
pub fn find(request: &Request, bounds: Option<&Bounds>) -> Result<Vec<Root>> {
    if !request.root.is_dir() {
        return Err(missing(&request.root.to_string_lossy()));
    }
    if request.paths.len() > MAX_PATHS {
        return Err(Error::too_large(
            format!("paths: more than {MAX_PATHS}"),
            "name folders, or use globs",
        ));
    }
    let mut roots = Vec::with_capacity(request.paths.len());
    for given in &request.paths {
        let keep = roots.len() < HANDLES;
        roots.push(one(&request.root, given, bounds, keep)?);
    }
    Ok(roots)
}

/// `.` components vanish; `..` is left to the file system, as it may cross links.
fn one(base: &Path, given: &str, bounds: Option<&Bounds>, keep: bool) -> Result<Root> {
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
            return Err(missing(given));
        }
        Err(_) => false,
    };
    if let Some(bounds) = bounds
        && !bounds.hold(&path).unwrap_or(false)
    {
        let message = format!("{given} is outside the roots this client may search");
        return Err(Error::OutsideRoot {
            message,
            path: given.to_owned(),
        });
    }
    let mut shown = shown_as(base, &path);
    if is_folder && !shown.is_empty() && !shown.ends_with(b"/") {
        shown.push(b'/');
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = (is_folder && keep).then(|| rustix::fs::open(&path, flags, Mode::empty()).ok());
    Ok(Root {
        path,
        shown,
        is_folder,
        handle: handle.flatten(),
    })
}

fn missing(path: &str) -> Error {
    let what = if Path::new(path).exists() {
        "is no folder"
    } else {
        "does not exist"
    };
    Error::NotFound {
        message: format!("{path} {what}"),
        path: path.to_owned(),
    }
}

/// Relative to `base` unless it leaves it (protocol.md, Wire).
fn shown_as(base: &Path, path: &Path) -> Vec<u8> {
    let climbs = path.components().any(|part| part == Component::ParentDir);
    let (base, path) = if climbs {
        (real(base), real(path))
    } else {
        (base.to_path_buf(), path.to_path_buf())
    };
    path.strip_prefix(&base)
        .unwrap_or(&path)
        .as_os_str()
        .as_bytes()
        .to_vec()
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_the_root_are_shown_relative_and_others_absolute() {
        assert_eq!(shown_as(Path::new("/a/b"), Path::new("/a/b/c/d")), b"c/d");
        assert_eq!(shown_as(Path::new("/a/b"), Path::new("/a/x")), b"/a/x");
        assert_eq!(shown_as(Path::new("/a/b"), Path::new("/a/b")), b"");
    }

    #[test]
    fn a_path_that_climbs_out_and_in_again_is_relative() {
        assert_eq!(
            shown_as(Path::new("/usr"), Path::new("/usr/bin/../bin")),
            shown_as(&real(Path::new("/usr")), &real(Path::new("/usr/bin")))
        );
    }
}
