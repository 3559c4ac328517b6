"""Files of every kind that is read, mutated: read, or refused with a message; never a traceback.

A few mutations of each by default; the study is
`FUSION_EVAL_MUTATIONS=5000 pytest tests/loading/test_mutated_files.py`.
The seed of a mutation is its number.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from engine_kit import MINI

import fusion_eval as fe
from fusion_eval import labelling, report
from fusion_eval.bench.regrade import settled
from fusion_eval.checking import validate
from fusion_eval.errors import FusionEvalError
from fusion_eval.explaining import explain
from fusion_eval.gate import freeze, gate, words
from fusion_eval.gate.baseline import read_baseline
from fusion_eval.gate.policy import read_policy
from fusion_eval.importing import read_trials
from fusion_eval.labelling.taking import take
from fusion_eval.showing import show
from fusion_eval.simulator import load_world
from fusion_eval.store import read_json, read_run, write_json

MUTATIONS = int(os.environ.get("FUSION_EVAL_MUTATIONS", "10"))
SELDOM = 20 if MUTATIONS < 1000 else 500
TOKEN = re.compile(rb'"[^"\n]*"|[\w.+-]+')
ODD = (
    b"null", b"[]", b"{}", b"-1", b"1e999", b"NaN", b"true", b'""', b"9" * 40, b'"\\ud800"', b"[1]",
    b'{"a": {}}', b"0", b"-", b"\xff", b"\x00", b"2026-01-01", b"&a", b"*a", b'"' + b"x" * 5000,
    b"[" * 2000, b"!!python/object:os.system",
)  # fmt: skip


def mutated(whole: bytes, seed: int) -> bytes:
    """One to three changes: a token for an odd one, a bit, a piece cut out or doubled, an end."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 3)):
        way, at = chance.randrange(8), chance.randrange(len(whole) or 1)
        size = chance.randint(1, 40)
        tokens = list(TOKEN.finditer(whole)) if way < 4 else []
        if tokens:
            token = chance.choice(tokens)
            whole = whole[: token.start()] + chance.choice(ODD) + whole[token.end() :]
        elif way == 4:
            whole = whole[:at]
        elif way == 5:
            whole = whole[:at] + whole[at + size :]
        elif way == 6:
            whole = whole[:at] + whole[at : at + size] * 2 + whole[at + size :]
        elif whole:
            whole = whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
    return whole


TASKS = b"""\
name: t
defaults: {grade: [correct]}
tasks:
  - {id: a, prompt: "What?", check: numeric, target: "42", tags: [x]}
  - id: b
    prompt: |
      Where?
    criteria: [{id: c, weight: 2, text: It says where.}, {id: d, weight: -1, text: It lies.}]
"""
BENCH = b"""\
endpoints: {sim: {simulator: default}}
models:
  heron: {endpoint: sim, id: wader/heron, price: {input: 1.0, output: 2}, max_tokens: 500}
recipes:
  solo: {strategy: solo, member: heron}
  panel: {strategy: panel, members: [heron, heron], synthesizer: heron}
grader: {model: heron, protocol: one-shot}
limits: {budget_usd: 1, max_in_flight: 4}
repeats: 2
"""
POLICY = b"""\
margin: 2
recipes: [solo]
rules: [quality: {margin: 3}, cost: {factor: 1.2}, failures: {at_most: 0.1}, coverage]
inconclusive: fail
"""
WORLD = b"""\
extends: default
seed: 5
models: {wader/heron: {ability: 0.2}}
"""
QUESTIONS = b"""\
{"id": "a", "prompt": "What?", "target": "42"}
{"id": "b", "prompt": "Who?", "target": "me", "check": "exact"}
"""
CSV = b"recipe,task,score,cost_usd\n" + b"".join(b"a,t%d,0.%d,0.01\n" % (i, i) for i in range(9))
LINES = b"".join(b'{"recipe": "a", "task": "t%d", "score": 0.%d}\n' % (i, i) for i in range(9))
ALONE: dict[str, tuple[bytes, Callable[[Path], object]]] = {
    "tasks.yaml": (TASKS, validate),
    "tasks.jsonl": (QUESTIONS, validate),
    "tasks.csv": (b"id,prompt,target\na,What?,42\nb,Who?,me\n", validate),
    "bench.yaml": (BENCH, validate),
    "policy.yaml": (POLICY, read_policy),
    "world.yaml": (WORLD, lambda path: load_world(str(path))),
    "scores.csv": (CSV, read_trials),
    "scores.jsonl": (LINES, read_trials),
}  # fmt: skip


def _used(seed: int, content: bytes, *ways: Callable[[], object]) -> None:
    for way in ways:
        try:
            way()
        except (FusionEvalError, OSError):
            continue
        except Exception as problem:
            raise AssertionError(f"seed {seed}: {content[:3000]!r}") from problem


@pytest.mark.parametrize("name", list(ALONE))
def test_a_mutated_file_is_read_or_refused_with_a_message(tmp_path: Path, name: str):
    """A file cut by a copy that broke, or edited by hand, is the most ordinary of mistakes."""
    whole, read = ALONE[name]
    path = tmp_path / name
    for seed in range(MUTATIONS):
        content = mutated(whole, seed)
        path.write_bytes(content)
        _used(seed, content, lambda: read(path))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a draw of labels, and its baseline."""
    folder = tmp_path_factory.mktemp("made")
    options = {"limit": 1, "repeats": 2, "recipes": ["solo-sparrow", "solo-kestrel"]}
    done = fe.run(MINI, "demo", output_dir=folder, **options)
    run = read_run(done.path)
    labelling.draw(run, options["recipes"], labelling.texts(run, ()), per_task=2)
    freeze(run, folder / "base", allow=["filtered"])
    write_json(run.path / "gate.json", words.kept(gate(run, folder / "base")))
    report.write(run)
    shutil.copytree(run.path, folder / "copy")
    return folder / "copy"


def _ways(run: Path, name: str, trial: str, out: Path) -> list[Callable[[], object]]:
    """What reads this file of a run, and takes milliseconds."""

    def export() -> None:
        shutil.rmtree(out, ignore_errors=True)
        fe.export(read_run(run), "inspect", out)

    ways: dict[str, Callable[[], object]] = {
        "regrade": lambda: settled(run, changes={}),
        "explain": lambda: explain(read_run(run), trial, lambda _: None),
        "export": export,
        "compare": lambda: fe.compare(fe.trials(read_run(run))),
        "texts": lambda: labelling.texts(read_run(run), ()),
        "kept": lambda: read_json(read_run(run), name),
    }
    return [ways[one] for one in READ_OF_A_RUN[name].split()]


def _slow_ways(run: Path) -> list[Callable[[], object]]:
    """The gate and the pages take seconds: they see few mutations."""
    return [lambda: gate(run, run.parent / "base"), lambda: show(read_run(run)),
            lambda: report.write(run)]  # fmt: skip


READ_OF_A_RUN = {
    "manifest.json": "regrade explain export compare texts",
    "answers.jsonl": "regrade explain export texts",
    "replies.jsonl": "explain export",
    "tasks.jsonl": "explain export texts",
    "bench.yaml": "regrade explain",
    "trials.parquet": "explain export compare",
    "verdicts.parquet": "explain export",
    "calls.parquet": "explain export",
    "gate.json": "kept",
    "summary.json": "kept",
}  # fmt: skip


@pytest.mark.parametrize("name", READ_OF_A_RUN)
def test_a_run_with_a_mutated_file_is_read_or_refused_with_a_message(
    made: Path, tmp_path: Path, name: str
):
    """Run directories are copied, synced and edited; what reads them must say what is damaged."""
    path = made / name
    whole = path.read_bytes()
    row = fe.trials(read_run(made)).iloc[0]
    ways = _ways(made, name, f"{row['task']}/{row['recipe']}", tmp_path / "out")
    slow = _slow_ways(made) if ways[1:] else []  # what only `kept` reads is read by none of them
    try:
        for seed in range(MUTATIONS):
            content = mutated(whole, seed)
            path.write_bytes(content)
            _used(seed, content, *ways, *(slow if seed % SELDOM == 3 else ()))
    finally:
        path.write_bytes(whole)


def test_a_mutated_baseline_or_label_sheet_is_read_or_refused_with_a_message(
    made: Path, tmp_path: Path
):
    """Both are kept for months, and edited by people."""
    (sheet,) = made.glob("labels/*.csv")
    kinds = {
        made.parent / "base" / "baseline.json": read_baseline,
        sheet: lambda path: take(read_run(made), path),
    }
    for file, read in kinds.items():
        whole, path = file.read_bytes(), tmp_path / file.name
        for seed in range(MUTATIONS):
            content = mutated(whole, seed)
            path.write_bytes(content)
            _used(seed, content, lambda read=read, path=path: read(path))
