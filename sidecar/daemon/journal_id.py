"""The state folder's identity: a uuid made at first start. A client that knows another one knows that the numbers start over."""

from __future__ import annotations

import os
import uuid

from sidecar.errors import Failed

FILE_NAME = "journal-id"


def journal_id(state_dir: str) -> str:
    """The id of the journal in `state_dir`, made if there is none; only for the holder of `owner.lock`.

    Raises:
        Failed: it can be neither read nor written.
    """
    path = os.path.join(state_dir, FILE_NAME)
    try:
        with open(path, encoding="ascii") as file:
            return str(uuid.UUID(file.read().strip()))
    except (FileNotFoundError, ValueError):
        pass  # none yet, or one that says nothing: a new one tells every client to start over, which is true
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}", hint="Check the state folder's owner and mode.") from error
    made = str(uuid.uuid4())
    try:
        _write(path, made)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}", hint="Is the disk full? See `sidecar doctor`.") from error
    return made


def _write(path: str, text: str) -> None:
    """Whole or not at all, also when the power fails."""
    temporary = path + ".new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, text.encode("ascii") + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)
