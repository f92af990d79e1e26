"""From text files to token files."""

from __future__ import annotations

import json
import os
import tracemalloc

import pytest

from moedsl.ops.data.python_docs import PythonDocs
from moedsl.ops.data.python_stdlib import PythonStdlib
from moedsl.ops.data.text import Text
from moedsl.ops.tokenizers.bpe import Bpe
from moedsl.ops.tokenizers.bytes import Bytes
from moedsl.ops.unusable import UnusableData
from moedsl.runtime import corpus


def quiet(what, done, total):
    pass


def prepared(data, tokenizer, folder, target):
    corpus.prepare(data, tokenizer, folder=folder, target=target, watch=quiet)
    codec, splits = corpus.load(tokenizer, target)
    return codec, splits, {name: split.open(target, codec.vocab_size) for name, split in splits.items()}


def test_the_end_of_each_file_is_held_out_at_a_line_end(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"line {n}\n" for n in range(100)))
    (tmp_path / "b.txt").write_text("".join(f"other {n}\n" for n in range(100)))
    codec, splits, tokens = prepared(Text(path="*.txt", held_out=0.2), Bytes(), tmp_path, tmp_path / "data")
    train, held_out = (codec.decode(tokens[name]) for name in corpus.SPLITS)
    assert train.startswith("line 0\n")
    assert held_out.startswith("line ")
    assert held_out.endswith("other 99\n")
    whole = {line for n in range(100) for line in (f"line {n}", f"other {n}")}
    assert {*train.split("\n"), *held_out.split("\n")} - {""} == whole
    assert len(held_out) / (len(train) + len(held_out)) == pytest.approx(0.2, abs=0.03)
    assert splits["train"].bytes == splits["train"].tokens == len(train)


def test_a_validation_file_of_its_own(tmp_path):
    (tmp_path / "a.txt").write_text("train " * 50)
    (tmp_path / "v.txt").write_text("valid " * 50)
    codec, _, tokens = prepared(Text(path="a.txt", validation="v.txt"), Bytes(), tmp_path, tmp_path / "data")
    assert codec.decode(tokens["train"]) == "train " * 50
    assert codec.decode(tokens["held_out"]) == "valid " * 50


def test_characters_survive_cuts_and_chunk_borders(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "_CHUNK", 7)
    text = "żółw🐢\u2028" * 40
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    codec, _, tokens = prepared(Text(path="a.txt"), Bytes(), tmp_path, tmp_path / "data")
    assert codec.decode(tokens["train"]) + codec.decode(tokens["held_out"]) == text


@pytest.mark.parametrize("tokenizer", [Bytes(), Bpe(vocab_size=300)], ids=["bytes", "bpe"])
def test_text_round_trips_and_the_same_text_gives_the_same_files(tmp_path, tokenizer):
    found = []
    for name in ("one", "two"):
        codec, splits, tokens = prepared(PythonDocs(), tokenizer, tmp_path, tmp_path / name)
        found.append(splits)
        text = codec.decode(tokens["held_out"])
        assert text == "".join(corpus.texts(PythonDocs().splits(tmp_path)[1]))
        assert tokens["train"].max() < codec.vocab_size
        assert splits["held_out"].bytes == len(text.encode())
    assert found[0] == found[1]


def test_memory_stays_small_for_a_large_file(tmp_path):
    with (tmp_path / "a.txt").open("w") as file:
        for n in range(24):
            file.write(f"{n} some words to read\n" * 40_000)
    tracemalloc.start()
    _, splits, _ = prepared(Text(path="a.txt"), Bytes(), tmp_path, tmp_path / "data")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert splits["train"].tokens > 17_000_000
    assert peak < 9_000_000


def test_the_standard_library_is_text(tmp_path):
    first, _ = PythonStdlib().splits(tmp_path)
    assert len(first) > 300
    assert "def " in next(corpus.texts(d for d in first if d.name.endswith("argparse.py")))


def refused(data, tokenizer, folder):
    with pytest.raises(UnusableData) as refusal:
        prepared(data, tokenizer, folder, folder / "data")
    return refusal.value.problem


def test_what_cannot_be_read(tmp_path):
    (tmp_path / "corpus.txt").write_text("text")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    typo = refused(Text(path="corpis.txt"), Bytes(), tmp_path)
    assert (typo.code, typo.help) == ("E1001", "did you mean `corpus.txt`?")
    assert refused(Text(path="no/*.txt"), Bytes(), tmp_path).code == "E1001"
    assert "is a folder" in refused(Text(path="folder"), Bytes(), tmp_path).message
    assert "no regular file" in refused(Text(path="pipe"), Bytes(), tmp_path).message
    assert refused(Text(path="corpus.txt", validation="no.txt"), Bytes(), tmp_path).field == "validation"


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("text")
    monkeypatch.setattr("pathlib.Path.open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    problem = refused_open(tmp_path)
    assert problem.code == "E1002"
    assert problem.message.endswith("cannot be read: permission denied")


def refused_open(folder):
    with pytest.raises(UnusableData) as refusal:
        Text(path="a.txt").documents(folder)
    return refusal.value.problem


def test_text_that_is_not_utf8_is_refused_at_its_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "_CHUNK", 8)
    (tmp_path / "a.txt").write_bytes("äöü".encode() * 5 + b"\xe4 latin" + b"x" * 50)
    problem = refused(Text(path="a.txt"), Bytes(), tmp_path)
    assert problem.code == "E1003"
    assert problem.message.endswith("is not UTF-8 at byte 30")


def test_empty_files_and_small_vocabularies(tmp_path):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "a.txt").write_text("to be or not to be " * 3)
    assert refused(Text(path="empty.txt"), Bytes(), tmp_path).code == "E1004"
    problem = refused(Text(path="a.txt"), Bpe(vocab_size=5000), tmp_path)
    assert problem.code == "E1006"
    assert "5000" in problem.message


def test_damaged_token_files_are_refused(tmp_path):
    prepared(PythonDocs(), Bytes(), tmp_path, tmp_path / "data")
    _, splits = corpus.load(Bytes(), tmp_path / "data")
    with (tmp_path / "data" / "train.tokens").open("r+b") as file:
        file.write(b"\xff")
    with pytest.raises(ValueError, match="not what the run wrote"):
        splits["train"].open(tmp_path / "data", 256)


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../../etc/passwd"},
        {"dtype": "float64"},
        {"extra": 1},
        {"tokens": 5},
        {"tokens": "many"},
        {"bytes": None},
        {"sha256": 1},
    ],
)
def test_a_hostile_index_is_refused(tmp_path, change):
    prepared(PythonDocs(), Bytes(), tmp_path, tmp_path / "data")
    path = tmp_path / "data" / "index.json"
    index = json.loads(path.read_text())
    index["splits"]["train"].update(change)
    path.write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r"index\.json|not what"):
        corpus.load(Bytes(), tmp_path / "data")[1]["train"].open(tmp_path / "data", 256)


def test_a_hostile_tokenizer_is_refused(tmp_path):
    prepared(PythonDocs(), Bpe(vocab_size=300), tmp_path, tmp_path / "data")
    (tmp_path / "data" / "tokenizer.json").write_text('{"model": {"type": "Nonsense"}}')
    with pytest.raises(ValueError, match="no tokenizer"):
        corpus.load(Bpe(vocab_size=300), tmp_path / "data")
