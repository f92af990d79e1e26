"""Print the numbers that creep: lengths of functions and files, and how long the checker takes to import."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "moedsl"


def main() -> None:
    """One line for each number: what it is, what we aim for."""
    files = sorted(PACKAGE.rglob("*.py"))
    lines = {path: len(path.read_text().splitlines()) for path in files}
    lengths = sorted(length for path in files for length in function_lengths(path))
    longest = max(files, key=lambda path: lines[path])
    print(f"functions  {len(lengths)}, median {statistics.median(lengths):.0f} lines (aim: 8), ", end="")
    print(f"90th percentile {lengths[len(lengths) * 9 // 10]} (aim: 30), longest {lengths[-1]}")
    print(f"files      {len(files)}, median {statistics.median(lines.values()):.0f} lines, ", end="")
    print(f"longest {lines[longest]} (aim: 400): {longest.relative_to(PACKAGE.parent)}")
    print(f"import     moedsl.checker.run in {import_seconds('moedsl.checker.run'):.2f} s (aim: 0.7)")


def function_lengths(path: Path) -> Iterator[int]:
    """Lines of each function's body, its docstring left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            yield (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def import_seconds(module: str) -> float:
    """The best of five cold imports, less an empty process."""
    return best_of(f"import {module}") - best_of("pass")


def best_of(code: str, repeats: int = 5) -> float:
    """Seconds of the fastest of some fresh processes."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main()
