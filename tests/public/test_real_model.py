"""The run of a real model: its page holds to its numbers, and a handful of questions is asked."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import write_real_model as page

import fusion_eval as fe

sys.path.append(str(page.ROOT / "benchmarks"))
import real_model

ASK = [
    sys.executable, "-m", "fusion_eval", "run", "tasks/easy.yaml", "--bench",
    "benchmarks/real-model.yaml", "--limit", "3", "--quiet", "--output-dir",
]  # fmt: skip


def test_every_character_of_the_page_follows_from_the_committed_run():
    """A digit changed by hand would be quoted for years."""
    assert page.PAGE.read_text("utf-8") == page.document(), "run: python tests/write_real_model.py"


def test_the_committed_run_is_of_a_real_model_and_holds_no_texts():
    """What a simulator wrote must not pass as evidence, and answers are not ours to publish."""
    run = json.loads((page.KEPT / "run.json").read_text("utf-8"))
    rows = page.trials()

    assert run["simulated"] is False
    assert run["models"] == ["smollm2-135m-instruct"]
    assert set(rows["latency_source"].dropna()) == {"measured"}
    assert rows["task"].nunique() == 40
    assert rows.map(lambda cell: len(str(cell))).max(axis=None) < 80


def test_plain_pandas_gives_the_numbers_of_the_first_table():
    """Whoever doubts our estimators can check the page without them."""
    rows = page.trials()
    text = page.PAGE.read_text("utf-8")
    cells = {
        row[0].strip("` "): [cell.strip() for cell in row[1:]]
        for row in (line.strip("|").split("|") for line in text.splitlines() if line[:1] == "|")
        if len(row) == 8
    }
    for recipe, part in rows.groupby("recipe"):
        score, _, calls, latency, cost, *_ = cells[str(recipe)]
        assert float(score) == pytest.approx(100 * part["score"].fillna(0).mean(), abs=0.051)
        assert float(calls) == pytest.approx(part["calls"].mean(), abs=0.051)
        assert latency == f"{part['latency_s'].median():.1f} s"
        assert cost == f"${part['cost_usd'].mean():.6f}"


@pytest.mark.real
def test_a_real_model_is_asked_nothing_twice_after_a_kill_and_nothing_when_run_again(tmp_path):
    """A kill must not cost a reply that was received, on a wire that nobody here wrote."""
    if not Path(real_model.SERVER[0]).exists():
        pytest.skip("no real model is installed; `make test-real` installs one")
    with real_model.served():
        process = subprocess.Popen([*ASK, str(tmp_path)], cwd=page.ROOT)
        deadline = time.monotonic() + 120
        while _requests() < 12 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        at_the_kill = _requests()
        ends = [subprocess.run([*ASK, str(tmp_path)], cwd=page.ROOT, check=False).returncode]
        after = _requests()
        ends.append(subprocess.run([*ASK, str(tmp_path)], cwd=page.ROOT, check=False).returncode)

        assert _requests() == after, "run again, no call is made"
    calls = fe.calls(fe.read_run(tmp_path / "latest"))
    report = (tmp_path / "latest" / "report.md").read_text("utf-8")
    assert set(ends) <= {0, 5}
    assert 12 <= at_the_kill < after
    assert after <= len(calls.drop_duplicates(["key", "draw"])) + 4, "4 may be in flight at a kill"
    assert calls["tokens_output"].gt(0).any()
    assert calls["latency_s"].gt(0).all()
    assert "SIMULATED" not in report


def _requests() -> int:
    """How many the server of the model began, by its own log."""
    return len(re.findall("launch_slot_", real_model.LOG.read_text(errors="replace")))
