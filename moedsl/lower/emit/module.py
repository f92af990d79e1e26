"""`emit_python`: the file as a whole, from its header to the model's class."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from torch import fx
from torch.overrides import resolve_name

from moedsl.ir.digests import digests
from moedsl.ir.graph import Graph, Node, Region
from moedsl.lower.boundary import boundaries, keeps_cache
from moedsl.lower.emit.layout import Group, call, quoted, render, table
from moedsl.lower.emit.opclass import OpClasses
from moedsl.lower.emit.sourcefile import Imported
from moedsl.lower.emit.sources import Sources
from moedsl.lower.emit.statements import indexed, signature, statements
from moedsl.lower.fx import layer_graph, model_graph
from moedsl.lower.model import layer_title
from moedsl.lower.opmodule import FIXED_DTYPES
from moedsl.version import __version__

Lines = Iterator[str]

ANY_LAYER = "[.]layers[.][0-9]+[.]"

RESET = f'''
def reset_parameters(self, seed: int = 0) -> None:
    """Give every parameter its initial values, drawn from the seed and the parameter's path alone."""
    for path, tensor in (*self.named_parameters(), *self.named_buffers()):
        rule = INITIAL.get(path) or INITIAL[re.sub("{ANY_LAYER}", ".layers.*.", path)]
        if not tensor.is_meta:
            tensor.data.copy_(draw(path, tuple(tensor.shape), *rule, seed=seed))
'''


def emit_python(graph: Graph) -> str:
    """One readable Python file that holds the model and needs torch alone.

    Its `state_dict` has the keys of the compiled model, and the same seed gives the same numbers.
    """
    return _File(graph).text()


class _File:
    """One file to write."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._arch = digests(graph)["arch"]
        self._edges = boundaries(graph)
        self._sources = Sources(namespace=f"m{self._arch[:7]}")
        self._title = self._sources.unique(graph.name)
        self._ops = OpClasses(sources=self._sources)
        self._layers: dict[str, str] = {}
        """The body of each layer class, and its name."""

    def text(self) -> str:
        """All of it."""
        model = self._model({region.name: self._layer(region) for region in self._graph.regions})
        initial = self._initial()
        self._sources.need("moedsl.lower.init", "draw")
        self._sources.imports |= {Imported("re"), Imported("torch"), Imported("torch", "nn")}
        layers = (f"class {name}(nn.Module):\n{body}" for body, name in self._layers.items())
        parts = (*self._sources.definitions, *self._ops.texts, *layers, initial, model)
        head = f"{self._header()}\n\nfrom __future__ import annotations\n\n{_imports(self._sources.imports)}"
        return "\n\n\n".join(part.strip("\n") for part in (head, *parts)) + "\n"

    def _header(self) -> str:
        doc = f"{self._graph.name}: a model in plain PyTorch, written by moedsl {__version__}."
        return f'"""{doc}\n\nArchitecture digest: {self._arch}\n"""'

    # ---- layers

    def _layer(self, region: Region) -> str:
        """The name of the layer's class."""
        graph = layer_graph(self._graph, region.name, self._edges[region.name])
        body = "\n".join(
            [
                f'    """Layer `{region.template}` of the stack `{region.stack}`."""',
                "",
                "    def __init__(self) -> None:",
                "        super().__init__()",
                *self._modules(self._graph.region_nodes(region.name), f"{region.name}."),
                "",
                *self._forward(graph),
            ]
        )
        if body not in self._layers:
            self._layers[body] = self._sources.unique(layer_title(region))
        return self._layers[body]

    def _modules(self, nodes: Iterable[Node], below: str) -> Lines:
        """Statements that make the modules of nodes."""
        made: set[str] = set()
        for node in nodes:
            if not node.op.inline:
                path = node.name.removeprefix(below)
                yield from _containers(path, made)
                yield render(_assigned(path, self._ops.instance(node)), 8)

    def _forward(self, graph: fx.Graph) -> Lines:
        yield render(Group("def forward(", ("self", *signature(graph)), "):"), 4)
        yield from statements(graph, self._name_of, indent=8)

    def _name_of(self, target: Any) -> str:
        if getattr(target, "__module__", "").startswith("moedsl."):
            return self._sources.need(target.__module__, target.__name__)
        name = resolve_name(target)
        assert name is not None, target
        return name

    # ---- the model

    def _model(self, layers: dict[str, str]) -> str:
        lines = [
            f"class {self._title}(nn.Module):",
            f'    """{_summary(self._graph)}"""',
            "",
            "    def __init__(self, seed: int = 0) -> None:",
            "        super().__init__()",
            *self._children(layers),
            *self._ties(),
            "        self.reset_parameters(seed)",
            "",
            *self._forward(model_graph(self._graph, self._edges)),
            "",
            *self._empty_cache(),
            textwrap.indent(RESET, "    "),
        ]
        return "\n".join(lines)

    def _children(self, layers: dict[str, str]) -> Lines:
        """The modules of the model, in the order in which they run."""
        regions = {region.name: region for region in self._graph.regions}
        for region, nodes in groupby(self._graph, key=lambda n: n.region):
            if not region:
                yield from self._modules(nodes, "")
            elif regions[region].index == 0:
                yield from self._stack(regions[region].stack, layers)

    def _stack(self, stack: str, layers: dict[str, str]) -> Lines:
        names = [layers[region.name] for region in self._graph.regions if region.stack == stack]
        items = tuple(item for name, run in groupby(names) for item in _repeated(name, len(list(run))))
        yield f"        self.{stack} = nn.Module()"
        yield render(Group(f"self.{stack}.layers = nn.ModuleList(", (Group("[", items, "]", literal=True),), ")"), 8)

    def _ties(self) -> Lines:
        for spec in self._graph.params.values():
            if spec.tied_to is not None:
                yield f"        self.{indexed(spec.path)} = self.{indexed(spec.tied_to)}"

    def _empty_cache(self) -> Lines:
        yield "    def empty_cache(self, batch_size: int):"
        yield '        """The caches of a model that has seen nothing, to begin decoding with."""'
        yield "        like = next(self.parameters())"
        entries = {node.name: _empty_entry(node) for node in self._graph if keeps_cache(node)}
        yield render(table(entries)._replace(head="return {"), 8)

    # ---- initial values

    def _initial(self) -> str:
        """The table of initial values: one entry for a stack where all its layers agree."""
        rules: dict[str, tuple[object, ...]] = {}
        for spec in self._graph.params.values():
            if spec.tied_to is None:
                init = spec.init
                rules[spec.path] = (init.rule, init.scale, *((init.truncate,) if init.truncate is not None else ()))
        shared: dict[str, set[tuple[object, ...]]] = {}
        for path, rule in rules.items():
            shared.setdefault(_any_layer(path), set()).add(rule)
        entries = {_any_layer(p) if len(shared[_any_layer(p)]) == 1 else p: quoted(rule) for p, rule in rules.items()}
        return render(table(entries)._replace(head="INITIAL = {"))


def _assigned(path: str, value: Group) -> Group:
    return value._replace(head=f"self.{path} = {value.head}")


def _containers(path: str, made: set[str]) -> Lines:
    """Empty modules that a path goes through, each once."""
    parts = path.split(".")
    for i in range(1, len(parts)):
        above = ".".join(parts[:i])
        if above not in made:
            made.add(above)
            yield f"        self.{above} = nn.Module()"


def _repeated(name: str, times: int) -> tuple[str, ...]:
    return (f"*({name}() for _ in range({times}))",) if times > 2 else (f"{name}()",) * times


def _empty_entry(node: Node) -> Group:
    known = {**node.size, "B": "batch_size", "L": 0}
    tensors = []
    for cache in node.caches:
        shape = tuple(str(known.get(str(axis), axis)) for axis in cache.shape) or ("()",)
        kind = {"dtype": str(FIXED_DTYPES[cache.dtype])} if cache.dtype in FIXED_DTYPES else {}
        tensors.append(call("like.new_zeros", *shape, **kind))
    return Group("(", tuple(tensors), ",)" if len(tensors) == 1 else ")", literal=True)


def _any_layer(path: str) -> str:
    return re.sub(ANY_LAYER, ".layers.*.", path)


def _summary(graph: Graph) -> str:
    """The first line of the model's doc comment, safe inside a docstring."""
    lines = graph.doc.strip().splitlines()
    return lines[0].replace("\\", "/").replace('"', "'") if lines else f"The model `{graph.name}`."


def _imports(imports: set[Imported]) -> str:
    """Import statements, the standard library first."""
    plain = sorted(f"import {i.module}" + (f" as {i.alias}" if i.alias else "") for i in imports if not i.name)
    named = sorted((i for i in imports if i.name), key=lambda i: (i.module, i.name[0].islower(), i.name))
    merged = [
        f"from {module} import {', '.join(i.name + (f' as {i.alias}' if i.alias else '') for i in group)}"
        for module, group in groupby(named, key=lambda i: i.module)
    ]
    ours, theirs = [], []
    for line in (*plain, *merged):
        is_standard = line.split()[1].partition(".")[0] in sys.stdlib_module_names
        (ours if is_standard else theirs).append(line)
    return "\n\n".join("\n".join(lines) for lines in (ours, theirs) if lines)
