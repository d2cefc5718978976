"""What a tool is: its spec, what it is given for one call, and what it hands back. Values and protocols only."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from sidecar.engine.deadline import Deadline
from sidecar.trace import Trace


class Effect(enum.StrEnum):
    """Whether a tool can change anything outside the daemon."""

    READ = "read"
    WRITE = "write"


class Scope(enum.StrEnum):
    """Whether everything a tool touches follows from its arguments."""

    CONFINED = "confined"
    UNCONFINED = "unconfined"


class LaneName(enum.StrEnum):
    """The classes of work; each has its own bound (features A5)."""

    INTERACTIVE = "interactive"
    SEARCH = "search"
    PROCESS = "process"
    AGENTS = "agents"
    SPAWN = "spawn"


class Rights(enum.StrEnum):
    """What a connection may do; `READER` is `reader.sock` (design 3.3)."""

    FULL = "full"
    READER = "reader"


class PositionEncoding(enum.StrEnum):
    """LSP 3.17 PositionEncodingKind: the unit in which a `character` counts."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


class Caller(msgspec.Struct, frozen=True):
    """Who asks.

    Attributes:
        client_id: the connection, unique in this daemon's life; fairness counts by it.
        session: the identity that survives a connection, or None without a hello.
        rights: of the socket it came by.
        encoding: negotiated position encoding.
        env: the allow-listed environment variables that the client shipped (design 3.15).
        roots: for a reader, the only folders it may read; None = no such bound.
    """

    client_id: str
    session: str | None = None
    rights: Rights = Rights.FULL
    encoding: PositionEncoding = PositionEncoding.UTF16
    env: Mapping[str, str] = msgspec.field(default_factory=dict)
    roots: tuple[str, ...] | None = None


class Slot(Protocol):
    """A place in a lane. Work that may outlive its answer holds it until it has really ended (invariant 5)."""

    def hold(self) -> None:
        """Take the place once more."""

    def release(self) -> None:
        """Let go once."""


class NativePort(Protocol):
    """The way into Rust; see `engine/pool.py`."""

    async def run(self, op: str, request: bytes, *, deadline: Deadline, slot: Slot, emit: Callable[[bytes], bool] | None = None) -> bytes:
        """The answer of one operation, a JSON object."""
        ...


class ProcessPort(Protocol):
    """The way to run a program under our supervisor; see `engine/process.py`."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None,
        deadline: Deadline,
        slot: Slot,
        stdin: bytes | None = None,
        keep_bytes: int = 65536,
    ) -> Finished:
        """Run a program to its end, or until the deadline."""
        ...

    async def run_bare(
        self,
        program: Program,
        words: Callable[[], Sequence[str]],
        *,
        cwd: str,
        env: Mapping[str, str],
        deadline: Deadline,
        slot: Slot,
        feed: Callable[[bytes], bool],
    ) -> Bare:
        """Run a search program of the CLI engine, feeding its output as it comes; see `engine/bare.py`."""
        ...


class HoverPort(Protocol):
    """The way to language servers; see `langs/hub.py`."""

    async def hover(self, caller: Caller, root: str | None, path: str, position: tuple[int, int], *, deadline: Deadline, trace: Trace) -> Hover:
        """What a language server knows about a place."""
        ...


@dataclass(frozen=True, slots=True)
class Stream:
    """One output stream of a finished process: its first and last bytes, and how many there were."""

    head: bytes
    tail: bytes
    total: int


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the CLI engine: its name on PATH, how its `--version` starts, the least version, and what to do without it."""

    name: str
    banner: str
    needed: tuple[int, int, int]
    hint: str


@dataclass(frozen=True, slots=True)
class Bare:
    """How a program of the CLI engine ended: `exit_code` is None when it was killed; `enough`: because its reader had enough."""

    exit_code: int | None
    stderr: bytes
    timed_out: bool
    enough: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended. Exactly one of `exit_code` and `signal` is set, unless it could not be learned (both None)."""

    exit_code: int | None
    signal: int | None
    stdout: Stream
    stderr: Stream
    duration_s: float
    timed_out: bool


class Hover(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The tool `hover`'s result (protocol.md): `contents` is LSP MarkupContent as JSON, or `null`."""

    contents: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))
    readiness: str = ""
    server: str = ""
    range: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Ports:
    """What the composition root gives every tool."""

    native: NativePort
    processes: ProcessPort
    hover: HoverPort


class Context(msgspec.Struct):
    """One call. `emit` takes one `$/progress` value as JSON bytes; None when the client asked for none. It answers whether the
    client still takes what it is sent (design 3.16); a tool that hears False ends with what it has.

    A tool is cancelled by cancelling its task: it cleans up in `finally` and re-raises.
    """

    caller: Caller
    root: str | None
    deadline: Deadline
    trace: Trace
    slot: Slot
    ports: Ports
    emit: Callable[[bytes], bool] | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What a tool hands back: a struct to be encoded, or a ready-made JSON object as bytes, and its notes for `meta`."""

    body: msgspec.Struct | bytes
    notes: Mapping[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timeout:
    """Milliseconds a call may take: when nothing is said, and at most."""

    default_ms: int
    max_ms: int


A = TypeVar("A", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class ToolSpec(Generic[A]):
    """A tool's only registration. An undeclared effect is an unconfined write (features A7)."""

    name: str
    description: str
    lane: LaneName
    timeout: Timeout
    args: type[A]
    result: type[msgspec.Struct]
    run: Callable[[Context, A], Awaitable[Outcome]]
    effect: Effect = Effect.WRITE
    scope: Scope = Scope.UNCONFINED
    reader_may: bool = False
