"""The examples on the pages of E09xx and E10xx: the bad one gives the code, the good one trains."""

from __future__ import annotations

import pytest
import torch

from moedsl.checker.run import check
from moedsl.codes import all_codes, page
from moedsl.lower.model import lower
from moedsl.runtime.failures import RunFailure
from moedsl.runtime.job import Request, find_job
from moedsl.runtime.progress import Silent
from moedsl.runtime.runs import begin
from moedsl.runtime.train import train

OURS = [code for code in all_codes() if code[1:3] in {"09", "10"}]
CHECKED = [code for code in OURS if page(code).bad_example.language == "moe" and page(code).command is None]
TRAINED = [code for code in OURS if page(code).command == "train"]


@pytest.mark.parametrize("code", CHECKED)
def test_checking_shows_the_code(code):
    found = page(code)
    assert [d.code for d in check(found.bad).diagnostics] == [code]
    assert check(found.good).diagnostics == ()


@pytest.mark.parametrize("code", TRAINED)
def test_training_shows_the_code(tmp_path, monkeypatch, code):
    monkeypatch.setattr("moedsl.runtime.plots.draw", lambda folder: ())
    found = page(code)
    with pytest.raises(RunFailure) as failure:
        run(found.bad_example, tmp_path / "bad")
    assert [d.code for d in failure.value.diagnostics] == [code]
    run(found.good_example, tmp_path / "good")


def run(example, folder):
    folder.mkdir()
    for name, text in {**example.files, "main.moe": example.text}.items():
        (folder / name).write_text(text)
    job = find_job(Request(spec=str(folder / "main.moe")))
    train(job, begin(job, folder / "run"), device=torch.device("cpu"), watcher=Silent(), build=lower)


def test_every_code_of_a_run_has_a_page_and_every_page_a_test():
    assert len(TRAINED) >= 7
    assert {"E0901", "E0902", "E0903", "E0904", "E0905", "E0906", "E0907"} <= set(OURS)
