"""JSON: what goes out comes back equal, and nothing else comes in."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler_tests.ir.graphs import balance, dense, model, momentum, sparse
from moedsl.ir.graph import Graph
from moedsl.ir.json import SCHEMA, NotAGraph, from_json, to_json


def graphs() -> dict[str, Graph]:
    return {
        "plain": model(dense(), causal=False),
        "carries, losses, ties": model(sparse(momentum(), balance()), sparse(momentum()), dense()),
        "a component": model(sparse(init="normal(std = 0.5)"), tie="none"),
        "a buffer": model(sparse(expert_bias=True)),
    }


def small() -> dict[str, Any]:
    return to_json(graphs()["a component"])


@pytest.mark.parametrize("name", graphs())
def test_a_graph_comes_back_equal(name):
    graph = graphs()[name]
    text = json.dumps(to_json(graph), allow_nan=False)
    back = from_json(json.loads(text))
    assert back == graph
    assert list(back.nodes) == list(graph.nodes)
    assert json.dumps(to_json(back), allow_nan=False) == text


def test_the_schema_is_pinned(golden):
    """The keys are a contract: when they change, so does the schema's number."""
    golden("graphs/small.json", json.dumps(to_json(model(dense())), indent=1) + "\n")
    assert SCHEMA == "moedsl.ir/1"


def test_the_source_is_lines_and_columns_and_is_not_read_back():
    graph = model(dense())
    data = to_json(graph, source=True)
    assert data["source"]["nodes"]["embed"] == {"path": "m.moe", "line": 3, "column": 7}
    assert data["source"]["fields"]["embed"]["vocab_size"] == [
        {"how": "written", "path": "m.moe", "line": 4, "column": 14}
    ]
    assert data["source"]["fields"]["norm"]["eps"] == [{"how": "default"}]
    assert "source" not in to_json(graph)
    assert from_json(json.loads(json.dumps(data))) == graph


# ---- strictness


def node(data: dict[str, Any], name: str) -> dict[str, Any]:
    return next(n for n in data["nodes"] if n["name"] == name)


ROUTER = "decoder.layers.0.moe.router"

REFUSED: dict[str, tuple[Any, str]] = {
    "another schema": (lambda d: d.update(schema="moedsl.ir/2"), "this is no graph of schema `moedsl.ir/1`"),
    "no schema": (lambda d: d.pop("schema"), "this is no graph of schema `moedsl.ir/1`"),
    "an unknown key": (lambda d: d.update(colour="red"), "`colour` is no key"),
    "a source map": (lambda d: d.update(source_map={}), "`source_map` is no key"),
    "no nodes": (lambda d: d.pop("nodes"), "nodes: None is not a list"),
    "no outputs": (lambda d: d.pop("outputs"), "`outputs` is missing"),
    "an unknown key of a node": (lambda d: d["nodes"][0].update(colour=1), "nodes[0]: `colour` is no key"),
    "a missing key of a node": (lambda d: d["nodes"][0].pop("op"), "nodes[0]: `op` is missing"),
    "a name twice": (lambda d: d["nodes"].append(d["nodes"][0]), "nodes: two have the same name"),
    "a number as a name": (lambda d: d["nodes"][0].update(name=1), "nodes[0].name: 1 is not a text"),
    "true as a number": (
        lambda d: d["nodes"][0]["params"][0].update(shape=[16, True]),
        "nodes[0].params[0].shape[1]: True is not a whole number",
    ),
    "a role nobody knows": (
        lambda d: d["nodes"][0]["inputs"][0].update(role="flow"),
        "nodes[0].inputs[0].role: 'flow' is not one of 'data', 'residual', 'carry', 'tie'",
    ),
    "a pair of three": (
        lambda d: d["causal"][0].append(1),
        "causal[0]: there are 3 items, not 2",
    ),
    "text as an object": (lambda d: d.update(sizes="many"), "sizes: 'many' is not an object"),
    "a size that is no number": (lambda d: d["sizes"].update(d_model="8"), "sizes.d_model: '8' is not a whole number"),
    "an unknown kind": (
        lambda d: node(d, "norm")["op"].update(kind="../routers"),
        "there is no op '../routers' 'rmsnorm'",
    ),
    "an unknown op": (lambda d: node(d, "norm")["op"].update(keyword="os"), "there is no op 'norm' 'os'"),
    "a private module": (lambda d: node(d, "norm")["op"].update(keyword="_shared"), "there is no op 'norm' '_shared'"),
    "an op with more keys": (
        lambda d: node(d, "norm")["op"].update(module="os"),
        "an op has the keys `kind`, `keyword` and `fields`",
    ),
    "an unknown field": (
        lambda d: node(d, ROUTER)["op"]["fields"].update(topk=2),
        "`router topk` has no field `topk`",
    ),
    "a field out of range": (
        lambda d: node(d, ROUTER)["op"]["fields"].update(top_k=0),
        "op.fields.top_k: Input should be greater than or equal to 1",
    ),
    "an object where no component stands": (
        lambda d: node(d, ROUTER)["op"]["fields"].update(top_k={"kind": "init", "keyword": "normal", "fields": {}}),
        "op.fields.top_k: Input should be a valid integer",
    ),
    "a component of another kind": (
        lambda d: node(d, ROUTER)["op"]["fields"].update(init=node(d, "norm")["op"]),
        "op.fields.init: Input should be",
    ),
    "a broken invariant": (
        lambda d: d["outputs"][0]["value"].update(node="nowhere"),
        "the graph is not valid: the output `logits` uses `nowhere`, which does not exist",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_graph_is_refused_with_the_place(name):
    plant, message = REFUSED[name]
    data = small()
    plant(data)
    with pytest.raises(NotAGraph) as refused:
        from_json(data)
    assert message in str(refused.value)


@pytest.mark.parametrize("data", [None, 1, "graph", [], {}, {"schema": SCHEMA}, {"schema": SCHEMA, "nodes": {}}])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(NotAGraph):
        from_json(data)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.sampled_from(["", "norm", "x", "carry"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["node", "name", "k"]), inner, max_size=2)
    ),
    max_leaves=3,
)


@given(st.data())
def test_junk_anywhere_is_a_graph_or_refused(data):
    document = copy.deepcopy(small())
    holder, key = document, "nodes"
    for _ in range(data.draw(st.integers(0, 8))):
        child = holder[key]
        keys = list(child) if isinstance(child, dict) else list(range(len(child))) if isinstance(child, list) else []
        if not keys:
            break
        holder, key = child, data.draw(st.sampled_from(keys))
    holder[key] = data.draw(JUNK)
    try:
        graph = from_json(document)
    except NotAGraph:
        return
    assert from_json(to_json(graph)) == graph
