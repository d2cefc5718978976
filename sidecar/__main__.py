"""`python -m sidecar` is the command `sidecar`."""

import sys

from sidecar.cli.entry import main

sys.exit(main())
