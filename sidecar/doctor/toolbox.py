"""The programs that sidecar can use: search engines and language servers, found, asked for their versions, all at once.

Blocking, for as long as the slowest takes. The daemon itself never calls `sg`: that name belongs to another program on most systems.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sidecar import config
from sidecar.doctor import programs
from sidecar.doctor.deep import server_version
from sidecar.doctor.programs import Program
from sidecar.errors import NotInstalled
from sidecar.langs import installed, servers

AT_ONCE = 4
VERSION_WORDS = {"basedpyright": ("basedpyright", "--version"), "gopls": ("gopls", "version")}
"""How a server is asked for its version where that is not `PROGRAM --version`."""


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Everything that was found; `sg` is whatever answers to that name on PATH alone."""

    rg: Program
    ast_grep: Program
    sg: Program
    servers: tuple[Program, ...]


def look(settings: config.Config | None, env: Mapping[str, str], *, deep: bool) -> Toolbox:
    """Find and ask them all; with `deep` each language server is started too. Where the settings are wrong, as if there were none."""
    overrides = settings.servers if settings else {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="doctor") as threads:
        rg = threads.submit(programs.find, "rg", ["rg", "--version"], env)
        ast_grep = threads.submit(programs.find, "ast-grep", ["ast-grep", "--version"], env)
        sg = threads.submit(programs.find, "sg", ["sg", "--version"], env, beside_us=False)
        rows = [threads.submit(_server, row, overrides.get(row.name), env, deep) for row in servers.table(overrides)]
        off = tuple(Program(name, enabled=False) for name, override in overrides.items() if not override.enabled)
        return Toolbox(rg.result(), ast_grep.result(), sg.result(), tuple(row.result() for row in rows) + off)


def _server(row: servers.Row, override: config.Server | None, env: Mapping[str, str], deep: bool) -> Program:
    own = override is not None and bool(override.command)
    try:
        argv = installed.locate(row, env.get("PATH", os.defpath))
    except NotInstalled as error:
        return Program(row.name, said=error.message, hint=error.hint, chosen=own)
    # A command of the user's own may be anything: it is not run with words that it may take for something else.
    asked = Program(row.name) if own else programs.find(row.name, VERSION_WORDS.get(row.name, (argv[0], "--version")), env)
    if asked.error or not deep:
        return Program(row.name, argv[0], asked.version, asked.error, chosen=own)
    version, silence = server_version(argv, {**env, **row.env})
    return Program(row.name, argv[0], programs.version_in(version) or asked.version, silence, deep=True, chosen=own)
