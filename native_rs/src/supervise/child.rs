//! Starting the direct child: own session, and dead when its supervisor dies.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal, setsid};

use super::signals::unblock_all;

/// Start `argv` with our stdin, stdout, stderr, folder and environment. Must be called from the main thread:
/// PDEATHSIG follows the thread that forked (prctl(2)). The error is the one of exec.
pub fn start(argv: &[OsString]) -> io::Result<Pid> {
    let (program, args) = argv
        .split_first()
        .ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    let supervisor = getpid();
    let mut command = Command::new(program);
    command.args(args);
    // SAFETY: only system calls between fork and exec, no allocation, no lock.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The supervisor may have died before the line above took effect.
            if getppid() != Some(supervisor) {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            setsid()?;
            unblock_all()
        });
    }
    let child = command.spawn()?;
    Pid::from_raw(child.id().cast_signed()).ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))
}

/// Let go of the child's stdin, stdout and stderr, so that their ends are seen when the tree has ended.
pub fn drop_stdio() -> io::Result<()> {
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    rustix::stdio::dup2_stdin(null.as_fd())?;
    rustix::stdio::dup2_stdout(null.as_fd())?;
    rustix::stdio::dup2_stderr(null.as_fd())?;
    Ok(())
}

/// Keep a descriptor that was passed to us from the child.
pub fn keep_from_child(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?)
}
