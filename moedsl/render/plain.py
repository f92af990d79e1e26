"""Text that a terminal shows as it is, and how wide it is there."""

from __future__ import annotations

import re
import unicodedata

TAB = "    "
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with tabs as spaces, and without anything that moves a cursor, hides, or cannot be printed."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).replace("\t", TAB)


def columns(text: str) -> int:
    """How many columns a terminal gives to a visible text."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
