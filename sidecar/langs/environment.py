"""The environment a language server gets: the client's, as far as it is allow-listed (design 3.15), over the daemon's. Pure."""

from __future__ import annotations

from collections.abc import Mapping

NAMES = frozenset({"PATH", "HOME", "LANG", "VIRTUAL_ENV", "CONDA_PREFIX", "NODE_PATH"})
PREFIXES = ("GO", "RUST")
NEEDED = ("PATH", "HOME", "LANG")
"""Taken from the daemon where a client ships none: no program starts well without them."""


def shipped(client: Mapping[str, str], daemon: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The variables that make a server's key, sorted; they are laid over the daemon's own when it is started.

    A client that ships nothing has the daemon's. One that ships its own does not get the daemon's virtual environment: such a
    variable is empty, as one process cannot unset another's.
    """
    own = listed(daemon)
    theirs = listed(client)
    if not theirs:
        return tuple(sorted(own.items()))
    blank = {name: own[name] if name in NEEDED else "" for name in own}
    return tuple(sorted((blank | theirs).items()))


def listed(env: Mapping[str, str]) -> dict[str, str]:
    """Those variables that count; anything else that a client ships is dropped."""
    return {name: value for name, value in env.items() if name in NAMES or name.startswith(PREFIXES)}
