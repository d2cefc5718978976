"""A badly behaved program, a real process scripted by its arguments: `bad_agent.py DEED [NUMBER]`.

Every deed that stays prints `ready` once all its processes are in place. Nothing of it ends by itself before an hour.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable


def stay(_: int = 0) -> None:
    """Live on without a sound."""
    time.sleep(3600)


def say(text: str) -> None:
    """One line to stdout, at once."""
    os.write(1, text.encode() + b"\n")


def ready() -> None:
    """Say that everything is in place, and live on."""
    say("ready")
    stay()


def silent(_: int) -> None:
    """Say nothing but `ready`."""
    ready()


def echo(_: int) -> None:
    """Copy stdin to stdout until its end."""
    while data := os.read(0, 65536):
        written = 0
        while written < len(data):
            written += os.write(1, data[written:])


def deaf(_: int) -> None:
    """Never read stdin."""
    ready()


def chatty(size: int) -> None:
    """Write `size` bytes to stdout and to stderr by turns: a reader that drains only one of them hangs us."""
    for _ in range(size // 1024):
        os.write(1, b"o" * 1024)
        os.write(2, b"e" * 1024)


def line(size: int) -> None:
    """Write one line of `size` bytes."""
    block = b"x" * (1 << 20)
    while size > 0:
        size -= os.write(1, block[:size])
    say("")


def ignores_term(_: int) -> None:
    """Ignore every polite signal."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ready()


def closes(_: int) -> None:
    """Close all three standard streams and live on."""
    say("ready")
    for fd in (0, 1, 2):
        os.close(fd)
    stay()


def grandchild(_: int) -> None:
    """Wait for a child that holds the pipes and ignores TERM, while itself dying of it."""
    _child(lambda: ignores_term(0))
    stay()


def leaves(_: int) -> None:
    """End with code 7, and leave a child behind that holds the pipes."""
    _child(stay)
    say("left")
    os._exit(7)


def daemonises(_: int) -> None:
    """Leave by `setsid` and a double fork, with the pipes, and ignore TERM there."""

    def middle() -> None:
        os.setsid()
        _child(lambda: ignores_term(0))
        os._exit(0)

    _child(middle)
    stay()


def forks(number: int) -> None:
    """A chain of `number` processes, each the parent of the next, the last of which says `ready`."""
    if number <= 1:
        ready()
    _child(lambda: forks(number - 1))
    stay()


def hops(_: int) -> None:
    """Be somebody else all the time: fork, let the parent end, and again, in the session of the first."""
    if os.fork() == 0:
        say("ready")
        while os.fork() == 0:
            pass
        os._exit(0)
    stay()


def nameless(_: int) -> None:
    """A child in the same session that has cleared its environment."""
    _child(lambda: os.execve("/bin/sh", ["sh", "-c", "echo ready; read x < /dev/null; exec sleep 3600"], {}))
    stay()


def _child(work: Callable[[], object]) -> None:
    if os.fork() == 0:
        work()
        os._exit(0)


DEEDS: dict[str, Callable[[int], None]] = {
    deed.__name__: deed for deed in (silent, echo, deaf, chatty, line, ignores_term, closes, grandchild, leaves, daemonises, forks, hops, nameless)
}

if __name__ == "__main__":
    DEEDS[sys.argv[1]](int(sys.argv[2]) if len(sys.argv) > 2 else 0)
