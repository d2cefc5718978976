"""The one place where a process is started: in a spawn thread, through `subprocess.Popen`'s vfork path (design 3.7).

Blocking, and therefore never called on the loop. It never waits for what it started.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sidecar.engine import supervisor
from sidecar.engine.supervisor import RunFolder
from sidecar.errors import Failed, Forbidden, InvalidParams, NoSpace, NotFound, NotInstalled, Overloaded, SidecarError, TooLarge


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to be started.

    Attributes:
        argv: program and arguments, as the program shall see them.
        cwd: its working directory, absolute.
        env: variables over the daemon's own environment.
        stdin: whether it gets a pipe; else /dev/null.
        detached: whether it outlives the daemon; then its output goes to files in its run folder.
        grace_s: seconds between TERM and KILL when its control socket closes.
    """

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] | None
    stdin: bool = False
    detached: bool = False
    grace_s: float = 1.0


@dataclass(slots=True)
class Spawned:
    """A supervisor that has just been started, and our ends of everything. Whoever takes it closes them."""

    folder: RunFolder
    process: subprocess.Popen[bytes]
    pidfd: int
    control: socket.socket
    stdin: int | None
    stdout: int | None
    stderr: int | None


def check(argv: Sequence[str], cwd: str) -> None:
    """Refuse what no program can be given.

    Raises:
        InvalidParams: empty, a NUL, or text that is no text (a lone surrogate).
    """
    if not argv or not argv[0]:
        raise InvalidParams("argv: expected a program and its arguments", hint='For example {"argv": ["git", "status"]}.')
    for word in (*argv, cwd):
        try:
            wrong = b"\0" in os.fsencode(word)
        except UnicodeEncodeError:
            wrong = True
        if wrong:
            raise InvalidParams("argv: a NUL or a lone surrogate cannot be passed to a program", hint="Remove it, or write the data to a file.")


def spawn(launch: Launch, state_dir: Path, socket_path: str) -> Spawned:
    """Commit the intent, take the run's lock, start the supervisor with it.

    Raises:
        SidecarError: it could not be started; nothing is left behind.
    """
    try:
        with contextlib.ExitStack() as undo:
            spawned = _spawn(launch, state_dir, socket_path, undo)
            undo.pop_all()
            return spawned
    except OSError as error:
        raise _told(error, launch) from error


def _spawn(launch: Launch, state_dir: Path, socket_path: str, undo: contextlib.ExitStack) -> Spawned:
    binary = supervisor.find_binary()
    folder = _folder(launch, state_dir)
    undo.callback(folder.remove)
    with contextlib.ExitStack() as theirs:
        lock = folder.lock()
        if lock is None:
            raise Failed(f"the lock of the new run {folder.run_id} is held by somebody else", hint="Try again; report it if it happens twice.")
        theirs.callback(os.close, lock)
        control, their_control = socket.socketpair()
        undo.callback(control.close)
        theirs.callback(their_control.close)
        stdin, their_stdin = _pipe(undo, theirs, ours=1) if launch.stdin else (None, subprocess.DEVNULL)
        outputs = [_output(launch, folder, name, undo, theirs) for name in ("stdout", "stderr")]
        process = subprocess.Popen(
            supervisor.command_line(binary, folder, lock, their_control.fileno(), launch.grace_s, launch.detached, launch.argv),
            cwd=launch.cwd,
            env=supervisor.environment(launch.env, socket_path, folder.run_id),
            stdin=their_stdin,
            stdout=outputs[0][1],
            stderr=outputs[1][1],
            pass_fds=(lock, their_control.fileno()),
            start_new_session=True,
        )
    # Our unreaped child: its number cannot name another process before we have waited for it.
    return Spawned(folder, process, os.pidfd_open(process.pid), control, stdin, outputs[0][0], outputs[1][0])


def _folder(launch: Launch, state_dir: Path) -> RunFolder:
    try:
        return RunFolder.create(state_dir, launch.argv, launch.cwd, detached=launch.detached)
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise Failed(f"{error.filename} cannot be made: {error.strerror}", hint="The state folder must be yours; `sidecar doctor` checks it.") from error


def _output(launch: Launch, folder: RunFolder, name: str, undo: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[int | None, int]:
    if not launch.detached:
        return _pipe(undo, theirs, ours=0)
    fd = folder.open_output(name)
    theirs.callback(os.close, fd)
    return None, fd


def _pipe(undo: contextlib.ExitStack, theirs: contextlib.ExitStack, ours: int) -> tuple[int, int]:
    """(our end, their end) of a new pipe; `ours` is 0 for reading, 1 for writing."""
    ends = os.pipe()
    undo.callback(os.close, ends[ours])
    theirs.callback(os.close, ends[1 - ours])
    return ends[ours], ends[1 - ours]


def _told(error: OSError, launch: Launch) -> SidecarError:
    """An error of the start itself; one of the program's exec comes from its supervisor, see `exec_failed`."""
    if os.fspath(error.filename or "") == launch.cwd:
        if isinstance(error, PermissionError):
            return Forbidden(f"cwd: {launch.cwd} may not be entered", hint="Name a folder that you may enter.")
        return NotFound(f"cwd: {launch.cwd} is no folder", hint="Name a folder that exists.")
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM):
        return Overloaded(f"no process can be started now: {error.strerror}", hint="Try again when others have ended.", retry_after_ms=1000)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace("the disk of the state folder is full", hint="Free some space, then try again.")
    return exec_failed(error.errno or 0, launch)


def exec_failed(number: int, launch: Launch, *, exists: bool = False) -> SidecarError:
    """The error for a program whose exec failed with errno `number`; `exists`: the file that `argv[0]` names is there."""
    program = launch.argv[0]
    if number == errno.ENOENT and "/" not in program:
        return NotInstalled(f"{program} was not found on PATH", hint=f"Install {program}, or name it by its path.")
    if number == errno.ENOENT and not exists:
        return NotFound(f"{program} does not exist", hint="Name a program that exists.")
    if number == errno.ENOENT:
        return NotInstalled(f"the interpreter that {program} asks for does not exist", hint="Look at its first line.")
    if number == errno.EACCES:
        return Forbidden(f"{program} may not be executed", hint="Check its permissions (chmod +x), and that it is a file.")
    if number == errno.E2BIG:
        return TooLarge("argv: the arguments and environment are too large for the system", hint="Pass the data by a file or by stdin.")
    if number in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace("the disk of the state folder is full", hint="Free some space, then try again.")
    return Failed(f"{program} could not be started: {os.strerror(number)}", hint="Try it in a terminal, in the same folder.")
