"""The settings' own promises."""

from __future__ import annotations

import msgspec
import pytest

from sidecar.config import layers
from sidecar.config.settings import Settings


def test_the_defaults_pass_their_own_bounds() -> None:
    """A default that a user could not write would be a trap."""
    assert msgspec.convert(msgspec.to_builtins(Settings()), Settings) == Settings()


def test_every_lane_keeps_a_place_for_newcomers() -> None:
    """Design 3.17: a lane has at least 2 slots, however few cores there are."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"lanes": {"search": {"limit": 1}}}, Settings)


@pytest.mark.parametrize("path", [path for path, _ in layers.leaves(layers.defaults().tree)])
def test_every_setting_is_documented_where_it_is_declared(path: tuple[str, ...]) -> None:
    """A setting without a meaning is not finished."""
    kind: type = Settings
    for key in path[:-1]:
        kind = {field.name: field.type for field in msgspec.structs.fields(kind)}[key]
    assert f"{path[-1]}: " in (kind.__doc__ or "")
