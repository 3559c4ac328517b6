"""docs/extending.md: what stands there is saved under the names that it gives, and works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fusion_eval as fe
from fusion_eval.errors import TaskFileError
from fusion_eval.loading.formats import formats
from fusion_eval.loading.tasks import load_tasks

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
BLOCK = re.compile(r"```\w+\n# (\S+)\n(.*?)```", re.DOTALL)


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A folder with the files of the page; forgets the package that stands in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in BLOCK.findall(PAGE.read_text("utf-8")):
        (tmp_path / name).write_text(text, "utf-8")
    formats.cache_clear()
    yield tmp_path
    formats.cache_clear()


def _installed(folder: Path, target: str) -> None:
    """A package that is installed in a folder on the path, with an entry point for a format."""
    about = folder / "quiz-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: quiz\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(f"[fusion_eval.formats]\nquiz = {target}\n")


def test_the_check_and_the_protocol_of_the_page_work(page):
    """An example that does not run is worse than none: its reader doubts himself."""
    tasks, bench = fe.validate(page / "tasks.yaml", page / "bench.yaml")
    assert (tasks["problems"], bench["problems"]) == ([], [])
    run = fe.run(page / "tasks.yaml", page / "bench.yaml", output_dir=page / "results")

    (row,) = fe.verdicts(run).to_dict("records")
    assert row["grader"] == "check:my_checks:contains"
    assert row["reason"].startswith("missing: ")
    assert run.manifest["grader"]["protocol"] == "five-shuffled"


def test_the_format_of_the_page_reads_its_rows(page):
    """A format that only its author's copy of this package knows is read by nobody else."""
    _installed(page, "my_format")
    (page / "quiz.jsonl").write_text('{"nr": "1", "frage": "Wo?", "antwort": "hier"}\n')
    (task,) = load_tasks(page / "quiz.jsonl").tasks

    assert (task.id, task.question.prompt, task.target) == ("1", "Wo?", "hier")


@pytest.mark.parametrize("target", ["no_such_module", "my_checks"])
def test_a_format_that_cannot_be_loaded_is_named_with_what_it_needs(page, target):
    """Left out in silence, its rows would be read as questions of a table."""
    _installed(page, target)
    (page / "quiz.jsonl").write_text('{"nr": "1", "frage": "Wo?", "antwort": "hier"}\n')
    with pytest.raises(TaskFileError, match=rf"'quiz' \({target}\) cannot be loaded.*fits\(row\)"):
        load_tasks(page / "quiz.jsonl")
