"""From graph to model: `lower`, and the module that it returns."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import fx, nn
from torch.utils.checkpoint import checkpoint

from moedsl.ir.graph import Graph, Node, Region
from moedsl.lower.boundary import boundaries, keeps_cache
from moedsl.lower.fx import layer_graph, model_graph
from moedsl.lower.init import fill
from moedsl.lower.lowered import Lowered, share_code
from moedsl.lower.opmodule import FIXED_DTYPES, op_module
from moedsl.lower.output import Caches
from moedsl.lower.places import add_place


def lower(
    graph: Graph, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None, seed: int = 0
) -> Model:
    """Build the model of a graph.

    Args:
        graph: A valid graph.
        device: Where its parameters live; on `meta` they have no memory and are not initialised.
        dtype: Of parameters that hold fractions; torch's default when left out.
        seed: What the initial values are drawn from, parameter by parameter.
    """
    edges = boundaries(graph)

    def leaves(region: str) -> dict[str, nn.Module]:
        nodes = (node for node in graph.region_nodes(region) if not node.op.inline)
        return {node.name: op_module(node, device=device, dtype=dtype) for node in nodes}

    layers = {
        region.name: Layer(
            _tree(leaves(region.name), below=f"{region.name}."),
            layer_graph(graph, region.name, edges[region.name]),
            layer_title(region),
        )
        for region in graph.regions
    }
    share_code(layers.values())
    model = Model(_tree({**leaves(""), **layers}), model_graph(graph, edges), graph)
    model.tie()
    model.reset_parameters(seed)
    return model


class Layer(Lowered):
    """One layer: the unit of compilation, checkpointing and sharding."""

    recompute: bool = False
    """Keep only its inputs, and compute it again in backward; see `recompute_layers`."""

    def __init__(self, root: nn.Module, graph: fx.Graph, name: str) -> None:
        super().__init__(root, graph, name)
        self._modules.update(root._modules)

    def __call__(self, *args: Any) -> Any:
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(super().__call__, *args, use_reentrant=False)
        return super().__call__(*args)


class Model(Lowered):
    """A model: `model(tokens, caches=None) -> Output`, its layers at their spec paths."""

    spec: Graph

    def __init__(self, root: nn.Module, graph: fx.Graph, spec: Graph) -> None:
        super().__init__(root, graph, spec.name)
        self._modules.update(root._modules)
        self.spec = spec

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except Exception as error:
            add_place(error)
            raise

    @property
    def layers(self) -> Mapping[str, nn.Module]:
        """The layers by name, also where something wraps them."""
        return {region.name: self.get_submodule(region.name) for region in self.spec.regions}

    def reset_parameters(self, seed: int = 0) -> None:
        """Give all parameters and buffers their initial values; needed after `to_empty` of a model built on `meta`."""
        for spec in self.spec.params.values():
            if spec.tied_to is None:
                fill(self._tensor(spec.path), spec, seed=seed)

    def empty_cache(
        self, batch_size: int, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Caches:
        """The caches of a model that has seen nothing, to begin decoding with."""
        first = next(self.parameters(), torch.empty(0))
        device, dtype = device or first.device, dtype or first.dtype
        return {
            node.name: tuple(
                torch.zeros(
                    _cache_shape(node, cache.shape, batch_size),
                    device=device,
                    dtype=FIXED_DTYPES.get(cache.dtype, dtype),
                )
                for cache in node.caches
            )
            for node in self.spec
            if keeps_cache(node)
        }

    def tie(self) -> None:
        """Make each tied parameter the same object as its owner; moving and loading can part them."""
        for spec in self.spec.params.values():
            if spec.tied_to is not None:
                owner, _, name = spec.path.rpartition(".")
                setattr(self.get_submodule(owner), name, self._tensor(spec.tied_to))

    def _tensor(self, path: str) -> Any:
        owner, _, name = path.rpartition(".")
        return getattr(self.get_submodule(owner), name)

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        self.tie()
        return self

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        result = super().load_state_dict(*args, **kwargs)
        self.tie()
        return result

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        memo[id(self.spec)] = self.spec
        return super().__deepcopy__(memo)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        share_code(layer for layer in self.layers.values() if isinstance(layer, Layer))


def layer_title(region: Region) -> str:
    """What a layer's class is called: after its template."""
    return "".join(part.capitalize() for part in region.template.split("_")) + "Layer"


def _tree(modules: Mapping[str, nn.Module], *, below: str = "") -> nn.Module:
    """Modules at their paths, seen from `below`; numbered ones stand in a list."""
    root = nn.Module()
    for path, module in modules.items():
        parts = path.removeprefix(below).split(".")
        at = root
        for part, child in itertools.pairwise(parts):
            if part not in at._modules:
                at.add_module(part, nn.ModuleList() if child.isdigit() else nn.Module())
            at = at.get_submodule(part)
        at.add_module(parts[-1], module)
    return root


def _cache_shape(node: Node, shape: tuple[str | int, ...], batch_size: int) -> tuple[int, ...]:
    known = {**node.size, "B": batch_size, "L": 0}
    return tuple(axis if isinstance(axis, int) else known[axis] for axis in shape)
