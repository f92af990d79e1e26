"""Static functions: what an `assert` can count, and what it says when the count is too high."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from moedsl.checker import hir
from moedsl.checker.counting import OF_MODEL
from moedsl.diagnostics import Report
from moedsl.ir import counts
from moedsl.ir.graph import Graph

Build = Callable[[hir.Model], Graph | None]


def static_functions(graph: Graph) -> dict[str, Callable[..., object]]:
    """The functions by name. Arguments come by keyword: `seq`, `batch`, `dtype`; sizes in bytes are plain numbers."""
    return {
        "total_params": lambda: counts.total_params(graph),
        "active_params": lambda: counts.active_params(graph),
        "embedding_params": lambda: counts.embedding_params(graph),
        "flops": lambda seq=2048, batch=1: counts.flops_per_token(graph, seq) * seq * batch,
        "kv_cache": lambda batch=1, seq=2048, dtype="bfloat16": counts.kv_cache(
            graph, batch=batch, seq=seq, dtype=dtype
        ),
        "weight_bytes": lambda dtype="bfloat16": counts.weight_bytes(graph, dtype),
        "depth": lambda: counts.depth(graph),
        "width": lambda: counts.width(graph),
    }


def check_assertion(assertion: hir.Assertion, graph: Graph, report: Report, *, build: Build) -> None:
    """Evaluate an assertion against a graph; one that does not hold is an error that shows what was counted.

    Args:
        assertion: The test, in its own scope.
        graph: What it counts.
        report: Where a failure goes.
        build: Makes the graph of another model that the test mentions.
    """
    seen: dict[str, object] = {}

    def of_model(model: hir.Model) -> Mapping[str, Callable[..., object]] | None:
        other = build(model)
        return None if other is None else static_functions(other)

    holds = assertion.evaluate({**_recorded(static_functions(graph), seen), OF_MODEL: of_model})
    if holds is not False:
        return
    counted = ", ".join(f"`{name}()` is {_shown(name, value)}" for name, value in seen.items())
    words = assertion.message or "the assertion does not hold"
    note = None
    if seen.keys() & {"total_params", "active_params", "weight_bytes"}:
        top = counts.largest_contributors(graph, 3)
        note = "the largest parts are " + ", ".join(f"`{path}` ({count:,})" for path, count in top)
    message = f"{words}: {counted}" if counted else words
    report.add("E0801", message, assertion.span, help="change the model, or the bound", note=note)


def _recorded(
    functions: Mapping[str, Callable[..., object]], seen: dict[str, object]
) -> dict[str, Callable[..., object]]:
    def record(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(**arguments: object) -> object:
            seen[name] = function(**arguments)
            return seen[name]

        return call

    return {name: record(name, function) for name, function in functions.items()}


def _shown(name: str, value: object) -> str:
    unit = " bytes" if name in ("kv_cache", "weight_bytes") else ""
    return f"{value:,}{unit}" if isinstance(value, int | float) else str(value)
