"""The daemon under measurement: the real one by its composition root, with the tools of `extra_tools` beside its own.

`python -m tests.bench.daemon_main`
"""

from __future__ import annotations

import os
import sys

from sidecar.daemon import startup


def main() -> int:
    """Run the daemon in the foreground, as `sidecar run` does; its exit code."""
    pipe = startup.begin(os.environ)
    from sidecar.daemon import app  # behind `begin`, which forks
    from tests.bench.extra_tools import SPECS
    from tests.support.extra_tools import TOOLS

    return app.run(pipe, {}, (*TOOLS, *SPECS))


if __name__ == "__main__":
    sys.exit(main())
