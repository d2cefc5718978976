"""The daemon under measurement: the real one by its composition root, with the tools of `extra_tools` beside its own.

python -m tests.bench.daemon_main [arguments of sidecar run]
"""

from __future__ import annotations

import sys

from sidecar.daemon import app
from tests.bench.extra_tools import SPECS
from tests.support.extra_tools import TOOLS

if __name__ == "__main__":
    sys.exit(app.main(sys.argv[1:], extra_tools=(*TOOLS, *SPECS)) or 0)
