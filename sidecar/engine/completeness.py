"""Whether a search's answer, as Rust wrote it, is everything there is. Looks at its last bytes; parses nothing."""

from __future__ import annotations

import re

# Rust writes these members behind the found ones. Inside JSON strings a quote is escaped, so no found text can look like them.
_CUT_SHORT = re.compile(rb'"truncated":true|"(?:tooLarge|unreadable)":[1-9]')
_TAIL_BYTES = 512


def is_complete(body: bytes) -> bool:
    """Whether nothing was cut off, and no file had to be left out as too large or unreadable (search-engine section 6.7).

    Args:
        body: the result object of `grep`, `glob` or `ast_grep`.
    """
    return _CUT_SHORT.search(body, max(0, len(body) - _TAIL_BYTES)) is None
