"""The process that tests start: the audit first, then the real daemon by its composition root, with a few tools more.

`python -m tests.support.daemon_main [arguments of sidecar run]`
"""

from __future__ import annotations

import sys

from tests.support import audit


def main(argv: list[str]) -> int:
    """Run the daemon in the foreground; its exit code."""
    audit.install()
    from sidecar.daemon import app  # after the audit, so that nothing escapes it
    from tests.support.extra_tools import TOOLS

    return app.main(argv, extra_tools=TOOLS) or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
