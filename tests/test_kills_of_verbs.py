"""Verbs that write, killed at random moments: no half file, and no old file lost.

One kill of each by default; `FUSION_EVAL_VERB_KILLS=40 pytest tests/test_kills_of_verbs.py` is the
study. The seed of a kill is its number.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from engine_kit import MINI

import fusion_eval as fe

KILLS = int(os.environ.get("FUSION_EVAL_VERB_KILLS", "1"))
ENDS = {".html": b"</html>", ".svg": b"</svg>", ".png": b"IEND\xaeB`\x82"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that can be reported, frozen, graded and labelled, and a table to import."""
    made = tmp_path_factory.mktemp("verbs")
    options = {"limit": 1, "repeats": 2, "recipes": ["solo-sparrow", "solo-kestrel"]}
    fe.run(MINI, "demo", output_dir=made / "r", **options)
    rows = (f"{r},t{i},0.{i % 10}" for r in ("a", "b") for i in range(20))
    (made / "s.csv").write_text("\n".join(["recipe,task,score", *rows]))
    return made


def _started(folder: Path, *verb: str) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "fusion_eval", *verb]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(line, cwd=folder, stdout=nothing, stderr=nothing)


def _whole(path: Path) -> bool:
    content = path.read_bytes()
    if path.suffix == ".json":
        return isinstance(json.loads(content), dict)
    if path.suffix == ".parquet":
        return pq.read_table(path) is not None
    return bool(content) and content.rstrip().endswith(ENDS.get(path.suffix, b""))


def _files(folder: Path) -> set[Path]:
    return {p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")}


@pytest.mark.parametrize(
    "verb",
    [
        ("report", "r/latest"),
        ("baseline", "r/latest", "--to", "base", "--allow", "filtered"),
        ("import", "s.csv", "-o", "imported"),
        ("grade", "r/latest", "--protocol", "one-shot", "-o", "r"),
        ("label", "r/latest", "--again", "-o", "r"),
    ],
    ids=lambda verb: verb[0],
)
def test_a_killed_verb_leaves_whole_files_and_all_old_ones(folder: Path, verb: tuple[str, ...]):
    """Four of ten kills of `report` left figures of no bytes; a cut baseline ends its project."""
    began = time.monotonic()
    assert _started(folder, *verb).wait() == 0
    took = time.monotonic() - began
    before = _files(folder)
    for seed in range(KILLS):
        process = _started(folder, *verb)
        time.sleep(random.Random(seed).uniform(0.5, 1.0) * took)
        process.kill()
        process.wait()
        now = _files(folder)
        assert before <= now, f"seed {seed}"
        assert [p for p in now if not _whole(p)] == [], f"seed {seed}"
