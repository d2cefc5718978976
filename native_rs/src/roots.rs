//! The paths of a request: where each is, whether it may be searched, and how paths below it are shown in the reply.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};

use crate::error::{Error, Result};
use crate::request::Request;

/// One path of the request.
#[derive(Debug)]
pub struct Root {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// What stands before a path below it in the reply (ends with `/` unless empty); for a file, the whole path.
    pub shown: Vec<u8>,
    /// The folder itself, so that nothing below it is looked up from `/` again; None for a file.
    pub handle: Option<OwnedFd>,
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

/// Find all paths of the request.
///
/// Errors: `notFound`, `outsideRoot`, `failed` when a folder cannot be opened for want of descriptors.
pub fn find(request: &Request, bounds: Option<&Bounds>) -> Result<Vec<Root>> {
    if !request.root.is_dir() {
        return Err(missing(&request.root.to_string_lossy()));
    }
    request
        .paths
        .iter()
        .map(|given| one(&request.root, given, bounds))
        .collect()
}

/// `.` components vanish; `..` is left to the file system, as it may cross links.
fn one(base: &Path, given: &str, bounds: Option<&Bounds>) -> Result<Root> {
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
    let handle = if is_folder {
        Some(opened(&path)?)
    } else {
        None
    };
    Ok(Root {
        path,
        shown,
        handle,
    })
}

fn opened(path: &Path) -> Result<OwnedFd> {
    rustix::fs::openat(
        CWD,
        path,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(|cause| {
        Error::failed(
            format!("cannot open {}: {cause}", path.display()),
            "check its permissions and the limit on open files",
        )
    })
}

fn missing(path: &str) -> Error {
    Error::NotFound {
        message: format!("{path} does not exist"),
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
