"""Tokenizers: exact, deterministic, safe on any bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moedsl.ops.tokenizers.bpe import Bpe
from moedsl.ops.tokenizers.bytes import Bytes
from moedsl.ops.unusable import UnusableData

TEXT = "the cat sat on the mat, and the dog sat on the cat\n" * 40


@pytest.fixture(scope="module")
def codecs():
    return [Bytes().train(iter(())), Bpe(vocab_size=270).train(iter([TEXT]))]


@given(text=st.text())
def test_any_text_comes_back(codecs, text):
    for codec in codecs:
        ids = codec.encode(text)
        assert codec.decode(int(i) for i in ids) == text
        assert all(i < codec.vocab_size for i in ids)


@given(ids=st.lists(st.integers(0, 255)))
def test_any_tokens_are_shown(codecs, ids):
    for codec in codecs:
        codec.decode(ids).encode()


def test_learned_tokens_shorten_the_text(codecs):
    assert len(codecs[1].encode(TEXT)) < 0.5 * len(codecs[0].encode(TEXT))


def test_learning_is_the_same_in_every_process(codecs, tmp_path):
    script = (
        "import sys; from pathlib import Path; from moedsl.ops.tokenizers.bpe import Bpe;"
        f"Bpe(vocab_size=270).train(iter([{TEXT!r}])).save(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60, cwd=Path(__file__).parents[2])
    there = (tmp_path / "tokenizer.json").read_bytes()
    assert [*Bpe(vocab_size=270).load(tmp_path).encode(TEXT)] == [*codecs[1].encode(TEXT)]
    codecs[1].save(tmp_path)
    assert (tmp_path / "tokenizer.json").read_bytes() == there


def test_only_the_sample_is_learned_from():
    short = Bpe(vocab_size=265, sample=800).train(iter([TEXT, "zyx" * 900]))
    assert len(short.encode("zyxzyxzyx")) == 9


def test_a_text_too_small_for_the_vocabulary_says_what_it_yields():
    with pytest.raises(UnusableData, match=r"yields \d+ tokens") as refusal:
        Bpe(vocab_size=9000).train(iter([TEXT]))
    assert refusal.value.slot == "tokenizer"
    assert refusal.value.problem.field == "vocab_size"
