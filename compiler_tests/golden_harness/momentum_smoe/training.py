"""Updates of a language model: the recipe of the text, run by the trainer."""

from __future__ import annotations

import torch

from compiler_tests.golden_harness import switch_and_glam
from compiler_tests.golden_harness.case import Case, Computed
from compiler_tests.golden_harness.compiled import checked, compiled, load
from compiler_tests.golden_harness.momentum_smoe import _spec
from moedsl.runtime.batches import ParallelRows
from moedsl.runtime.evaluate import evaluate
from moedsl.runtime.trainer import make_trainer

SYSTEM = switch_and_glam.System(rule=_spec.rule)


def run(case: Case) -> Computed:
    """Loss and learning rate of every update, the weights after the last one, and the loss on the whole stream."""
    case.require(optimizer=("adam",), load_balance=(0.0,))
    config = case.config
    result = checked(switch_and_glam.text(case, SYSTEM, _recipe(case)))
    model, recipe = compiled(result.graphs["Lm"]), result.recipes["updates"]
    names = switch_and_glam.weights(case, SYSTEM)
    load(model, case.params, names)
    tokens, rows = case.inputs["tokens"].flatten().numpy(), config["batch_size"]
    trainer = make_trainer(
        model,
        model.spec,
        recipe=recipe.recipe,
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        batches=ParallelRows(tokens=tokens, block_size=config["block_size"], batch_size=rows),
        steps=config["num_updates"],
        device=torch.device("cpu"),
    )
    for _ in range(config["num_updates"]):
        trainer.advance()
    steps = trainer.meter.take_steps()
    held_out = evaluate(model, tokens, block_size=config["block_size"], batch_size=rows, carry_cache=True)
    final = model.state_dict()
    return Computed(
        outputs={
            "loss": torch.tensor([s["loss"] for s in steps], dtype=torch.float64),
            "learning_rate": torch.tensor([s["lr"] for s in steps], dtype=torch.float64),
            "evaluation_loss": torch.tensor(held_out.loss, dtype=torch.float64),
            **{f"final/{theirs}": final[ours] for theirs, ours in names.items()},
        }
    )


def _recipe(case: Case) -> str:
    config = case.config
    beta1, beta2 = config["adam_betas"]
    return f"""
recipe updates {{
  steps = {config["num_updates"]}
  batch_size = {config["batch_size"]}
  block_size = {config["block_size"]}
  accumulate = {config["batch_split"]}
  clip = {config["gradient_clipping"] or "none"}
  precision = float64
  compile = off
  carry_cache = true
  data python_docs {{}}
  optimizer adam {{
    lr = {config["lr"]!r}
    betas = [{beta1!r}, {beta2!r}]
    eps = {config["optimizer_eps"]!r}
    weight_decay = {config["weight_decay"]!r}
    decay_on = all
  }}
  schedule constant {{ warmup = {config["warmup_updates"]} }}
}}
"""
