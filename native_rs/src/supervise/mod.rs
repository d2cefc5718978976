//! The process supervisor: one tiny process above every tree that could fork, hang or outlive the daemon (design 3.8).
//!
//! It owns one direct child and everything that descends from it, and says how that ended. It must never touch the
//! child's output, read the child's input, or signal a process that it has not proven to be its own descendant.
//!
//! Command line: `sidecar-supervisor --run DIR --lock FD --control FD --grace-ms N [--detached] -- PROGRAM [ARG...]`.
//! Everything after `--` is the program's, never an option of ours. Its working directory, environment, stdin, stdout
//! and stderr are the child's own; the supervisor drops its copies once the child runs, so that the end of a pipe
//! means that nobody in the tree holds it.
//!
//! Files in DIR: `lock` (FD holds its flock: held = alive), `supervisor.json {pid, startTicks}`, and at the end
//! `exit.json {code, signal, finishedAt}`, renamed into place when the whole tree is dead.
//!
//! Control is one stream socket, lines both ways. From the daemon: `kill GRACE_MS` (TERM, grace, KILL for the whole
//! tree; a later line may shorten the grace). To the daemon: `started PID` or
//! `failed ERRNO[ exists]` (whether the file argv[0] names is there), then `exited code=N` or
//! `exited signal=N` for the direct child, then `done` when no descendant is left. The end of the socket ends an
//! attached tree and means nothing to a detached one. SIGTERM is `kill` with the usual grace, SIGQUIT with none.

pub mod child;
pub mod life;
pub mod options;
pub mod record;
pub mod signals;
pub mod tree;
