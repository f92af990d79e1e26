"""Writing so that a crash at any moment leaves either the old file or the new one, and reading with limits.

Everything is written beside its place under a name that starts with `.new-`, flushed to the disk, and renamed. A rename
within a folder is atomic, so what has its final name is complete; leftovers of a crash are swept at the next start.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

UNFINISHED = ".new-"
_CHUNK = 1 << 20


def write_atomically(path: Path, data: bytes | str) -> None:
    """Replace a file by new content, all or nothing."""
    temporary = path.with_name(f"{UNFINISHED}{path.name}")
    with temporary.open("wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def write_json(path: Path, value: object) -> None:
    """Replace a file by a value as JSON, all or nothing."""
    write_atomically(path, json.dumps(value, indent=2) + "\n")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name when the block ends without an error and all of it is on the disk.

    There must be nothing of that name yet.
    """
    temporary = path.with_name(f"{UNFINISHED}{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for file in temporary.iterdir():
            sync_file(file)
        sync_folder(temporary)
        os.rename(temporary, path)
    except Exception:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder so that a crash leaves all of it or, by its own name, nothing."""
    doomed = path.with_name(f"{UNFINISHED}{path.name}")
    shutil.rmtree(doomed, ignore_errors=True)
    os.rename(path, doomed)
    shutil.rmtree(doomed)


def sweep(folder: Path) -> None:
    """Remove what a crash left half written in a folder."""
    for leftover in folder.glob(f"{UNFINISHED}*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """The digest of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_json(path: Path, *, schema: str, limit: int = 1 << 24) -> dict[str, Any]:
    """The object in a JSON file of a run folder.

    Args:
        path: The file.
        schema: What its `schema` must say.
        limit: The most bytes it may have.

    Raises:
        ValueError: it is no such file.
        OSError: it cannot be read.
    """
    if path.stat().st_size > limit:
        raise ValueError(f"it is larger than {limit} bytes")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as damage:
        raise ValueError("it is no JSON") from damage
    if not isinstance(value, dict) or value.get("schema") != schema:
        raise ValueError(f"it does not say `{schema}`")
    return value
