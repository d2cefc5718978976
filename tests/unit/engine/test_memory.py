"""How much memory process trees use."""

from __future__ import annotations

import subprocess
import sys

from sidecar.engine.memory import rss_of_trees

EATER = "import subprocess, sys; kept = b'x' * (64 << 20); print('ready', flush=True); sys.stdin.read()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {EATER!r}])"


def test_what_a_descendant_uses_counts_for_its_ancestors() -> None:
    """A server that is only a wrapper weighs what the wrapped one weighs."""
    with subprocess.Popen([sys.executable, "-S", "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == b"ready\n"
        found = rss_of_trees({parent.pid})
        assert found[parent.pid] > 64 << 20
        assert parent.stdin is not None
        parent.stdin.close()


def test_a_process_that_is_gone_uses_nothing() -> None:
    """And no other one is taken for it."""
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    assert rss_of_trees({gone.pid}) == {gone.pid: 0}
