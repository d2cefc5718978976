//! Every descendant of this process, and signals to them. A child subreaper's descendants cannot leave it: whatever
//! `setsid` and double forks do, an orphan becomes the subreaper's child (prctl(2), PR_SET_CHILD_SUBREAPER).

use std::collections::HashSet;
use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Scans in a row that may find new processes before the caller's loop goes on; a fork bomb must not hold it for ever.
const SCANS: usize = 64;

/// Signal every descendant that is not in `done` yet, until a scan finds no new one; stopped ones are woken for TERM.
pub fn signal_all(signal: Signal, done: &mut HashSet<i32>) {
    for _ in 0..SCANS {
        let new: Vec<_> = descendants()
            .into_iter()
            .filter(|(pid, _)| !done.contains(pid))
            .collect();
        if new.is_empty() {
            return;
        }
        for (pid, parent) in new {
            signal_proven(pid, parent, signal);
            done.insert(pid);
        }
    }
}

/// (pid, parent) of every descendant, parents first. May miss one that is being born or reparented: scan again.
fn descendants() -> Vec<(i32, i32)> {
    let me = std::process::id().cast_signed();
    let mut found: Vec<(i32, i32)> = children(me).into_iter().map(|pid| (pid, me)).collect();
    let mut next = 0;
    while next < found.len() {
        let parent = found[next].0;
        found.extend(children(parent).into_iter().map(|pid| (pid, parent)));
        next += 1;
    }
    found
}

/// Children of all threads of a process (proc_pid_task_children(5)); none if it is gone.
fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let texts = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    texts
        .flat_map(|text| {
            text.split_ascii_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Signal `pid` if it is still the child of `parent`: the pidfd is opened first, so that a reused number is not hit (C5).
fn signal_proven(pid: i32, parent: i32, signal: Signal) {
    let Some(target) = Pid::from_raw(pid) else {
        return;
    };
    let Ok(pidfd) = pidfd_open(target, PidfdFlags::empty()) else {
        return;
    };
    let still = parent_of(pid);
    // Reparented to us since the scan: still ours.
    if still == Some(parent) || still == Some(std::process::id().cast_signed()) {
        let _ = pidfd_send_signal(&pidfd, signal);
        if signal == Signal::TERM {
            let _ = pidfd_send_signal(&pidfd, Signal::CONT);
        }
    }
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&stat);
    text.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}
