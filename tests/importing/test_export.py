"""A run leaves in four formats, marked in every table, and comes back without loss."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pytest
from typer.testing import CliRunner

import fusion_eval as fe
from fusion_eval import frames
from fusion_eval.cli import app
from fusion_eval.errors import InputError
from fusion_eval.exporting import FORMATS, export
from fusion_eval.importing import import_results
from fusion_eval.store import read_lines, read_run, write_frame, write_lines

BENCH = """
endpoints: {sim: {simulator: default}}
models:
  a: {endpoint: sim, id: wader/heron}
  b: {endpoint: sim, id: aviary/sparrow}
  g: {endpoint: sim, id: raptor/condor}
recipes:
  solo/a: {strategy: solo, member: a}
  "pair: a, b": {strategy: panel, members: [a, b], synthesizer: a}
grader: {model: g, protocol: draco}
repeats: 2
"""
TASKS = """
tasks:
  - {id: sum, domain: Sums, prompt: What is 3 + 4?, target: "7", check: numeric}
  - id: tides
    prompt: Why are there tides?
    criteria: [{id: moon, section: facts, weight: 3, requirement: Names the Moon},
               {id: myth, section: "", weight: -2, requirement: Blames the wind}]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A simulated run with a rubric and a target; some cells are as nasty as cells get."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "bench.yaml").write_text(BENCH)
    (folder / "tasks.yaml").write_text(TASKS)
    done = fe.run(folder / "tasks.yaml", bench=folder / "bench.yaml", output_dir=folder / "runs")
    trials = frames.trials(done)
    trials.loc[0, "failure"], trials.loc[0, "score"] = "timeout", None
    trials.loc[1, "degraded"], trials.loc[2, "degraded"] = "=cmd|' /C calc'!A0", "'-1"
    trials.loc[3, "degraded"], trials.loc[4, "degraded"] = 'a,\n"b"\r\n\'', ""
    trials.loc[5, ["score", "score_min", "coverage"]] = [None, 0.1 + 0.2, None]
    write_frame(done.path, "trials", trials, {"run_id": done.id, "simulated": True})
    lines = list(read_lines(done.path / "answers.jsonl"))
    lines[1]["answer"] = "\n =1+1\u2028\u0085 \x1b[31m 🙂\r\n"
    write_lines(done.path / "answers.jsonl", lines)
    return read_run(done.path)


def same(one, other):
    """Cell for cell, empty texts told from nothing."""
    assert list(one.columns) == list(other.columns)
    for name in one:
        a, b = ([None if pd.isna(v) else v for v in f[name]] for f in (one, other))
        assert a == b, name


@pytest.mark.parametrize("to", FORMATS)
def test_what_is_exported_and_imported_again_is_the_same_run(run, to, tmp_path):
    """A column that is lost on the way is noticed when the original is gone."""
    export(run, to, tmp_path / "out")
    again = import_results(tmp_path / "out", output_dir=tmp_path / "runs")
    assert again.id == run.id
    assert again.simulated
    for table in ("trials", "verdicts", "calls"):
        same(getattr(frames, table)(run), getattr(frames, table)(again))
    for name in ("answers", "tasks", "replies"):
        lines = [list(read_lines(one.path / f"{name}.jsonl")) for one in (run, again)]
        by = [sorted(json.dumps(line, sort_keys=True) for line in some) for some in lines]
        assert by[0] == by[1], name
    kept = {"seed", "grader", "prompts", "bench", "repeats"} & run.manifest.keys()
    assert {k: again.manifest[k] for k in kept} == {k: run.manifest[k] for k in kept}
    assert again.manifest["tasks"] == {**run.manifest["tasks"], "sources": ["tasks.yaml"]}


@pytest.mark.parametrize("to", FORMATS)
def test_an_export_names_files_without_the_folders_of_this_machine(run, to, tmp_path):
    """A published table told the names of a user and of a customer's project."""
    table = tmp_path / "client X" / "t.csv"
    table.parent.mkdir()
    (table.parent / "broken.csv").write_text("recipe,task\n")
    table.write_text("recipe,task,score,cost_usd\n" + "a,q1,1,0.5\nb,q1,0,0.5\n")
    again = import_results(table.parent, output_dir=tmp_path / "runs")
    for one in (run, again):
        for path in export(one, to, tmp_path / one.id):
            assert str(tmp_path).encode() not in path.read_bytes()
            assert str(run.path.parent).encode() not in path.read_bytes()


def test_every_table_of_csv_says_run_version_and_simulated_on_every_row(run, tmp_path):
    """A sheet that is copied alone was taken for real results."""
    for path in export(run, "csv", tmp_path / "out"):
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            marks = {(r["run_id"], r["version"], r["simulated"]) for r in rows}
            assert marks == {(run.id, fe.__version__, "True")}, path


def test_no_cell_of_csv_is_run_by_a_spreadsheet(run, tmp_path):
    """A model that answers `=HYPERLINK(…)` would otherwise run in whoever opens the table."""
    (path,) = (p for p in export(run, "csv", tmp_path / "out") if p.name == "trials.csv")
    cells = [c for row in csv.reader(path.open(newline="", encoding="utf-8")) for c in row]
    assert not [c for c in cells if c[:1] in "=+@" and c]
    assert "'=cmd|' /C calc'!A0" in cells


def test_one_table_of_an_export_comes_back_alone(run, tmp_path):
    """People send the one file that matters."""
    export(run, "csv", tmp_path / "out")
    (tmp_path / "alone").mkdir()
    alone = (tmp_path / "out" / "trials.csv").rename(tmp_path / "alone" / "mine.csv")
    again = import_results(alone, output_dir=tmp_path / "runs")
    assert (again.id, again.simulated) == (run.id, True)
    assert len(frames.trials(again)) == len(frames.trials(run))


def test_the_data_set_opens_with_datasets_and_pandas(run, tmp_path):
    """The hub reads the card; a card that names no file shows nothing."""
    import datasets

    export(run, "hf", tmp_path / "out")
    table = datasets.load_dataset(str(tmp_path / "out"), "trials", split="train",
                                  cache_dir=str(tmp_path / "cache"))  # fmt: skip
    assert table["recipe"][:] == frames.trials(run)["recipe"].tolist()
    assert set(table["simulated"][:]) == {True}
    assert pd.read_parquet(tmp_path / "out" / "trials.parquet").attrs["simulated"] is True
    assert "SIMULATED" in (tmp_path / "out" / "README.md").read_text()


def test_logs_of_inspect_say_scores_errors_and_usage_as_inspect_does(run, tmp_path):
    """What only our own reader finds is no export."""
    logs = [json.loads(p.read_text()) for p in export(run, "inspect", tmp_path / "out")]
    assert {log["eval"]["model"] for log in logs} == {"solo/a", "pair: a, b"}
    samples = {(s["id"], s["epoch"]): s for s in logs[0]["samples"]}
    trials = frames.trials(run)
    for row in trials[trials["recipe"] == logs[0]["eval"]["model"]].itertuples():
        sample = samples[row.task, row.repeat + 1]
        if isinstance(row.failure, str):
            assert sample["error"]["message"]
            assert "scores" not in sample
        elif pd.notna(row.score):
            assert sample["scores"]["fusion_eval"]["value"] == row.score
        assert sample["metadata"]["simulated"] is True
        assert sample["output"]["usage"]["output_tokens"] == row.tokens_out


def test_records_of_every_eval_ever_never_call_a_failure_an_answer(run, tmp_path):
    """Its schema wants a number for every sample; the error must stand beside it."""
    paths = [p for p in export(run, "eee", tmp_path / "out") if p.suffix == ".jsonl"]
    trials = frames.trials(run)
    rows = [line for path in paths for line in read_lines(path)]
    assert len(rows) == len(trials)
    without = trials["failure"].notna() | trials["score"].isna()
    assert sum(row["error"] is not None for row in rows) == int(without.sum())
    assert all(row["metadata"]["simulated"] == "SIMULATED" for row in rows)


def test_the_verb_names_its_files_and_refuses_to_mix_two_exports(run, tmp_path):
    """Two runs in one folder would be imported as one."""
    out = tmp_path / "out"
    command = ["export", str(run.path), "--to", "csv", "--out", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    assert "SIMULATED run" in done.output
    for bad, what in ((export, "something already"), (lambda *_: export(run, "xml"), "choose csv")):
        with pytest.raises(InputError, match=what):
            bad(run, "csv", out)
