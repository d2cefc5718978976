//! The supervisor's signals as a descriptor (signalfd(2)), so that one `poll` waits for everything.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

/// What arrived since the last look.
#[derive(Default)]
pub struct Arrived {
    pub end: bool,
    pub end_now: bool,
}

/// SIGCHLD (wakes the loop), SIGTERM, SIGINT and SIGHUP (end), SIGQUIT (end at once), blocked and readable.
pub struct Signals(OwnedFd);

impl Signals {
    /// Block the signals and open the descriptor.
    pub fn open() -> io::Result<Self> {
        let set = set_of(&[
            libc::SIGCHLD,
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGHUP,
            libc::SIGQUIT,
        ]);
        // SAFETY: `set` is an initialised signal set; the new descriptor is owned by nobody else.
        unsafe {
            if libc::sigprocmask(libc::SIG_SETMASK, &set, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            let fd = libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 {
                Err(io::Error::last_os_error())
            } else {
                Ok(Self(OwnedFd::from_raw_fd(fd)))
            }
        }
    }

    /// Take every signal that waits.
    pub fn take(&self) -> Arrived {
        let mut arrived = Arrived::default();
        while let Some(number) = self.next() {
            match number {
                libc::SIGCHLD => {}
                libc::SIGQUIT => arrived.end_now = true,
                _ => arrived.end = true,
            }
        }
        arrived
    }

    fn next(&self) -> Option<i32> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        use std::os::fd::AsRawFd;
        // SAFETY: the kernel writes exactly one whole signalfd_siginfo or fails.
        unsafe {
            let got = libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size);
            (got.cast_unsigned() == size).then(|| info.assume_init().ssi_signo.cast_signed())
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// An empty mask for the child: it must not inherit ours. Async-signal-safe.
pub fn unblock_all() -> io::Result<()> {
    let none = set_of(&[]);
    // SAFETY: `none` is an initialised signal set.
    match unsafe { libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn set_of(numbers: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set; the numbers are valid signals.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for number in numbers {
            libc::sigaddset(set.as_mut_ptr(), *number);
        }
        set.assume_init()
    }
}
