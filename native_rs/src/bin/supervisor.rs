//! `sidecar-supervisor`: see `supervise` for what it owns, its command line and its protocol.

use std::process::ExitCode;

use _native::supervise::{life, options};

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        // A failed start has been told to the daemon; there is nobody else to tell.
        Ok(options) => life::run(&options).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(message) => {
            eprintln!(
                "sidecar-supervisor: {message} (it is started by the sidecar daemon, not by hand)"
            );
            ExitCode::from(2)
        }
    }
}
