"""The two names that a daemon serves, as one: published together, looked after together, gone together (design 3.2).

Blocking and without a loop: `server` decides when, and runs `publish` and `renew` where they hold nobody up.
"""

from __future__ import annotations

import enum

from sidecar.client import address
from sidecar.daemon.locks import Claim
from sidecar.daemon.publish import Listener, publish
from sidecar.engine.spec import Rights


class Seen(enum.Enum):
    """What stands under our names."""

    OURS = enum.auto()
    GONE = enum.auto()  # a name or the lock beside it is missing: somebody cleaned up
    LOST = enum.auto()  # another's socket


class Names:
    """Both sockets of the holder of `claim`."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        # The reader's first: who finds the daemon's socket finds both.
        self._paths = {Rights.READER: address.reader_path(claim.socket), Rights.FULL: claim.socket}
        self.listeners: dict[Rights, Listener] = {}

    def publish(self) -> None:
        """Listen under both names.

        Raises:
            SidecarError: one is taken, or cannot be written; then neither is published.
        """
        self.listeners = self._publish(list(self._paths))

    def look(self) -> Seen:
        """Two or three stat calls."""
        seen = [listener.published() for listener in self.listeners.values()]
        if False in seen:
            return Seen.LOST
        return Seen.OURS if None not in seen and self._claim.folder_lock.is_in_place() else Seen.GONE

    def renew(self) -> dict[Rights, Listener] | None:
        """New listeners for the names that are gone, for `replace`; None: another daemon holds the lock of our folder.

        Raises:
            SidecarError: it cannot be done now.
        """
        if not self._claim.renew_folder():
            return None
        return self._publish([rights for rights, listener in self.listeners.items() if listener.published() is None])

    def replace(self, rights: Rights, listener: Listener) -> Listener:
        """Put a renewed listener into its place; the old one, to be emptied and closed."""
        old = self.listeners[rights]
        self.listeners[rights] = listener
        return old

    def withdraw(self) -> None:
        """Rename both away; who has connected stays in the queue."""
        for listener in self.listeners.values():
            listener.withdraw()

    def restore(self) -> None:
        """Rename the same inodes back."""
        for listener in self.listeners.values():
            listener.restore()

    def close(self) -> None:
        """Stop listening; the names are gone."""
        for listener in self.listeners.values():
            listener.close()
        self.listeners = {}

    def _publish(self, wanted: list[Rights]) -> dict[Rights, Listener]:
        made: dict[Rights, Listener] = {}
        try:
            for rights in wanted:
                made[rights] = publish(self._paths[rights])
        except BaseException:
            for listener in made.values():
                listener.close()
            raise
        return made
