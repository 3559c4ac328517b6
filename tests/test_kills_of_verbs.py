"""Verbs that write, killed between two steps of writing: no half file, and no old file lost.

One kill of each by default; `FUSION_EVAL_VERB_KILLS=40 pytest tests/test_kills_of_verbs.py` is
the study. The seed of a kill is its number; it draws the opening, renaming or removing of a file
before which the process is killed. The processes are forked from one that has imported the
package, so that they cost what the verb costs.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sys
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from engine_kit import MINI

import fusion_eval as fe
from fusion_eval import cli

KILLS = int(os.environ.get("FUSION_EVAL_VERB_KILLS", "1"))
FORKING = multiprocessing.get_context("forkserver")
STEPS = {"os.rename", "os.remove", "os.link", "os.symlink", "os.truncate", "shutil.rmtree"}
WRITING = os.O_WRONLY | os.O_RDWR
ENDS = {".html": b"</html>", ".svg": b"</svg>", ".png": b"IEND\xaeB`\x82"}
VERBS = {
    "report": ("report", "{run}"),
    "baseline": ("baseline", "{run}", "--to", "base", "--allow", "filtered"),
    "import": ("import", "s.csv", "-o", "imported"),
    "export": ("export", "{run}", "--to", "csv", "--out", "out-{number}"),
    "label": ("label", "{run}", "--again", "-o", "r"),
    "grade": ("grade", "{run}", "--protocol", "one-shot", "-o", "r"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that can be reported, frozen, graded and labelled, and a table to import."""
    FORKING.set_forkserver_preload([__name__, "fusion_eval.report", "fusion_eval.plots"])
    made = tmp_path_factory.mktemp("verbs")
    options = {"limit": 1, "repeats": 2, "recipes": ["solo-sparrow", "solo-kestrel"]}
    fe.run(MINI, "demo", output_dir=made / "r", **options)
    rows = (f"{r},t{i},0.{i % 10}" for r in ("a", "b") for i in range(20))
    (made / "s.csv").write_text("\n".join(["recipe,task,score", *rows]))
    return made


def _verb(folder: Path, line: list[str], steps: Synchronized[int], last: int) -> None:
    """The verb as a process of its own, killed at the step of writing of this number."""
    os.chdir(folder)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    sys.argv = ["fusion-eval", *line]

    def step(event: str, arguments: tuple[object, ...]) -> None:
        if event in STEPS or (event == "open" and int(arguments[2]) & WRITING):
            if steps.value == last:
                os.kill(os.getpid(), signal.SIGKILL)
            steps.value += 1

    sys.addaudithook(step)
    cli.main()


def _ended(folder: Path, verb: str, run: Path, last: int = -1) -> tuple[int | None, int]:
    """Exit code and steps of writing."""
    steps = FORKING.Value("i", 0)
    line = [part.format(run=run, number=last) for part in VERBS[verb]]
    process = FORKING.Process(target=_verb, args=(folder, line, steps, last))
    process.start()
    process.join()
    return process.exitcode, steps.value


def _whole(path: Path) -> bool:
    content = path.read_bytes()
    if path.suffix == ".json":
        return isinstance(json.loads(content), dict)
    if path.suffix == ".jsonl":
        return all(isinstance(json.loads(line), dict) for line in content.splitlines())
    if path.suffix == ".yaml":
        return isinstance(yaml.safe_load(content), dict)
    if path.suffix == ".parquet":
        return pq.read_table(path) is not None
    return bool(content) and content.rstrip().endswith(ENDS.get(path.suffix, b""))


def _files(folder: Path) -> set[Path]:
    return {p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")}


@pytest.mark.parametrize("verb", list(VERBS))
def test_a_killed_verb_leaves_whole_files_and_all_old_ones(folder: Path, verb: str):
    """Four of ten kills of `report` left figures of no bytes; a cut baseline ends its project."""
    run = min(folder.glob("r/2*"))
    code, steps = _ended(folder, verb, run)
    assert code == 0
    before = _files(folder)
    for seed in range(KILLS):
        last = random.Random(seed).randrange(steps)
        assert _ended(folder, verb, run, last)[0] == -signal.SIGKILL
        now = _files(folder)
        assert before <= now, f"seed {seed}"
        assert [p for p in now if not _whole(p)] == [], f"seed {seed}"
