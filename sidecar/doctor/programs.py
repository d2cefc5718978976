"""Programs that we use: where they are, and which version they say they are.

Starts them for a moment, each in a session of its own that is killed as a whole. Blocking.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

VERSION_S = 10.0
"""A cold Node program takes seconds on a busy machine to say its version."""
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?[\w.+-]*")


@dataclass(frozen=True, slots=True)
class Program:
    """A program: `path` is "" where it was not found; `error` is why it could not be asked or did not answer.

    Attributes:
        said: the first line that it printed when it was asked for its version.
        deep: it was really started, and answered.
        chosen: the user's configuration names it.
    """

    name: str
    path: str = ""
    version: str = ""
    error: str = ""
    enabled: bool = True
    deep: bool = False
    hint: str = ""
    said: str = ""
    chosen: bool = False


def find(name: str, argv: Sequence[str], env: Mapping[str, str], *, beside_us: bool = True) -> Program:
    """Where `argv[0]` is (on PATH, else beside our own Python unless `beside_us` is false), and the version that it prints."""
    path = shutil.which(argv[0], path=env.get("PATH", os.defpath))
    if path is None and beside_us:
        path = shutil.which(argv[0], path=os.path.dirname(sys.executable))
    if path is None:
        return Program(name)
    code, said = output([path, *argv[1:]], env, VERSION_S)
    first = said.strip().partition("\n")[0][:200]
    version = version_in(said)
    if code != 0 or not version:
        return Program(name, path, error=f"{' '.join(argv)} ended with {code}: {' '.join(said.split())[:200]}", said=first)
    return Program(name, path, version, said=first)


def version_in(said: str) -> str:
    """The first thing that looks like a version, else ""."""
    found = _VERSION.search(said)
    return found[0] if found else ""


def output(argv: Sequence[str], env: Mapping[str, str], timeout_s: float, stdin: bytes = b"") -> tuple[int | str, str]:
    """The exit code (or why there is none) and what a program printed; its whole session is killed after `timeout_s` seconds."""
    try:
        # In `/`: a version manager's shim (rustup's) would follow the project's own file there, and may even download for it.
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(env), cwd="/", start_new_session=True)
    except OSError as error:
        return str(error.strerror), ""
    try:
        said, _ = child.communicate(stdin, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        end(child)
        return f"no answer within {timeout_s:g} s", ""
    return child.returncode, said.decode(errors="replace")


def end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child's session, and collect it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
    child.communicate()
