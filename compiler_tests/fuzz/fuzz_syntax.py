"""Coverage-guided fuzzing of the front end; what it finds becomes a file of `corpus/`, which the tests run.

    pip install atheris
    python compiler_tests/fuzz/fuzz_syntax.py FOLDER -max_total_time=300 -timeout=5

FOLDER collects inputs that reach new code. An input that starts with `!` is a list of words, one a byte: damaged
programs get further into the parser than random bytes. A text that fails is printed, ready for the corpus.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import atheris

with atheris.instrument_imports(include=["moedsl.syntax", "moedsl.render"]):
    from compiler_tests.syntax.checks import check_text
    from compiler_tests.syntax.generated import VOCABULARY
    from moedsl.diagnostics import Report
    from moedsl.syntax.decode import decode


def text_of(data: bytes) -> str | None:
    """The text that an input stands for."""
    if data.startswith(b"!"):
        return " ".join(VOCABULARY[byte % len(VOCABULARY)] for byte in data[1:])
    source = decode(data, "spec.moe", Report())
    return source.text if source else None


def check_bytes(data: bytes) -> None:
    """Everything that must hold for any file at all."""
    text = text_of(data)
    if text is None:
        return
    try:
        check_text(text)
    except BaseException:
        print(f"failed: {text!r}")
        raise


if __name__ == "__main__":
    atheris.Setup(sys.argv, check_bytes)
    atheris.Fuzz()
