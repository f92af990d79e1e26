"""The front door: whatever comes in, findings come out."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from moedsl.checker.cost import cost
from moedsl.checker.run import check

SPEC = """
model M(heads: int = 4) {
  d_model = 32
  embed token { vocab_size = 32 }
  layer a { attention softmax { num_heads = heads } }
  stack decoder { causal = true  layers = [a] * 2 }
  head lm {}
}
"""


def codes(source: object, **options: object) -> list[str]:
    return [d.code for d in check(source, **options).diagnostics]


def messages(source: object, **options: object) -> list[str]:
    return [d.message for d in check(source, **options).diagnostics]


def test_a_path_a_text_and_bytes(tmp_path: Path):
    path = tmp_path / "m.moe"
    path.write_text(SPEC, encoding="utf-8")
    for source in (SPEC, SPEC.encode(), bytearray(SPEC.encode()), path, str(path), f"{path}::M"):
        assert list(check(source).graphs) == ["M"]


@pytest.mark.parametrize("other", [None, 3, 2.5, [SPEC], {}, io.StringIO(SPEC), object()])
def test_what_is_no_spec_is_a_finding(other: object):
    assert codes(other) == ["E0709"]


@pytest.mark.parametrize("name", ["missing.moe", "a\0b.moe", "\ud800.moe", "x" * 300, "a/" * 1500 + "b"])
def test_a_path_that_leads_nowhere_is_a_finding(name: str):
    assert codes(name) == ["E0702"]
    assert codes(Path(name)) == ["E0702"]


def test_a_folder_a_device_and_a_pipe_are_no_files(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.moe")
    (tmp_path / "loop.moe").symlink_to("loop.moe")
    assert messages(tmp_path) == [f"`{tmp_path}` is a folder, not a file"]
    for path in (tmp_path / "pipe.moe", Path("/dev/zero")):
        assert messages(path) == [f"`{path}` is a device or a pipe, not a file"]
    assert codes(tmp_path / "loop.moe") == ["E0702"]


def test_bytes_that_are_no_text():
    assert codes(b"\xff\xfe{\0") == ["E0101"]
    assert codes("model M {\ud800}") == ["E0101"]
    assert codes("model M {\0}") == ["E0102"]
    assert codes("#" * 9_000_000) == ["E0103"]


def test_a_model_that_is_not_there():
    assert codes(SPEC, model="N") == ["E0207"]
    assert codes(SPEC, model=3) == ["E0207"]


def test_one_override_needs_no_list():
    assert codes(SPEC, overrides="decoder.layers.0.attention.num_heads = 5") == ["E0401"]


@pytest.mark.parametrize("layer", ["-1", "*", "1"])
def test_overrides_name_layers_by_number(layer: str):
    assert codes(SPEC, overrides=f"decoder.layers.{layer}.attention.num_heads=5") == ["E0401"]


def test_an_override_without_value_is_named_as_written():
    assert messages(SPEC, overrides="decoder.layers.0.attention.num_heads=") == [
        "`decoder.layers.0.attention.num_heads` has no value"
    ]


@pytest.mark.parametrize("wrong", [{"seq": 0}, {"seq": -1}, {"seq": 2.5}, {"batch": True}, {"dtype": "float17"}])
def test_costs_are_counted_for_counts(wrong: dict[str, object]):
    with pytest.raises(ValueError, match=r"whole number|number format"):
        cost(SPEC, **wrong)
