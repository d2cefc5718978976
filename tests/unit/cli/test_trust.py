"""`sidecar trust`: for the user, not for what sidecar runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.engine import proc
from tests.unit.cli.test_entry import PROJECT, sidecar


@pytest.fixture
def own(short_tmp: Path) -> dict[str, str]:
    """A state folder of this test."""
    return {"SIDECAR_STATE_DIR": str(short_tmp / "state")}


def test_a_folder_is_trusted_listed_and_forgotten(own: dict[str, str], short_tmp: Path) -> None:
    """The whole life of a trust."""
    assert sidecar("trust", str(short_tmp), env=own).stdout == f"{short_tmp}\n"
    assert sidecar("trust", "--list", "--json", env=own).stdout == f'{{"roots":["{short_tmp}"]}}\n'
    sidecar("trust", "--remove", str(short_tmp), env=own)
    assert sidecar("trust", "--list", env=own).stdout == ""


def test_what_sidecar_runs_may_not_trust(own: dict[str, str], short_tmp: Path) -> None:
    """Its environment names a run (design 3.11)."""
    done = sidecar("trust", str(short_tmp), env=own | {"SIDECAR_RUN": "r1"})
    assert done.returncode == 2
    assert "only the user may trust a folder" in done.stderr
    assert not Path(own["SIDECAR_STATE_DIR"]).exists()


def test_a_supervisor_above_is_found_without_the_variable(own: dict[str, str], short_tmp: Path) -> None:
    """A command that cleans its environment is still below its supervisor: here a Python of that name."""
    supervisor = short_tmp / proc.SUPERVISOR
    shutil.copy(os.path.realpath(sys.executable), supervisor)
    code = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    env = {**os.environ, **own, "PYTHONPATH": str(PROJECT), "PYTHONHOME": sys.base_prefix}
    command = ["/usr/bin/env", "-u", "PYTHONHOME", sys.executable, "-m", "sidecar", "trust", str(short_tmp)]
    done = subprocess.run([supervisor, "-c", code, *command], env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert "only the user may trust a folder" in done.stderr
