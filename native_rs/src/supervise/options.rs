//! The supervisor's own command line, up to `--`; the rest is the program's.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

/// What the daemon asks for; see the module `supervise` for the command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub run_dir: PathBuf,
    pub lock_fd: RawFd,
    pub control_fd: RawFd,
    pub grace: Duration,
    pub detached: bool,
    pub argv: Vec<OsString>,
}

/// Read the arguments after the program's own name. The error is a sentence for whoever runs this by hand.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Options, String> {
    let mut args = args.into_iter();
    let (mut run_dir, mut lock_fd, mut control_fd) = (None, None, None);
    let mut grace_ms = 1000;
    let mut detached = false;
    loop {
        let name = args.next().ok_or("expected `--` and a program")?;
        match name.to_str() {
            Some("--") => break,
            Some("--detached") => detached = true,
            Some("--run") => run_dir = args.next().map(PathBuf::from),
            Some("--lock") => lock_fd = Some(number(args.next())?),
            Some("--control") => control_fd = Some(number(args.next())?),
            Some("--grace-ms") => grace_ms = number(args.next())?,
            _ => return Err(format!("unknown option {name:?}")),
        }
    }
    let argv: Vec<OsString> = args.collect();
    if argv.is_empty() {
        return Err("expected a program after `--`".into());
    }
    Ok(Options {
        run_dir: run_dir.ok_or("--run DIR is missing")?,
        lock_fd: lock_fd.ok_or("--lock FD is missing")?,
        control_fd: control_fd.ok_or("--control FD is missing")?,
        grace: Duration::from_millis(u64::from(grace_ms.unsigned_abs())),
        detached,
        argv,
    })
}

fn number(word: Option<OsString>) -> Result<i32, String> {
    let word = word.ok_or("a number is missing")?;
    let number = word
        .to_str()
        .and_then(|text| text.parse().ok())
        .filter(|n| *n >= 0);
    number.ok_or_else(|| format!("{word:?} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn everything_after_the_marker_is_the_programs() {
        let got = parse(words(
            "--run /r --lock 3 --control 4 -- --detached --run -- x",
        ))
        .unwrap();
        assert!(!got.detached);
        assert_eq!(got.argv, words("--detached --run -- x"));
    }

    #[test]
    fn a_missing_program_is_refused() {
        assert!(parse(words("--run /r --lock 3 --control 4 --")).is_err());
        assert!(parse(words("--run /r --lock 3 --control 4")).is_err());
    }

    #[test]
    fn an_unknown_option_or_a_bad_number_is_refused() {
        assert!(parse(words("--what -- x")).is_err());
        assert!(parse(words("--run /r --lock -3 --control 4 -- x")).is_err());
    }
}
