"""Reading files: from where, how often, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from moedsl.checker import loader as loading
from moedsl.checker.evaluate import Evaluated, evaluate
from moedsl.checker.loader import Loader
from moedsl.diagnostics import Report

MODEL = "model M { d_model = 8 layer a { ffn mlp { d_ff = 8 } } stack s { layers = [a] } }\n"


def load(path: Path) -> tuple[Evaluated | None, Report]:
    report = Report()
    loader = Loader.for_path(path, report)
    file = loader.main()
    return (None if file is None else evaluate(file, loader, report)), report


def codes(path: Path) -> list[str]:
    return [d.code for d in load(path)[1]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "specs").mkdir(parents=True)
    (root / "pyproject.toml").touch()
    return root


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_the_same_project(project):
    write(project / "common.moe", "let width = 8\n")
    main = write(project / "specs" / "main.moe", 'import "../common.moe"\n' + MODEL.replace("= 8", "= common.width", 1))
    evaluated, report = load(main)
    assert not report.diagnostics
    assert evaluated is not None
    assert evaluated.models[0].block.settings["d_model"].value == 8


def test_without_a_marked_root_only_the_own_folder(tmp_path):
    write(tmp_path / "common.moe", "let width = 8\n")
    (tmp_path / "specs").mkdir()
    main = write(tmp_path / "specs" / "main.moe", 'import "../common.moe"\n')
    assert codes(main) == ["E0703"]


@pytest.mark.parametrize(
    "path", ["../outside.moe", "/etc/passwd.moe", "~/x.moe", "specs/../../outside.moe", "a\\u0000.moe", "secret.txt"]
)
def test_what_lies_outside_is_refused(project, path):
    write(project.parent / "outside.moe", "let secret = 1\n")
    write(project / "secret.txt", "secret")
    assert codes(write(project / "main.moe", f'import "{path}" as x\n'))[0] in ("E0703", "E0105", "E0107")


def test_a_link_out_of_the_project_is_refused(project):
    write(project.parent / "outside.moe", "let secret = 1\n")
    os.symlink(project.parent / "outside.moe", project / "inside.moe")
    assert codes(write(project / "main.moe", 'import "inside.moe" as x\n')) == ["E0703"]


def test_a_link_to_itself_is_no_crash(project):
    os.symlink(project / "loop.moe", project / "loop.moe")
    assert codes(write(project / "main.moe", 'import "loop.moe" as x\n')) in (["E0702"], ["E0703"])


def test_a_missing_file_offers_its_neighbour(project):
    write(project / "common.moe", "let width = 8\n")
    _, report = load(write(project / "main.moe", 'import "comon.moe" as x\n'))
    assert [(d.code, d.help) for d in report] == [("E0702", "did you mean `common.moe`?")]


def test_a_folder_or_pipe_is_no_file(project):
    (project / "folder.moe").mkdir()
    os.mkfifo(project / "pipe.moe")
    main = write(project / "main.moe", 'import "folder.moe" as a\nimport "pipe.moe" as b\n')
    assert codes(main) == ["E0702", "E0702"]


def test_a_main_file_that_is_not_there(project):
    evaluated, report = load(project / "nothing.moe")
    assert evaluated is None
    assert [d.code for d in report] == ["E0702"]


def test_each_file_is_read_once(project, monkeypatch):
    write(project / "base.moe", "let width = 8\n")
    for name in ("a", "b"):
        write(project / f"{name}.moe", 'import "base.moe" as base\nlet width = base.width\n')
    lines = 'import "a.moe" as a\nimport "b.moe" as b\nimport "base.moe" as base\n'
    text = lines + MODEL.replace("= 8", "= a.width + b.width + base.width", 1)
    parsed = []
    parse = loading.parse
    monkeypatch.setattr(loading, "parse", lambda source, report: parsed.append(source.path) or parse(source, report))
    evaluated, report = load(write(project / "main.moe", text))
    assert not report.diagnostics
    assert evaluated is not None
    assert evaluated.models[0].block.settings["d_model"].value == 24
    assert sorted(Path(p).name for p in parsed) == ["a.moe", "b.moe", "base.moe", "main.moe"]


def test_a_cycle_is_shown_with_its_files(project):
    write(project / "a.moe", 'import "b.moe" as b\n')
    write(project / "b.moe", 'import "a.moe" as a\n')
    _, report = load(project / "a.moe")
    (cycle,) = (d for d in report if d.code == "E0704")
    assert cycle.message.count("a.moe") == 2
    assert "b.moe" in cycle.message


def test_mistakes_in_an_import_point_into_it(project):
    write(project / "bad.moe", "router fast = topk { top_k = kk * 2 }\n")
    main = write(
        project / "main.moe",
        'import "bad.moe" as bad\nlayer a { moe { router bad.fast  experts ffn { num_experts = 2  d_ff = 4 } } }\n',
    )
    _, report = load(main)
    (found,) = report
    assert (found.code, found.span and found.span.file.path.endswith("bad.moe")) == ("E0201", True)


def test_a_broken_import_does_not_make_its_names_unknown(project):
    write(project / "bad.moe", "let a = = 3\n")
    main = write(
        project / "main.moe",
        'import "bad.moe" as bad\nimport "no.moe" as no\n' + MODEL.replace("= 8", "= bad.b + no.c", 1),
    )
    assert sorted(set(codes(main)) - {"E0702"}) == [c for c in sorted(set(codes(main))) if c.startswith("E01")]


def test_too_many_files(project, monkeypatch):
    monkeypatch.setattr(loading, "MAX_FILES", 5)
    for number in range(10):
        write(project / f"f{number}.moe", "let a = 1\n")
    lines = "".join(f'import "f{number}.moe" as f{number}\n' for number in range(10))
    assert set(codes(write(project / "main.moe", lines))) == {"E0705"}


def test_a_file_that_is_too_large_is_not_read(project, monkeypatch):
    monkeypatch.setattr(loading, "MAX_BYTES", 10)
    write(project / "big.moe", "let abcdefgh = 1\n")
    assert codes(write(project / "main.moe", 'import "big.moe"')) == ["E0103"]


def test_presets_know_each_other_and_no_project(project):
    main = write(project / "main.moe", "use std.mixtral as m\nmodel Tiny extends m.decoder(depth = 1) {}\n")
    evaluated, report = load(main)
    assert not report.diagnostics
    assert evaluated is not None
    assert len(evaluated.models) == 1


def test_a_text_imports_from_the_current_folder(project, monkeypatch):
    monkeypatch.chdir(project)
    write(project / "common.moe", "let width = 8\n")
    report = Report()
    loader = Loader.for_text('import "common.moe"\nimport "../common.moe" as up\n', "<text>", report)
    file = loader.main()
    assert file is not None
    evaluate(file, loader, report)
    assert [d.code for d in report] == ["E0703"]


def test_plugins_can_be_switched_off(project):
    report = Report()
    loader = Loader.for_text("use some_plugin\n", "<text>", report)
    loader.plugins = False
    file = loader.main()
    assert file is not None
    evaluate(file, loader, report)
    assert [d.code for d in report] == ["E0707"]


def test_a_plugin_that_fails_is_named(project, monkeypatch):
    def fail(package: str) -> bool:
        raise ValueError(f"{package} is old")

    monkeypatch.setattr(loading.registry, "use_plugin", fail)
    _, report = load(write(project / "main.moe", "use some_plugin\n"))
    assert [(d.code, d.message) for d in report] == [
        ("E0707", "plugin `some_plugin` cannot be loaded: some_plugin is old")
    ]
