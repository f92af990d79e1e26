"""Text from a trained language model, one token after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from moedsl.runtime.failures import failure
from moedsl.runtime.runs import Trained


def generate(
    model: nn.Module,
    prompt: Sequence[int],
    *,
    max_tokens: int,
    vocab_size: int,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
    use_cache: bool = True,
) -> Iterator[int]:
    """Continue a prompt; the model should be in evaluation mode.

    Args:
        model: Called with tokens and caches.
        prompt: At least one token.
        max_tokens: How many to add.
        vocab_size: The tokenizer's; ids beyond it, which a larger model may have, are never drawn.
        temperature: Divides the logits; 0 takes the likeliest token.
        top_p: Draw from the likeliest tokens that together have this probability.
        seed: Of the drawing, which happens on the CPU and so is the same everywhere.
        use_cache: Feed only what is new; without, the whole text each time.
    """
    device = next(model.parameters()).device
    random = torch.Generator().manual_seed(seed)
    text, new = list(prompt), list(prompt)
    caches: Any = model.empty_cache(1) if use_cache else None  # type: ignore[operator]
    for _ in range(max_tokens):
        with torch.no_grad():
            out = model(torch.tensor([new if use_cache else text], device=device), caches=caches)
        caches = out.caches
        token = draw(out.logits[0, -1, :vocab_size].double().cpu(), temperature, top_p, random)
        text.append(token)
        new = [token]
        yield token


def draw(logits_V: Tensor, temperature: float, top_p: float, random: torch.Generator) -> int:
    """One token."""
    if temperature == 0:
        return int(logits_V.argmax())
    scores_V = (logits_V / temperature).softmax(-1)
    likeliest = scores_V.sort(descending=True, stable=True)
    before_V = likeliest.values.cumsum(-1) - likeliest.values
    kept_V = likeliest.values.where(before_V < top_p, 0.0)
    return int(likeliest.indices[torch.multinomial(kept_V, 1, generator=random)])


def continue_text(trained: Trained, prompt: str, *, max_tokens: int, **drawing: Any) -> str:
    """What the model of a run adds to a prompt; `drawing` is what `generate` takes.

    Raises:
        RunFailure: the model has fewer positions than that (E1017), or cannot be fed piece by piece (E1019).
    """
    _refuse_pieces(trained, use_cache=drawing.get("use_cache", True))
    ids = [int(i) for i in trained.codec.encode(prompt)]
    longest = trained.job.graph.sizes.get("max_positions")
    if longest is not None and len(ids) + max_tokens > longest:
        message = f"{len(ids)} tokens of prompt and {max_tokens} new ones are more than the model's {longest} positions"
        raise failure("E1017", message, help="shorten the prompt, or ask for fewer tokens")
    new = generate(trained.model, ids, max_tokens=max_tokens, vocab_size=trained.codec.vocab_size, **drawing)
    return trained.codec.decode(new)


def _refuse_pieces(trained: Trained, *, use_cache: bool) -> None:
    """A statistic over all tokens of a call is another one when a call has only the newest."""
    leaks = trained.job.graph.leaks
    if use_cache and leaks:
        message = f"`{leaks[0]}` takes statistics over all tokens of a call, and a cache feeds it one at a time"
        raise failure("E1019", message, help="read the whole text for each token with `--no-cache`")


def printable(text: str) -> str:
    """Text that a terminal shows and never obeys: control characters become U+FFFD, line ends and tabs stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
