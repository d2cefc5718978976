"""The process that tests start: the audit first, then the real daemon by its composition root, with a few tools more.

`python -m tests.support.daemon_main`
"""

from __future__ import annotations

import os
import sys

from tests.support import audit


def main() -> int:
    """Run the daemon in the foreground, as `sidecar run` does; its exit code."""
    audit.install()
    from sidecar.daemon import startup  # after the audit, so that nothing escapes it

    pipe = startup.begin(os.environ)
    from sidecar.daemon import app
    from sidecar.errors import SidecarError
    from tests.support.extra_tools import TOOLS

    try:
        return app.run(pipe, {}, TOOLS)
    except SidecarError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
