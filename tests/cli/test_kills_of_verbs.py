"""Verbs that write, killed between two steps of writing: no half file, and no old file lost.

One kill of each by default; `FUSION_EVAL_VERB_KILLS=40 pytest tests/cli/test_kills_of_verbs.py` is
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
import sqlite3
import sys
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from engine_kit import MINI, REASONING

import fusion_eval as fe
from fusion_eval import cli
from fusion_eval.api import settled
from fusion_eval.bench.refuse import models_used
from fusion_eval.core import Model
from fusion_eval.engine.ledger import Ledger
from fusion_eval.gate import freeze

KILLS = int(os.environ.get("FUSION_EVAL_VERB_KILLS", "1"))
FORKING = multiprocessing.get_context("forkserver")
STEPS = {"os.rename", "os.remove", "os.link", "os.symlink", "os.truncate", "shutil.rmtree"}
WRITING = os.O_WRONLY | os.O_RDWR
BUDGET = 0.02
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


def _ended(
    folder: Path, verb: str, run: Path, last: int = -1, number: int = -1
) -> tuple[int | None, int]:
    """Exit code and steps of writing."""
    steps = FORKING.Value("i", 0)
    line = [part.format(run=run, number=number) for part in VERBS[verb]]
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
        assert _ended(folder, verb, run, last, seed)[0] == -signal.SIGKILL
        now = _files(folder)
        assert before <= now, f"seed {seed}"
        assert [p for p in now if not _whole(p)] == [], f"seed {seed}"


def test_looks_under_one_budget_never_pay_more_however_often_they_are_killed(folder: Path):
    """Started again as it advises, `--until-decided` once paid 136 % of its budget."""
    options: dict[str, Any] = {"recipes": ["solo-heron"], "repeats": 1}
    done = fe.run(REASONING, "demo", output_dir=folder / "first", **options)
    freeze(done, folder / "looked")
    (folder / "policy.yaml").write_text("margin: 1\n")
    models = models_used(settled(REASONING, "demo", recipes=["solo-heron"])[1])
    killed = 0
    for seed in range(KILLS):
        out = folder / f"looks-{seed // 4}"  # four kills, then to the end of the budget
        last = random.Random(seed).randrange(4, 40)
        killed += _looks(folder, out, last) == -signal.SIGKILL
        assert _paid(out / "ledger.sqlite", models) <= BUDGET * (1 + 1e-9), f"seed {seed}"
        if seed % 4 == 3 or seed == KILLS - 1:
            assert _looks(folder, out, -1) == 4
            assert 0 < _paid(out / "ledger.sqlite", models) <= BUDGET * (1 + 1e-9), f"seed {seed}"
    assert killed >= KILLS / 2


def _looks(folder: Path, out: Path, last: int) -> int | None:
    line = ["run", str(REASONING), "--recipes", "solo-heron", "--repeats", "1", "--seed", "8",
            "--until-decided", "policy.yaml", "--baseline", "looked", "-o", str(out),
            "--budget", str(BUDGET), "--json", "--quiet"]  # fmt: skip
    steps = FORKING.Value("i", 0)
    process = FORKING.Process(target=_verb, args=(folder, line, steps, last))
    process.start()
    process.join()
    return process.exitcode


def _paid(ledger: Path, models: list[Model]) -> float:
    """What all runs of a ledger have paid, or may have."""
    if not ledger.exists():
        return 0.0
    with Ledger(ledger) as opened, sqlite3.connect(ledger) as rows:
        tables = ("replies", "intents")
        runs = {run for table in tables for (run,) in rows.execute(f"SELECT run FROM {table}")}
        return sum(opened.spent(run, models) for run in runs)
