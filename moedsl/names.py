"""Names: which are allowed, and which known one a mistyped one probably means."""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from difflib import get_close_matches

RESERVED = frozenset(
    "edition import use as param let at when else extends for assert moved where if and or not true false none".split()  # noqa: SIM905
)


MODULE_ATTRIBUTES = frozenset(
    """
    T_destination add_module add_submodule apply bfloat16 buffers call_super_init children code compile cpu cuda
    delete_all_unused_submodules delete_submodule double dump_patches empty_cache eval extra_repr float forward
    get_buffer get_extra_state get_parameter get_submodule graph half ipu layers load_state_dict meta modules
    mtia named_buffers named_children named_modules named_parameters parameters print_readable recompile
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ reset_parameters set_extra_state set_submodule shape_env
    share_memory spec state_dict tie to to_empty to_folder train training type xpu zero_grad
    """.split()  # noqa: SIM905  71 quoted words on a line each are no easier to read
)
"""What a built model calls its own attributes; a part of the model by such a name would hide one."""


def is_free_for_modules(name: str) -> bool:
    """Whether a part of the built model may have this name: it becomes an attribute in Python."""
    return not (name.startswith("_") or keyword.iskeyword(name) or name in MODULE_ATTRIBUTES)


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` most probably means, or none."""
    candidates = list(known)
    folded = {c.lower().replace("-", "_"): c for c in candidates}
    exact = folded.get(name.lower().replace("-", "_"))
    if exact is not None:
        return exact
    found = get_close_matches(name, candidates, n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A help line that offers the closest known name, or lists them when they are few."""
    candidates = sorted(set(known))
    best = closest(name, candidates)
    if best is not None:
        return f"did you mean `{best}`?"
    if len(candidates) == 1:
        return f"use `{candidates[0]}`"
    if 0 < len(candidates) <= 8:
        return "use one of " + ", ".join(f"`{c}`" for c in candidates)
    return None
