"""A model, its optimizer and its data, advanced one update at a time. It writes nothing and never waits for the device.

Everything random in step t comes from the seed and t, and the batch of step t is a function of t. So weights, optimizer
state, caches and t are all that a resumed run needs to compute the same bits as one that was never interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import nn

from moedsl.ir.graph import Graph
from moedsl.lower.model import Model
from moedsl.lower.output import Caches
from moedsl.ops.blocks.recipe import RecipeBlock
from moedsl.ops.optimizers._shared import Optimizer
from moedsl.ops.schedules._shared import Schedule
from moedsl.runtime import checkpoint, engine
from moedsl.runtime.batches import Batch, Batches
from moedsl.runtime.failures import RunFailure
from moedsl.runtime.locate import not_finite
from moedsl.runtime.metrics import Meter
from moedsl.runtime.order import seed_of
from moedsl.runtime.step import FiniteGuard, build_optimizer, set_learning_rate, train_step


@dataclass(slots=True, kw_only=True)
class Trainer:
    """One model in training."""

    model: nn.Module
    graph: Graph
    recipe: RecipeBlock
    lr: float
    schedule: Schedule
    steps: int
    optimizer: torch.optim.Optimizer
    batches: Batches
    device: torch.device
    guard: FiniteGuard
    meter: Meter = field(default_factory=Meter)
    step: int = 0
    """How many updates are done."""
    caches: list[Caches] | None = None

    def advance(self) -> None:
        """Do one update and note its results in the meter."""
        recipe, step = self.recipe, self.step + 1
        engine.seed_step(self.device, seed_of(recipe.seed, step))
        lr = self.lr * self.schedule.factor(step, steps=self.steps)
        set_learning_rate(self.optimizer, lr)
        result = train_step(
            self.model,
            self.batch(step),
            self.optimizer,
            parts=recipe.accumulate,
            clip=recipe.clip,
            caches=self.caches_before(step),
            autocast=engine.autocast_of(recipe, self.device),
            guard=self.guard,
        )
        self.meter.add(step, lr, result)
        self.step, self.caches = step, result.caches

    def batch(self, step: int) -> Batch:
        """The batch of a step, on the device."""
        tensors = self.batches.batch(step)
        if self.device.type == "cuda":
            tensors = Batch(*(t.pin_memory() for t in tensors))
        return Batch(*(t.to(self.device, non_blocking=True) for t in tensors))

    def caches_before(self, step: int) -> list[Caches] | None:
        """What a step continues from: nothing, empty caches, or those of the step before."""
        recipe = self.recipe
        if not recipe.carry_cache:
            return None
        if self.caches is not None and not self.batches.starts_over(step):
            return self.caches
        return self.empty_caches()

    def empty_caches(self) -> list[Caches]:
        """The caches of a model that has seen nothing, one per part of the batch."""
        recipe, model = self.recipe, cast(Any, self.model)
        return [model.empty_cache(recipe.batch_size // recipe.accumulate) for _ in range(recipe.accumulate)]

    @property
    def must_look(self) -> bool:
        """Whether each step has to be looked at: carried caches of a bad step would be lost after the next one."""
        return self.recipe.carry_cache

    def blame(self, step: int) -> RunFailure:
        """Find out why a step's loss or gradient is not finite. The guard has kept the weights that it met."""
        engine.seed_step(self.device, seed_of(self.recipe.seed, step))
        return not_finite(
            self.model,
            self.graph,
            self.batch(step),
            step=step,
            parts=self.recipe.accumulate,
            caches=self.caches_before(step),
            autocast=engine.autocast_of(self.recipe, self.device),
        )

    def state(self) -> checkpoint.TrainingState:
        """What a checkpoint keeps besides the weights."""
        return checkpoint.TrainingState(
            step=self.step,
            optimizer=checkpoint.optimizer_state(self.optimizer, self.model),
            caches=self.caches,
            loads=self.meter.loads,
        )

    def restore(self, saved: checkpoint.Checkpoint) -> None:
        """Go back to a checkpoint that fits the model."""
        checkpoint.load_weights(saved, self.model, self.graph)
        state = checkpoint.load_training(saved, self.device)
        checkpoint.restore_optimizer(saved, self.optimizer, self.model, state.optimizer)
        if state.caches is not None:
            checkpoint.check_caches(saved, state.caches, self.empty_caches())
        self.step, self.caches, self.meter.loads = state.step, state.caches, state.loads


def make_trainer(
    model: nn.Module,
    graph: Graph,
    *,
    recipe: RecipeBlock,
    optimizer: Optimizer,
    schedule: Schedule,
    batches: Batches,
    steps: int,
    device: torch.device,
) -> Trainer:
    """A trainer at step 0, its layers compiled and recomputed as the recipe says."""
    engine.prepare_layers(cast(Model, model), recipe, device)
    built = build_optimizer(model, graph, optimizer)
    return Trainer(
        model=model,
        graph=graph,
        recipe=recipe,
        lr=optimizer.lr,
        schedule=schedule,
        steps=steps,
        optimizer=built,
        batches=batches,
        device=device,
        guard=FiniteGuard(built, device),
    )
