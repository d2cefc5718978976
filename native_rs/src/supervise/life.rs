//! The life of one tree: start, watch, end, say how it ended. One thread, one `poll`.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, set_child_subreaper, wait};

use super::options::Options;
use super::record::{ExitRecord, Outcome, write_identity};
use super::signals::Signals;
use super::{child, tree};

/// Between two looks for newly forked processes while the tree has its grace.
const TERM_SCAN: Duration = Duration::from_millis(20);
/// Between two rounds of KILL: the first, and the longest (a process in an uninterruptible sleep ends when it wakes).
const KILL_SCAN: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(500));

struct Ending {
    kill_at: Instant,
    told: HashSet<i32>,
    pause: Duration,
}

struct Life {
    grace: Duration,
    detached: bool,
    control: Option<File>,
    heard: Vec<u8>,
    signals: Signals,
    child: Pid,
    outcome: Option<Outcome>,
    ending: Option<Ending>,
}

/// Supervise one tree to its end. An error means that nothing was started, and has been reported.
pub fn run(options: &Options) -> io::Result<()> {
    // SAFETY: the daemon passes these two descriptors for us alone.
    let (lock, control) = unsafe {
        (
            OwnedFd::from_raw_fd(options.lock_fd),
            OwnedFd::from_raw_fd(options.control_fd),
        )
    };
    child::keep_from_child(lock.as_fd())?;
    child::keep_from_child(control.as_fd())?;
    let mut control = File::from(control);
    let (signals, record, child) = match begin(options) {
        Ok(begun) => begun,
        Err(error) => {
            let exists = options
                .argv
                .first()
                .is_some_and(|program| Path::new(program).exists());
            let _ = writeln!(
                control,
                "failed {}{}",
                error.raw_os_error().unwrap_or(0),
                if exists { " exists" } else { "" }
            );
            return Err(error);
        }
    };
    let mut life = Life {
        grace: options.grace,
        detached: options.detached,
        control: Some(control),
        heard: Vec::new(),
        signals,
        child,
        outcome: None,
        ending: None,
    };
    life.say(&format!("started {}", child.as_raw_nonzero()));
    life.watch();
    // Killed with its exit status unlearned cannot happen: only we reap.
    record.publish(life.outcome.unwrap_or(Outcome::Signal(libc::SIGKILL)))?;
    life.say("done");
    drop(lock);
    Ok(())
}

fn begin(options: &Options) -> io::Result<(Signals, ExitRecord, Pid)> {
    set_child_subreaper(Some(rustix::process::getpid()))?;
    let signals = Signals::open()?;
    write_identity(&options.run_dir)?;
    let record = ExitRecord::reserve(&options.run_dir)?;
    let child = child::start(&options.argv)?;
    child::drop_stdio()?;
    Ok((signals, record, child))
}

impl Life {
    /// Until no descendant is left.
    fn watch(&mut self) {
        while self.reap() {
            if self.outcome.is_some() && self.ending.is_none() {
                // What the direct child left behind has no purpose any more.
                self.end(self.grace);
            }
            let timeout = self.press();
            self.listen(timeout);
        }
    }

    /// Take every dead child; false when there is no child at all, which is the only proof that the tree is dead.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => self.ended(pid, status),
                Ok(None) | Err(rustix::io::Errno::INTR) => return true,
                Err(_) => return false,
            }
        }
    }

    fn ended(&mut self, pid: Pid, status: WaitStatus) {
        if let Some(ending) = &mut self.ending {
            // The number may be given to a new descendant now.
            ending.told.remove(&pid.as_raw_nonzero().get());
        }
        if pid != self.child || self.outcome.is_some() {
            return;
        }
        let outcome = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Outcome::Code(code),
            (None, signal) => Outcome::Signal(signal.unwrap_or(libc::SIGKILL)),
        };
        self.outcome = Some(outcome);
        match outcome {
            Outcome::Code(code) => self.say(&format!("exited code={code}")),
            Outcome::Signal(signal) => self.say(&format!("exited signal={signal}")),
        }
    }

    /// Begin to end the tree, or shorten the grace of an end that has begun.
    fn end(&mut self, grace: Duration) {
        let kill_at = Instant::now() + grace;
        match &mut self.ending {
            Some(ending) => ending.kill_at = ending.kill_at.min(kill_at),
            None => {
                self.ending = Some(Ending {
                    kill_at,
                    told: HashSet::new(),
                    pause: KILL_SCAN.0,
                })
            }
        }
    }

    /// Signal what must end; how long to wait before the next look, None = until something happens.
    fn press(&mut self) -> Option<Duration> {
        let ending = self.ending.as_mut()?;
        let now = Instant::now();
        if now < ending.kill_at {
            tree::signal_all(Signal::TERM, &mut ending.told);
            return Some(TERM_SCAN.min(ending.kill_at - now));
        }
        tree::signal_all(Signal::KILL, &mut HashSet::new());
        let pause = ending.pause;
        ending.pause = (pause * 2).min(KILL_SCAN.1);
        Some(pause)
    }

    /// Wait for a line, a signal, the end of a child or the timeout.
    fn listen(&mut self, timeout: Option<Duration>) {
        let timeout = timeout.map(|span| Timespec {
            tv_sec: span.as_secs().cast_signed(),
            tv_nsec: span.subsec_nanos().into(),
        });
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if let Some(control) = &self.control {
            fds.push(PollFd::new(control, PollFlags::IN));
        }
        // An interrupted poll is a look at everything, like any other.
        let _ = poll(&mut fds, timeout.as_ref());
        let control_ready = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        let arrived = self.signals.take();
        if arrived.end_now {
            self.end(Duration::ZERO);
        } else if arrived.end {
            self.end(self.grace);
        }
        if control_ready {
            self.hear();
        }
    }

    fn hear(&mut self) {
        let mut buffer = [0; 256];
        match self
            .control
            .as_mut()
            .map(|control| control.read(&mut buffer))
        {
            Some(Ok(length)) if length > 0 => self.heard.extend_from_slice(&buffer[..length]),
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => return,
            _ => return self.deserted(),
        }
        while let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            self.obey(&String::from_utf8_lossy(&line));
        }
    }

    fn obey(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        if words.next() == Some("kill") {
            let grace = words
                .next()
                .and_then(|word| word.parse().ok())
                .map_or(self.grace, Duration::from_millis);
            self.end(grace);
        }
    }

    /// The daemon is gone: an attached tree has lost its purpose, a detached one lives on.
    fn deserted(&mut self) {
        self.control = None;
        if !self.detached {
            self.end(self.grace);
        }
    }

    fn say(&mut self, line: &str) {
        if let Some(control) = &mut self.control {
            // A daemon that no longer listens is noticed when its end is read.
            let _ = control.write_all(format!("{line}\n").as_bytes());
        }
    }
}
