"""One evaluation: the parts that share a report and a budget, each doing one thing and calling the others."""

from __future__ import annotations

from dataclasses import dataclass, field

from moedsl.checker import hir
from moedsl.checker.attempts import Attempts
from moedsl.checker.blocks import Blocks
from moedsl.checker.bodies import Bodies
from moedsl.checker.components import Components
from moedsl.checker.counting import Counting
from moedsl.checker.expressions import Expressions
from moedsl.checker.limits import Budget
from moedsl.checker.models import Models
from moedsl.checker.paths import Paths
from moedsl.checker.settings import Settings
from moedsl.checker.stacks import Stacks
from moedsl.checker.templates import Templates
from moedsl.checker.variables import Variables
from moedsl.diagnostics import Report
from moedsl.ops import registry


@dataclass(slots=True, eq=False)
class Evaluation:
    """The parts, and what they share."""

    report: Report
    budget: Budget = field(init=False)
    attempts: Attempts = field(default_factory=Attempts)
    spare: list[hir.Spare] = field(default_factory=list)
    """What is only searched for errors."""
    expressions: Expressions = field(init=False)
    variables: Variables = field(init=False)
    components: Components = field(init=False)
    settings: Settings = field(init=False)
    bodies: Bodies = field(init=False)
    blocks: Blocks = field(init=False)
    paths: Paths = field(init=False)
    templates: Templates = field(init=False)
    stacks: Stacks = field(init=False)
    models: Models = field(init=False)
    counting: Counting = field(init=False)
    _keywords: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.budget = Budget(self.report)
        self.expressions = Expressions(ev=self)
        self.variables = Variables(ev=self)
        self.components = Components(ev=self)
        self.settings = Settings(ev=self)
        self.bodies = Bodies(ev=self)
        self.blocks = Blocks(ev=self)
        self.paths = Paths(ev=self)
        self.templates = Templates(ev=self)
        self.stacks = Stacks(ev=self)
        self.models = Models(ev=self)
        self.counting = Counting(ev=self)

    def keywords(self, kind: str) -> tuple[str, ...]:
        """The registry's keywords of a kind, listed once."""
        if kind not in self._keywords:
            self._keywords[kind] = registry.keywords(kind)
        return self._keywords[kind]
