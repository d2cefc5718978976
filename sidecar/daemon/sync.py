"""Document sync (LSP 3.17 didOpen, didChange, didClose): decoded here, applied in `langs/documents`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sidecar.daemon.core import Core
from sidecar.engine.runner import decode

if TYPE_CHECKING:
    from sidecar.daemon.connection import Connection
