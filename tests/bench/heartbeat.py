"""A 1 kHz heartbeat: how late a loop gets to it. Runs inside the daemon under test and, as the yardstick, in an empty uvloop.

python -m tests.bench.heartbeat      lines on standard input: start | stop; `stop` answers with one JSON line
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from types import TracebackType

import uvloop

from tests.bench.rows import percentile

PERIOD_S = 0.001


class Heartbeat:
    """Beats on the running loop between `start` and `stop`."""

    def __init__(self) -> None:
        self._late_s: list[float] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0

    def start(self) -> None:
        """Forget what was and beat."""
        self._late_s = []
        self._arm()

    def stop(self) -> dict[str, float]:
        """End, and say in milliseconds how late the beats came."""
        if self._timer is not None:
            self._timer.cancel()
        late_ms = [late_s * 1e3 for late_s in self._late_s] or [0.0]
        return {"beats": len(late_ms), "p50": percentile(late_ms, 0.5), "p999": percentile(late_ms, 0.999), "max": max(late_ms)}

    def _arm(self) -> None:
        self._due_at = time.monotonic() + PERIOD_S
        self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self._beat)

    def _beat(self) -> None:
        self._late_s.append(max(0.0, time.monotonic() - self._due_at))
        self._arm()


class EmptyLoop:
    """The yardstick: a process of its own with nothing but the heartbeat."""

    def __enter__(self) -> EmptyLoop:
        self._process = subprocess.Popen([sys.executable, "-m", "tests.bench.heartbeat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.communicate(timeout=10)

    def start(self) -> None:
        """As `Heartbeat.start`."""
        self._tell("start")

    def stop(self) -> dict[str, float]:
        """As `Heartbeat.stop`."""
        return self._tell("stop")

    def _tell(self, word: str) -> dict[str, float]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer


async def _listen() -> None:
    loop = asyncio.get_running_loop()
    heart = Heartbeat()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        answer = heart.stop() if line.strip() == "stop" else {}
        if line.strip() == "start":
            heart.start()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(_listen())
