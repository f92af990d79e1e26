"""Reads the pages of the language reference: prose with examples, each with the diagnostics that it must give.

A block of code is an example:

- `moe`: a whole file;
- `moe in=model`, `in=stack`, `in=layer`: statements of a small model, to save repeating it;
- `moe file=common.moe`: another file, for the next example;
- `resolved`: what the example before it becomes, or the part of it that the example writes.

`# error: [E0201]` at the end of a line says that exactly this is found there. What is not announced must not be found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_OPTION = re.compile(r"(\w+)=(\S+)")
_EXPECTED = re.compile(r"# (?:error|warning): \[([EW]\d{4})\]")

_MODEL = """model Example {
  d_model = 16
  embed token { vocab_size = 32 }
  layer block { norm rmsnorm {}  attention softmax { num_heads = 2 }  ffn mlp { d_ff = 32 } }
  layer mixture {
    norm rmsnorm {}
    attention softmax { num_heads = 2 }
    moe { router topk { top_k = 2 }  experts ffn { num_experts = 4  d_ff = 32 } }
  }
  layer own { <layer> }
  stack decoder { <stack> }
  head lm {}
  <model>
}
"""
_USUAL = {"layer": "ffn mlp { d_ff = 32 }", "stack": "layers = [block] * 2", "model": ""}


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example of a page."""

    name: str
    """Page and line."""
    text: str
    """The whole file."""
    expected: tuple[tuple[int, str], ...]
    """Line and code of each announced diagnostic, in order."""
    place: str = ""
    """`model`, `stack` or `layer` for statements in a frame."""
    files: dict[str, str] = field(default_factory=dict)
    resolved: str | None = None
    """The outline that follows it on the page."""


def examples(page: Path) -> Iterator[Example]:
    """The examples of a page, in order."""
    text, files = page.read_text(encoding="utf-8"), {}
    blocks = list(_FENCE.finditer(text))
    for index, block in enumerate(blocks):
        language, options, code = block[1], dict(_OPTION.findall(block[2])), block[3]
        if language != "moe":
            continue
        if "file" in options:
            files[options["file"]] = code
            continue
        after = blocks[index + 1] if index + 1 < len(blocks) else None
        whole = framed(code, options.get("in", ""))
        yield Example(
            name=f"{page.stem}:{text.count(chr(10), 0, block.start()) + 1}",
            text=whole,
            expected=tuple(_announced(whole)),
            place=options.get("in", ""),
            files=files,
            resolved=after[3] if after is not None and after[1] == "resolved" else None,
        )
        files = {}


def framed(code: str, place: str) -> str:
    """The statements in a small model; a whole file stays as it is."""
    if not place:
        return code
    text = _MODEL
    for part, usual in {**_USUAL, place: f"\n{code}"}.items():
        text = text.replace(f"<{part}>", usual)
    return text.replace("layers = [block] * 2", "layers = [own]") if place == "layer" else text


def _announced(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        yield from ((number, code) for code in _EXPECTED.findall(line))
