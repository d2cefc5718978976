//! The run folder's two files that the supervisor writes: who supervises, and how it ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// How the direct child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Code(i32),
    Signal(i32),
}

/// Bytes kept for `exit.json`; the record is padded to it with spaces, so that a full disk cannot lose an exit code.
const RESERVED: usize = 128;

/// The space for `exit.json`, taken at the start.
pub struct ExitRecord {
    file: File,
    part: PathBuf,
    place: PathBuf,
}

impl ExitRecord {
    /// Write a record's worth of spaces under a temporary name in `run_dir`.
    pub fn reserve(run_dir: &Path) -> io::Result<Self> {
        let part = run_dir.join("exit.json.part");
        let file = create(&part)?;
        file.write_all_at(&[b' '; RESERVED], 0)?;
        Ok(Self {
            file,
            part,
            place: run_dir.join("exit.json"),
        })
    }

    /// Fill the record in and rename it into place.
    pub fn publish(self, outcome: Outcome) -> io::Result<()> {
        let (code, signal) = match outcome {
            Outcome::Code(code) => (code.to_string(), "null".into()),
            Outcome::Signal(signal) => ("null".into(), signal.to_string()),
        };
        let at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        let text = format!("{{\"code\":{code},\"signal\":{signal},\"finishedAt\":{at:.3}}}");
        self.file.write_all_at(text.as_bytes(), 0)?;
        fs::rename(&self.part, &self.place)
    }
}

/// Write `supervisor.json {pid, startTicks}`: valid for as long as the run's lock is held.
pub fn write_identity(run_dir: &Path) -> io::Result<()> {
    let pid = std::process::id();
    let ticks = start_ticks(&fs::read("/proc/self/stat")?).unwrap_or(0);
    create(&run_dir.join("supervisor.json"))?
        .write_all(format!("{{\"pid\":{pid},\"startTicks\":{ticks}}}").as_bytes())
}

/// Field 22 of proc_pid_stat(5). The second field, the name, may hold spaces and brackets: count from its last bracket.
fn start_ticks(stat: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(stat);
    text.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(19)?
        .parse()
        .ok()
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_ticks_are_read_behind_a_name_with_brackets_and_spaces() {
        let stat = b"7 (a) b) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9";
        assert_eq!(start_ticks(stat), Some(4242));
    }

    #[test]
    fn a_published_record_replaces_the_reserved_space() {
        let dir = std::env::temp_dir().join(format!("sidecar-record-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        ExitRecord::reserve(&dir)
            .unwrap()
            .publish(Outcome::Signal(9))
            .unwrap();
        let text = fs::read_to_string(dir.join("exit.json")).unwrap();
        assert!(text.starts_with("{\"code\":null,\"signal\":9,\"finishedAt\":"));
        assert_eq!(text.len(), RESERVED);
        fs::remove_dir_all(&dir).unwrap();
    }
}
