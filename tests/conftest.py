"""Fixtures of all tests. Nothing here starts a daemon unless a test asks for one."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.support import loops
from tests.support.daemon import Daemon, DaemonFactory
from tests.support.leaks import Baseline, no_tasks_left

# No test starts a stray daemon through a client (testing.md, Rules).
os.environ["SIDECAR_NO_AUTOSTART"] = "1"
for _name in ("SIDECAR_SOCKET", "SIDECAR_STATE_DIR", "SIDECAR_RUN", "SIDECAR_CALL"):
    os.environ.pop(_name, None)

# libuv makes one pipe for the whole process with its first loop; it is nobody's leak.
uvloop.new_event_loop().close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Every asynchronous test fails on a task that it leaves behind."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = _guarded(item.obj)


def _guarded(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
    @functools.wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        await no_tasks_left(test(*args, **kwargs))

    return run


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Remember what the process has open before a unit test's fixtures; `pytest_runtest_teardown` compares."""
    if "unit" in item.path.parts:
        item.stash[_BEFORE] = Baseline()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """A unit test fails on a thread or descriptor that is still there after its fixtures have ended."""
    result = yield
    if _BEFORE in item.stash:
        item.stash[_BEFORE].check()
    return result


_BEFORE = pytest.StashKey[Baseline]()


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A private folder with a path short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="sc-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A running daemon of this test alone."""
    with contextlib.ExitStack() as ends:
        yield _ending(Daemon(), ends).start()


@pytest.fixture(scope="module")
def shared_daemon() -> Iterator[Daemon]:
    """A running daemon for all tests of a module that leave it as they found it."""
    with contextlib.ExitStack() as ends:
        yield _ending(Daemon(), ends).start()


def _ending(daemon: Daemon, ends: contextlib.ExitStack) -> Daemon:
    ends.callback(daemon.finish)
    return daemon


@pytest.fixture
def make_daemon() -> Iterator[DaemonFactory]:
    """Make daemons with their own options; each is checked at the end. `make_daemon(...)` does not start it yet."""
    with contextlib.ExitStack() as ends:
        yield lambda **options: _ending(Daemon(**options), ends)


@pytest.fixture(params=list(loops.LOOPS))
def on_loop(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end; the test runs once on asyncio and once on uvloop."""
    return functools.partial(loops.run_on, request.param)
