"""What /proc says, and signals that hit nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from sidecar.engine import proc


def _sleeper(run_id: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-ISc", "import time; time.sleep(3600)"], env={"SIDECAR_RUN": run_id}, start_new_session=True)


def test_our_own_start_is_known() -> None:
    """Start ticks are a number for the living and nothing for the gone."""
    assert proc.start_ticks(os.getpid()) == proc.start_ticks(os.getpid())
    assert proc.start_ticks(2**22 + 1) is None


def test_a_run_is_killed_by_its_mark_and_no_other() -> None:
    """The mark is compared whole: a run whose id begins alike lives on."""
    with _sleeper("r-one") as mine, _sleeper("r-one-more") as other:
        try:
            assert proc.kill_runs({"r-one"}) == 1
            assert proc.start_ticks(mine.pid) is None
            assert proc.kill_runs({"r-one"}) == 0
            assert other.poll() is None
        finally:
            mine.returncode = -signal.SIGKILL  # reaped by pidfd
            other.kill()


def test_the_environment_of_the_gone_is_empty() -> None:
    """Nothing is raised for a process that has ended."""
    assert proc.environment_of(2**22 + 1) == {}


def test_this_process_is_never_among_all() -> None:
    """Whatever the environment names, the daemon does not kill itself."""
    assert os.getpid() not in list(proc.all_pids())


def test_a_subreaper_and_its_boot() -> None:
    """The kernel makes us one, and names its boot."""
    assert proc.become_subreaper()
    assert len(proc.boot_id()) == 36
