"""The protocol as other programs rely on it: recorded requests and replies, replayed over the socket.

A transcript is a file of JSON lines in `transcripts/`: `{"send": message}` and `{"expect": message}`. In what is expected a string
`<int>`, `<str>`, `<num>`, `<bool>`, `<list>`, `<object>` or `<any>` stands for any value of that kind, `<root>` for the transcript's tree;
members that a transcript does not name may be there (readers ignore what they don't know).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.daemon import Daemon
from tests.support.trees import write_tree
from tests.support.waiting import eventually

_TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.jsonl"))
_KINDS: dict[str, type | tuple[type, ...]] = {
    "<int>": int,
    "<str>": str,
    "<num>": (int, float),
    "<bool>": bool,
    "<list>": list,
    "<object>": dict,
    "<any>": object,
}
_TREE = {"a.py": "import os\nneedle = 1\n", "b/c.txt": "no\ntwo needle\n"}


def differences(expected: Any, found: Any, at: str = "$") -> list[str]:
    """Where `found` does not fit what is expected."""
    if isinstance(expected, str) and expected in _KINDS:
        return [] if isinstance(found, _KINDS[expected]) else [f"{at}: expected {expected}, found {found!r}"]
    if isinstance(expected, dict) and isinstance(found, dict):
        missing = [f"{at}.{name}: missing" for name in expected if name not in found]
        return missing + [line for name in expected if name in found for line in differences(expected[name], found[name], f"{at}.{name}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [line for index, pair in enumerate(zip(expected, found, strict=True)) for line in differences(*pair, f"{at}[{index}]")]
    return [] if expected == found else [f"{at}: expected {expected!r}, found {found!r}"]


@pytest.mark.parametrize("path", _TRANSCRIPTS, ids=lambda path: path.stem)
async def test_a_recorded_conversation_still_goes_the_same_way(shared_daemon: Daemon, short_tmp: Path, path: Path) -> None:
    """Each expected message comes, in the order of the transcript, and fits."""
    write_tree(short_tmp, _TREE)
    lines = [json.loads(line.replace("<root>", str(short_tmp))) for line in path.read_text().splitlines() if line]
    async with await shared_daemon.connect() as client:
        replayed = 0
        for line in lines:
            if "send" in line:
                client.send(line["send"])
                continue
            replayed += 1
            message = await _nth(client, replayed)
            assert not differences(line["expect"], message), f"{differences(line['expect'], message)}\nin {message}"


async def _nth(client: Client, number: int) -> dict[str, Any]:
    await eventually(lambda: len(client.arrived) >= number, what=f"message {number}")
    return client.arrived[number - 1]


def test_a_transcript_that_does_not_fit_is_told() -> None:
    """The comparison itself finds missing members, wrong kinds and wrong values."""
    assert differences({"a": "<int>", "b": [1]}, {"a": "1", "b": [2]}) == ["$.a: expected <int>, found '1'", "$.b[0]: expected 1, found 2"]
    assert differences({"a": 1}, {}) == ["$.a: missing"]
    assert not differences({"a": "<any>"}, {"a": None, "more": 1})
