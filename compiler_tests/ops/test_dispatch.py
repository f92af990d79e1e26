import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from compiler_tests.ops.harness import GIVEN, TOKENS, Case, Parameters, round_trip
from moedsl.ops.dispatch.capacity import Capacity
from moedsl.ops.dispatch.dropless import Dropless
from moedsl.ops.experts.ffn import FfnExperts
from moedsl.ops.experts.glu import GluExperts
from moedsl.ops.records import Routing

ROOMY = Capacity(capacity_factor=float(GIVEN["num_experts"]))


def routing_of(experts: list[list[int]], num_experts: int = 2) -> Routing:
    experts_TK = torch.tensor(experts)
    logits_TE = torch.zeros(len(experts), num_experts, dtype=torch.float64)
    return Routing(experts_TK, torch.ones(experts_TK.shape, dtype=torch.float64), logits_TE, logits_TE.softmax(-1))


@pytest.mark.parametrize("op", [Dropless(), ROOMY], ids=lambda op: op.keyword)
def test_permuting_tokens_permutes_results(op) -> None:
    case = Case(op)
    x_TD, routing = case.args
    order = torch.randperm(TOKENS, generator=case.random)
    moved = round_trip(op, case.p, x_TD[order], Routing(*(part if part is None else part[order] for part in routing)))
    torch.testing.assert_close(moved, round_trip(op, case.p, x_TD, routing)[order])


def test_dropless_rows_are_sorted_by_expert() -> None:
    case = Case(Dropless())
    x_TD, routing = case.args
    slots = Dropless().forward(case.p, x_TD, routing)
    counts_E = torch.bincount(routing.experts_TK.flatten(), minlength=GIVEN["num_experts"])
    assert slots.ends_E.tolist() == counts_E.cumsum(0).tolist()
    for t, experts in enumerate(routing.experts_TK.tolist()):
        for k, e in enumerate(experts):
            row = int(slots.row_TK[t, k])
            assert slots.ends_E[e] - counts_E[e] <= row < slots.ends_E[e]
            assert torch.equal(slots.x[row], x_TD[t])


@pytest.mark.parametrize(
    "experts", [FfnExperts(num_experts=4, d_ff=6), GluExperts(num_experts=4, d_ff=6, bias=True)], ids=str
)
def test_a_roomy_grid_gives_what_dropless_gives(experts) -> None:
    case = Case(Dropless())
    bank, (x_TD, routing) = Parameters(experts, torch.float64), case.args

    def mixture(op) -> torch.Tensor:
        slots = op.forward(case.p, x_TD, routing)
        return op.combine(case.p, experts.forward(bank, slots), slots, routing, x_TD)

    torch.testing.assert_close(mixture(ROOMY), mixture(Dropless()))


@pytest.mark.parametrize(
    ("priority", "kept"),
    [("token", [[True, True], [True, True], [False, False]]), ("choice", [[True, True], [True, False], [True, False]])],
)
def test_who_finds_a_slot(priority, kept) -> None:
    """Two slots each: expert 0 is asked by tokens 0, 1, 2, expert 1 likewise."""
    routing = routing_of([[0, 1], [0, 1], [1, 0]])
    op = Capacity(capacity_factor=0.5, round_to=2, priority=priority)
    slots = op.forward(Case(op).p, torch.randn(3, 4, dtype=torch.float64), routing)
    assert slots.kept_TK.tolist() == kept


@pytest.mark.parametrize(
    ("factor", "round_to", "assignments", "slots"),
    [
        (1.05, 4, 20, 8),
        (4.0, 4, 20, 20),
        (1.0, 1, 20, 5),
        (1.25, 1, 20, 7),
        (0.1, 1, 1, 1),
        (1.1, 1, 10_000_000, 2_750_000),
    ],
)
def test_capacity_is_exact(factor, round_to, assignments, slots) -> None:
    assert Capacity(capacity_factor=factor, round_to=round_to).capacity(assignments, 4, training=True) == slots


def test_evaluation_may_have_more_room() -> None:
    op = Capacity(capacity_factor=1.0, eval_capacity_factor=2.0)
    assert (op.capacity(8, 4, training=True), op.capacity(8, 4, training=False)) == (2, 4)


def test_dropped_tokens_contribute_nothing_or_themselves() -> None:
    routing, x_TD = routing_of([[0], [0], [0], [0]]), torch.randn(4, 3, dtype=torch.float64)
    for policy, expected in (("zero", torch.zeros(2, 3, dtype=torch.float64)), ("passthrough", x_TD[2:])):
        op = Capacity(capacity_factor=1.0, dropped=policy)
        torch.testing.assert_close(round_trip(op, Case(op).p, x_TD, routing)[2:], expected)


def test_padding_reaches_no_result_and_no_gradient() -> None:
    """An expert that answers not-a-number on unused slots harms nobody."""
    op = Capacity(capacity_factor=2.0)
    case = Case(op)
    x_TD, routing = case.args
    x_TD.requires_grad_()
    slots = op.forward(case.p, x_TD, routing)
    used = (
        torch.zeros(slots.x.shape[:2]).flatten().index_fill(0, slots.row_TK[slots.kept_TK], 1.0).view(slots.x.shape[:2])
    )
    y_ECD = torch.where(used[..., None] > 0, slots.x, float("nan"))
    u_TD = op.combine(case.p, y_ECD, slots, routing, x_TD)
    u_TD.sum().backward()
    assert u_TD.isfinite().all()
    assert x_TD.grad.isfinite().all()


def test_later_tokens_displace_earlier_second_choices_only_by_choice_priority() -> None:
    assert Capacity(priority="token").reach() == "prefix"
    assert Capacity(priority="choice").reach() == "batch"
    early, late = routing_of([[0, 1], [0, 1]]), routing_of([[0, 1], [1, 0]])
    x_TD = torch.randn(2, 3, dtype=torch.float64)
    for priority, changes in (("token", False), ("choice", True)):
        op = Capacity(capacity_factor=0.5, priority=priority)
        results = [round_trip(op, Case(op).p, x_TD, routing)[0] for routing in (early, late)]
        assert (not torch.equal(*results)) == changes


class Mixture(torch.nn.Module):
    """Dispatch, experts and combine, as a lowered model holds them."""

    def __init__(self, dispatch) -> None:
        super().__init__()
        self.dispatch, self.experts = dispatch, GluExperts(num_experts=4, d_ff=6, bias=True)
        self.bank = Parameters(self.experts, torch.float32)

    def forward(self, x_TD, experts_TK, weights_TK, logits_TE):
        routing = Routing(experts_TK, weights_TK, logits_TE, logits_TE)
        slots = self.dispatch.forward(self, x_TD, routing)
        return self.dispatch.combine(self, self.experts.forward(self.bank, slots), slots, routing, x_TD)


def mixture_inputs(num_tokens: int) -> tuple[torch.Tensor, ...]:
    logits_TE = torch.randn(num_tokens, 4)
    chosen = logits_TE.topk(2)
    return torch.randn(num_tokens, 8), chosen.indices, chosen.values.softmax(-1), logits_TE


EVERY = pytest.mark.parametrize(
    "op", [Dropless(), Capacity(), Capacity(priority="choice", dropped="passthrough", round_to=4)], ids=str
)


@EVERY
def test_exports_with_any_number_of_tokens(op) -> None:
    model = Mixture(op).eval()
    any_size = torch.export.Dim("tokens", min=2, max=4096)
    shapes = {
        "x_TD": {0: any_size},
        "experts_TK": {0: any_size},
        "weights_TK": {0: any_size},
        "logits_TE": {0: any_size},
    }
    program = torch.export.export(model, mixture_inputs(16), dynamic_shapes=shapes)
    for num_tokens in (16, 5, 33):
        inputs = mixture_inputs(num_tokens)
        torch.testing.assert_close(program.module()(*inputs), model(*inputs))


@EVERY
def test_one_graph_serves_all_sizes(op) -> None:
    torch._dynamo.reset()
    model, counter = Mixture(op), CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(model, backend=counter, fullgraph=True, dynamic=True)
    compiled(*mixture_inputs(16))
    frames = counter.frame_count
    for num_tokens in (16, 5, 33):
        inputs = mixture_inputs(num_tokens)
        found, expected = compiled(*inputs), model(*inputs)
        torch.testing.assert_close(found, expected)
        cotangent = torch.randn_like(expected)
        torch.testing.assert_close(
            torch.autograd.grad(found, model.bank.w_in, cotangent),
            torch.autograd.grad(expected, model.bank.w_in, cotangent),
        )
    assert counter.frame_count == frames


@EVERY
def test_function_transforms_give_the_gradient_of_each_sample(op) -> None:
    model = Mixture(op)
    inputs = [mixture_inputs(6) for _ in range(2)]
    weights = dict(model.named_parameters())

    def loss(weights, *sample):
        return torch.func.functional_call(model, weights, sample).square().sum()

    batched = torch.vmap(torch.func.grad(loss), in_dims=(None, 0, 0, 0, 0))(
        weights, *map(torch.stack, zip(*inputs, strict=True))
    )
    for i, sample in enumerate(inputs):
        model.zero_grad()
        model(*sample).square().sum().backward()
        torch.testing.assert_close(batched["bank.w_in"][i], model.bank.w_in.grad, rtol=1e-4, atol=1e-5)


def test_experts_follow_autocast() -> None:
    model, inputs = Mixture(Dropless()), mixture_inputs(16)
    exact = model(*inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model(*inputs)
    assert 0 < (rough - exact).abs().max() < 0.1 * exact.abs().max()
