"""A blocking client: one newline-delimited JSON value a line over the daemon's socket. Standard library only.

It owns the retry rules of design 3.2: start a daemon on ECONNREFUSED and ENOENT only, back off on EAGAIN, reconnect once
when the connection ends before the hello's answer, and never send anything a second time after that.
"""

from __future__ import annotations

import json
import os
import time

from sidecar.client import address, dial
from sidecar.errors import ConnectionEnded, Failed, NotFound, ParseFailed, ShuttingDown, SidecarError, TimedOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Self

_READ_BYTES = 1 << 18
_CLIENT_NAME = "sidecar-python"


class Client:
    """One open connection. Not for use by two threads at once.

    Args:
        sock: a connected socket, owned from now on.
        on_notification: called with (method, params) for each notification that arrives while a request waits.
    """

    def __init__(self, sock: socket.socket, on_notification: Callable[[str, Any], None] | None = None) -> None:
        self._sock = sock
        self._on_notification = on_notification
        self._unread = bytearray()
        self._searched = 0  # bytes of it known to hold no line end
        self._last_id = 0
        self.hello: dict[str, Any] = {}

    def greet(self, client: Mapping[str, str] | None = None, *, timeout_s: float = dial.CONNECT_TIMEOUT_S, **params: Any) -> dict[str, Any]:
        """Send `sidecar/hello` (session, root and the like as keyword arguments) and keep its result as `hello`."""
        self.hello = self.request("sidecar/hello", {"client": dict(client or {"name": _CLIENT_NAME, "version": "1"}), **params}, timeout_s=timeout_s)
        return self.hello

    def request(self, method: str, params: object = None, *, timeout_s: float | None = None) -> Any:
        """Send one request and wait for its result.

        Args:
            timeout_s: seconds to wait for the answer; None waits for as long as the daemon lives.

        Raises:
            SidecarError: the daemon's error, as the class of its kind.
            ConnectionEnded: the connection ended first; the request may have had effects.
            TimedOut: nothing came within `timeout_s`.
        """
        self._last_id += 1
        request_id = self._last_id
        self._send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": {} if params is None else params})
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            message = self._receive(ends_at)
            if "method" in message:
                self._notified(message)
            elif message.get("id") == request_id or message.get("id") is None:
                # A null id is an error about the connection itself: nothing else will follow.
                if "error" in message:
                    raise error_from(message["error"])
                return message.get("result")

    def notify(self, method: str, params: object = None) -> None:
        """Send one notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": {} if params is None else params})

    def listen(self, timeout_s: float | None = None) -> tuple[str, Any]:
        """Wait for the next notification, and return its method and params.

        Raises:
            ConnectionEnded: the daemon closed the connection.
            TimedOut: nothing came within `timeout_s` seconds.
        """
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            message = self._receive(ends_at)
            if "method" in message and "id" not in message:
                return message["method"], message.get("params")

    def fileno(self) -> int:
        """The socket's descriptor, to wait on."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close the connection; requests in flight are cancelled by the daemon."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _notified(self, message: dict[str, Any]) -> None:
        if "id" not in message and self._on_notification is not None:
            self._on_notification(message["method"], message.get("params"))

    def _send(self, message: dict[str, Any]) -> None:
        line = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"
        self._sock.settimeout(None)
        try:
            self._sock.sendall(line)
        except (BrokenPipeError, ConnectionResetError) as error:
            # A daemon that refuses a client says why, and closes at once: its reason may be waiting here.
            if refusal := self._last_words():
                raise refusal from error
            raise ConnectionEnded("the daemon closed the connection", hint="See `sidecar logs`; then try again.") from error

    def _last_words(self) -> SidecarError | None:
        try:
            message = self._receive(time.monotonic() + 0.1)
        except SidecarError:
            return None
        return error_from(message["error"]) if "error" in message and message.get("id") is None else None

    def _receive(self, ends_at: float | None) -> dict[str, Any]:
        while (end := self._unread.find(b"\n", self._searched)) < 0:
            self._searched = len(self._unread)
            self._fill(ends_at)
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        self._searched = 0
        try:
            message = json.loads(line)
        except ValueError as error:
            raise ParseFailed("the daemon sent a line that is not JSON", hint="See `sidecar doctor`: is something else serving this socket?") from error
        if not isinstance(message, dict):
            raise ParseFailed("the daemon sent JSON that is no object", hint="See `sidecar doctor`: is something else serving this socket?")
        return message

    def _fill(self, ends_at: float | None) -> None:
        """Read what is there, at least one byte."""
        self._sock.settimeout(None if ends_at is None else max(0.001, ends_at - time.monotonic()))
        try:
            data = self._sock.recv(_READ_BYTES)
        except TimeoutError as error:
            raise TimedOut("the daemon did not answer in time", hint="It may be busy: see `sidecar status`, then `sidecar logs`.") from error
        except ConnectionResetError:
            data = b""
        if not data:
            raise ConnectionEnded("the daemon closed the connection before it answered", hint="See `sidecar logs`; then try again.")
        self._unread += data


def connect(
    path: str | None = None,
    *,
    env: Mapping[str, str] = os.environ,
    start: bool = True,
    hello: Mapping[str, Any] | None = None,
    on_notification: Callable[[str, Any], None] | None = None,
    argv: Sequence[str] | None = None,
) -> Client:
    """A greeted connection to the daemon, which is started if none runs.

    Args:
        path: the socket; default: as protocol.md says, from `env`.
        start: start a daemon when none listens; `SIDECAR_NO_AUTOSTART=1` in `env` forbids it too.
        hello: members of the hello's params.
        argv: the command that runs a daemon; default: this interpreter's `sidecar run`.

    Raises:
        NotFound: no daemon runs, and none may be started.
        Forbidden: the folder or the socket is not ours.
        SidecarError: the daemon's own reason, or the one it had not to start.
    """
    path = path or address.socket_path(env)
    for attempt in (1, 2):
        client = Client(dial_or_start(path, env, start, argv), on_notification)
        try:
            client.greet(**(hello or {}))
        except (ConnectionEnded, ShuttingDown):
            # Accepted by a daemon that was leaving. Nothing with effects was sent, so once more, once (design 3.2).
            client.close()
            if attempt == 2:
                raise
        except BaseException:
            client.close()
            raise
        else:
            return client
    raise AssertionError("unreachable")


def dial_or_start(path: str, env: Mapping[str, str], start: bool, argv: Sequence[str] | None = None) -> socket.socket:
    """Connect to `path`, after having started a daemon there if none listens and `start` and `env` allow it; raises as `connect` does."""
    try:
        return dial.dial(path)
    except (ConnectionRefusedError, FileNotFoundError) as error:
        if not start or env.get("SIDECAR_NO_AUTOSTART") == "1":
            raise NotFound(f"no daemon listens at {path}", hint="Start one with `sidecar start`.", socket=path) from error
    except OSError as error:
        # Only "nobody is there" means "start one"; all else is for the user to see (field-notes 4.5).
        raise dial.explained(path, error) from error
    from sidecar.client import autostart  # only the one client that starts a daemon pays for this import

    return autostart.dial_started(path, env, argv=argv or autostart.DAEMON_ARGV)


def error_from(body: Any) -> SidecarError:
    """The error class of a JSON-RPC error object, by its code and `data.kind`; unknown ones are `Failed`."""
    data = dict(body.get("data") or {}) if isinstance(body, dict) else {}
    message = str(body.get("message", "")) if isinstance(body, dict) else str(body)
    wanted = (body.get("code") if isinstance(body, dict) else None, data.pop("kind", None))
    hint, retry_after_ms = str(data.pop("hint", "")), data.pop("retryAfterMs", None)
    found = next((cls for cls in _classes(SidecarError) if (cls.code, cls.kind) == wanted), Failed)
    error = found(message, hint=hint, retry_after_ms=retry_after_ms)
    error.data = data
    return error


def _classes(base: type[SidecarError]) -> list[type[SidecarError]]:
    """The tree below `base`, level by level: of two classes with one code and kind the broader is found first."""
    below = base.__subclasses__()
    return below + [deeper for cls in below for deeper in _classes(cls)]
