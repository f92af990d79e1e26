"""Writing all or nothing."""

from __future__ import annotations

import json
import os

import pytest

from moedsl.runtime.files import UNFINISHED, new_folder, read_json, remove_folder, sweep, write_atomically


class Crash(BaseException):
    """The process dies here: nothing that follows runs."""


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    monkeypatch.setattr(os, call, lambda *_: (_ for _ in ()).throw(Crash))
    with pytest.raises(Crash):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    sweep(tmp_path)
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_appears_when_it_is_complete(tmp_path):
    with new_folder(tmp_path / "f") as folder:
        (folder / "x").write_text("1")
        assert names(tmp_path) == [f"{UNFINISHED}f"]
    assert names(tmp_path) == ["f"]


def test_an_error_takes_the_unfinished_folder_away(tmp_path):
    with pytest.raises(OSError, match="full"), new_folder(tmp_path / "f"):
        raise OSError("full")
    assert names(tmp_path) == []


def test_a_crash_while_removing_leaves_nothing_of_that_name(tmp_path, monkeypatch):
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "x").write_text("1")
    monkeypatch.setattr("moedsl.runtime.files.shutil.rmtree", lambda path, **_: (_ for _ in ()).throw(Crash))
    with pytest.raises(Crash):
        remove_folder(folder)
    monkeypatch.undo()
    sweep(tmp_path)
    assert names(tmp_path) in ([], ["f"])


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema": "other"}', '{"schema": "s"}' + " " * 2000, "[" * 1000, "\xff"]
)
def test_json_that_is_not_ours_is_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"^it "):
        read_json(path, schema="s", limit=1500)


def test_json_that_is_ours_is_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"schema": "s", "x": 1}))
    assert read_json(path, schema="s")["x"] == 1
