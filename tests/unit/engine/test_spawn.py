"""Starting a process, and every way in which it cannot be started."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from sidecar.engine.deadline import Deadline
from sidecar.engine.spawn import Launch, check, exec_failed
from sidecar.errors import Failed, Forbidden, InvalidParams, NoSpace, NotFound, NotInstalled, Overloaded, SidecarError, TooLarge
from tests.support.supervised import ground

OnLoop = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.mark.parametrize(
    ("argv", "cwd", "error"),
    [
        (["no-such-program-anywhere"], "/", NotInstalled),
        (["/no/such/program"], "/", NotFound),
        (["./interpreted"], "", NotInstalled),
        (["./plain"], "", Forbidden),
        (["/"], "/", Forbidden),
        (["true"], "/no/such/folder", NotFound),
        (["true"], "/etc/passwd", NotFound),
        (["true", "x" * 3_000_000], "/", TooLarge),
    ],
)
def test_what_cannot_be_started_says_why_and_leaves_nothing(on_loop: OnLoop, short_tmp: Path, argv: list[str], cwd: str, error: type[SidecarError]) -> None:
    """A typed error with a hint; no process, no folder, no held slot."""
    (short_tmp / "plain").write_text("x")
    (short_tmp / "interpreted").write_text("#!/no/such/interpreter\n")
    (short_tmp / "interpreted").chmod(0o700)

    async def attempt() -> None:
        async with ground(short_tmp) as place:
            with pytest.raises(error) as told:
                await place.processes.run(argv, cwd=cwd or str(short_tmp), env=place.env, deadline=Deadline.after_ms(30_000), slot=place.slot)
            assert told.value.hint
            await place.gone()

    on_loop(attempt())


@pytest.mark.parametrize("argv", [[], [""], ["a", "b\0c"], ["a", "\ud800"]])
def test_words_that_no_program_can_be_given_are_refused(argv: list[str]) -> None:
    """Before anything is started, the parameter is named."""
    with pytest.raises(InvalidParams, match="argv"):
        check(argv, "/")


def test_bytes_that_are_no_utf8_are_words_too() -> None:
    """A file name that is no text can be passed (PEP 383)."""
    check(["cat", os.fsdecode(b"\xff")], "/")


def test_a_full_disk_is_told_as_such() -> None:
    """The supervisor could not reserve the exit record's space."""
    assert isinstance(exec_failed(errno.ENOSPC, Launch(("a",), "/", None)), NoSpace)


def test_a_state_folder_that_cannot_be_made_is_named(short_tmp: Path) -> None:
    """The program is not to blame."""
    (short_tmp / "run").write_text("a file where the run folder belongs")

    async def attempt() -> None:
        async with ground(short_tmp) as place:
            with pytest.raises(Failed, match="run"):
                await place.processes.run(["true"], cwd="/", env=place.env, deadline=Deadline.after_ms(30_000), slot=place.slot)
            (short_tmp / "run").unlink()

    asyncio.run(attempt())


def test_a_machine_without_descriptors_says_try_again(short_tmp: Path) -> None:
    """No free descriptor is an overload, not a failure of the program, and nothing leaks."""

    async def attempt() -> None:
        async with ground(short_tmp) as place:
            # The loop and its threads are there; a first run makes them all.
            await place.processes.run(["true"], cwd="/", env=place.env, deadline=Deadline.after_ms(30_000), slot=place.slot)
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 2, limits[1]))
            try:
                with pytest.raises(Overloaded):
                    await place.processes.run(["true"], cwd="/", env=place.env, deadline=Deadline.after_ms(30_000), slot=place.slot)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    asyncio.run(attempt())
