"""Static functions: what an `assert` can count, and what it says when the count is too high."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from moedsl.checker import hir
from moedsl.diagnostics import Report
from moedsl.ir import counts
from moedsl.ir.graph import Graph


def static_functions(graph: Graph) -> dict[str, Callable[..., object]]:
    """The functions by name. Arguments come by keyword: `seq`, `batch`, `dtype`."""
    return {
        "total_params": lambda: counts.total_params(graph),
        "active_params": lambda: counts.active_params(graph),
        "embedding_params": lambda: counts.embedding_params(graph),
        "flops": lambda seq=2048, batch=1: counts.flops_per_token(graph, seq) * seq * batch,
        "kv_cache": lambda batch=1, seq=2048, dtype="bfloat16": hir.Bytes(
            value=counts.kv_cache(graph, batch=batch, seq=seq, dtype=dtype)
        ),
        "weight_bytes": lambda dtype="bfloat16": hir.Bytes(value=counts.weight_bytes(graph, dtype)),
        "depth": lambda: counts.depth(graph),
        "width": lambda: counts.width(graph),
    }


def check_assertion(assertion: hir.Assertion, graph: Graph, report: Report) -> None:
    """Evaluate an assertion against a graph; one that does not hold is an error that shows what was counted."""
    seen: dict[str, object] = {}
    holds = assertion.evaluate(_recorded(static_functions(graph), seen))
    if holds is not False:
        return
    counted = ", ".join(f"`{name}()` is {_shown(value)}" for name, value in seen.items())
    words = assertion.message or "the assertion does not hold"
    note = None
    if seen.keys() & {"total_params", "active_params", "weight_bytes"}:
        top = counts.largest_contributors(graph, 3)
        note = "the largest parts are " + ", ".join(f"`{path}` ({_shown(count)})" for path, count in top)
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


def _shown(value: object) -> str:
    if isinstance(value, hir.Bytes):
        return f"{value.value:,} bytes"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
