"""Names: which are allowed, and which known one a mistyped one probably means."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

RESERVED = frozenset(
    "edition import use as param let at when else extends for assert moved where if and or not true false none".split()
)


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` most probably means, or none."""
    candidates = list(known)
    folded = {c.lower().replace("-", "_"): c for c in candidates}
    exact = folded.get(name.lower().replace("-", "_"))
    if exact is not None:
        return exact
    found = get_close_matches(name, candidates, n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A help line that offers the closest known name, or lists them when they are few."""
    candidates = sorted(set(known))
    best = closest(name, candidates)
    if best is not None:
        return f"did you mean `{best}`?"
    if 0 < len(candidates) <= 8:
        return "use one of " + ", ".join(f"`{c}`" for c in candidates)
    return None
