"""Text from trained models."""

from __future__ import annotations

from dataclasses import replace
from math import log

import pytest
import torch

from compiler_tests.runtime.tiny import run_new
from moedsl.lower.model import lower
from moedsl.runtime.failures import RunFailure
from moedsl.runtime.generate import continue_text, draw, generate, printable
from moedsl.runtime.runs import evaluate_run, open_run

CPU = torch.device("cpu")
ATTENTIONS = {
    "rotary": "attention softmax { num_heads = 2  position = rotary }",
    "window": "attention window { num_heads = 2  span = 8 }",
    "sliding": "attention softmax { num_heads = 2  position = rotary  window = 6 }",
}


@pytest.fixture(scope="module", params=list(ATTENTIONS))
def trained(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moedsl.runtime.plots.draw", lambda folder: ())
        path, _ = run_new(tmp_path_factory.mktemp("run"), attention=ATTENTIONS[request.param], steps=40)
    return open_run(path, device=CPU, build=lower)


def test_the_cache_changes_nothing(trained):
    """The logits agree to rounding, and so the same tokens are drawn."""
    options = {"max_tokens": 40, "vocab_size": 256, "temperature": 1.0, "seed": 3}
    prompt = list(b"7 bottles of")
    assert [*generate(trained.model, prompt, **options)] == [
        *generate(trained.model, prompt, use_cache=False, **options)
    ]
    text = torch.tensor([prompt * 3])
    caches, parts = trained.model.empty_cache(1), []
    with torch.no_grad():
        whole = trained.model(text).logits
        for piece in text.split([5, 1, 1, 20, 9], dim=1):
            out = trained.model(piece, caches=caches)
            caches = out.caches
            parts.append(out.logits)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-4, atol=1e-5)


def test_the_seed_decides(trained):
    texts = [continue_text(trained, "7 bottles", max_tokens=20, seed=seed) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_a_model_that_sees_the_whole_call_is_not_fed_piece_by_piece(trained):
    job = replace(trained.job, graph=replace(trained.job.graph, leaks=("decoder.layers.0.attention",)))
    with pytest.raises(RunFailure, match="takes statistics over all tokens of a call"):
        continue_text(replace(trained, job=job), "7 bottles", max_tokens=3)
    assert continue_text(replace(trained, job=job), "7 bottles", max_tokens=3, use_cache=False)


def test_evaluating_a_run_reads_all_of_its_held_out_text(trained):
    result, losses = evaluate_run(trained, data=None, limit=None, device=CPU)
    assert result.tokens % 16 == 0
    assert result.tokens > 500
    assert losses["bits_per_byte"] == pytest.approx(result.loss / log(2))
    assert sum(result.loads["decoder.layers.0.moe"]) == 2 * result.tokens


def test_evaluating_on_another_text(trained, tmp_path):
    (tmp_path / "familiar.txt").write_text("9 bottles of beer on the wall, 81 of them empty\n" * 5)
    (tmp_path / "strange.txt").write_text("ÄÖÜ" * 50)
    losses = [
        evaluate_run(trained, data=str(tmp_path / name), limit=None, device=CPU)[0].loss
        for name in ("familiar.txt", "strange.txt")
    ]
    assert losses[0] < losses[1]


@pytest.mark.parametrize(("text", "code"), [(b"", "E1005"), (b"short", "E1005"), (b"\xff" * 50, "E1003")])
def test_texts_that_cannot_be_evaluated(trained, tmp_path, text, code):
    (tmp_path / "a.txt").write_bytes(text)
    with pytest.raises(RunFailure) as failure:
        evaluate_run(trained, data=str(tmp_path / "a.txt"), limit=None, device=CPU)
    assert failure.value.diagnostics[0].code == code


def test_a_prompt_longer_than_the_positions(tmp_path):
    path, _ = run_new(tmp_path, attention=ATTENTIONS["rotary"], steps=1)
    trained = open_run(path, device=CPU, build=lower)
    graph = replace(trained.job.graph, sizes={**trained.job.graph.sizes, "max_positions": 20})
    trained = replace(trained, job=replace(trained.job, graph=graph))
    with pytest.raises(RunFailure) as failure:
        continue_text(trained, "a prompt of some length", max_tokens=1)
    assert failure.value.diagnostics[0].code == "E1017"


# ---- drawing


def draws(logits, n=2000, **options):
    random = torch.Generator().manual_seed(0)
    options = {"temperature": 1.0, "top_p": 1.0, **options}
    found = [draw(torch.tensor(logits, dtype=torch.float64), random=random, **options) for _ in range(n)]
    return [found.count(i) / n for i in range(len(logits))]


def test_drawing_follows_the_probabilities():
    expected = torch.tensor([0.0, 1.0, 2.0, -1.0]).softmax(-1).tolist()
    assert draws([0.0, 1.0, 2.0, -1.0]) == pytest.approx(expected, abs=0.03)


def test_temperature_sharpens_and_zero_takes_the_likeliest():
    assert draws([0.0, 1.0], temperature=0.5)[1] == pytest.approx(1 / (1 + 2.718281828**-2), abs=0.03)
    assert draws([0.0, 1.0, 0.5], temperature=0, n=5) == [0, 1, 0]


def test_top_p_leaves_out_the_tail_and_never_everything():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().tolist()
    assert draws(logits, top_p=0.7)[2:] == [0, 0]
    assert draws(logits, top_p=1e-9, n=20) == [1, 0, 0, 0]


def test_ids_that_the_tokenizer_does_not_have_are_never_drawn():
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.p = torch.nn.Parameter(torch.zeros(1))

        def forward(self, tokens, caches=None):
            logits = torch.zeros(1, tokens.shape[1], 300)
            logits[..., 256:] = 50
            return type("Output", (), {"logits": logits, "caches": None})

    new = list(generate(Model(), [1], max_tokens=50, vocab_size=256, use_cache=False))
    assert max(new) < 256


def test_what_a_terminal_would_obey_is_made_visible():
    assert printable("a\x1b[31mb\x07\tc\nd\u009b\u202eé🐢") == "a�[31mb�\tc\nd��é🐢"
