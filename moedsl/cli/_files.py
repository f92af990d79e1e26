"""Files that commands write: all or nothing, and a line for a person where that fails."""

from __future__ import annotations

from pathlib import Path

from moedsl.cli._exit import ExitCode, Stop


def write_text(path: Path, text: str) -> None:
    """Replace a file, keeping what it may be used for; a link stays a link."""
    from moedsl.runtime.files import write_atomically

    place = path.resolve()
    try:
        mode = place.stat().st_mode if place.exists() else None
        write_atomically(place, text)
        if mode is not None:
            place.chmod(mode)
    except OSError as refusal:
        reason = (refusal.strerror or str(refusal)).lower()
        help = "choose another place, or free this one"
        raise Stop(f"`{path}` cannot be written: {reason}", code=ExitCode.FAILED, help=help) from None
