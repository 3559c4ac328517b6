"""Logs of other harnesses are known by looking, and all that they hold comes along."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import numpy as np
import pytest
from made_logs import (
    eee_row,
    eval_file,
    inspect_log,
    inspect_sample,
    lines,
    lm_eval_row,
    promptfoo_row,
)

import fusion_eval as fe
from fusion_eval import frames
from fusion_eval.errors import TableError
from fusion_eval.importing import import_results, read_trials
from fusion_eval.store import read_lines

SUMS = [inspect_sample(1, "C"), inspect_sample(2, "I"), inspect_sample(3, "P")]


def imported(tmp_path, *paths, **options):
    """A run of these files."""
    return import_results(list(paths), output_dir=tmp_path / "runs", **options)


@pytest.mark.parametrize("kind", ["json", "deflate", "zstd"])
def test_a_log_of_inspect_brings_all_that_it_knows(tmp_path, kind):
    """Newer logs are compressed with zstd, which no Python before 3.14 opens by itself."""
    path = tmp_path / f"log.{'json' if kind == 'json' else 'eval'}"
    if kind == "json":
        path.write_text(json.dumps(inspect_log(SUMS)))
    else:
        eval_file(path, inspect_log(SUMS), zstd=kind == "zstd")
    run = imported(tmp_path, path)
    trials = frames.trials(run).set_index("task")
    assert trials["score"].to_dict() == {"1": 1.0, "2": 0.0, "3": 0.5}
    assert set(trials["recipe"]) == {"m"}
    assert trials.loc["1", ["repeat", "tokens_in", "tokens_out"]].tolist() == [1, 30, 20]
    assert trials.loc["1", ["cost_usd", "latency_s", "finish"]].tolist() == [0.5, 1.5, "length"]
    calls = frames.calls(run)
    assert set(zip(calls["role"], calls["model"], strict=True)) == {
        ("answer", "m"), ("grader", "judge"),
    }  # fmt: skip
    assert set(calls["model_served"].dropna()) == {"m-2026-01-01"}
    assert calls.loc[calls["role"] == "answer", "tokens_reasoning"].tolist() == [5, 5, 5]
    answers = {line["task"]: line["answer"] for line in read_lines(run.path / "answers.jsonl")}
    assert answers["2"] == "It is 2."
    assert any("--columns score=scores.style.value" in note for note in run.manifest["notes"])


def test_another_scorer_of_inspect_can_be_chosen(tmp_path):
    """The first scorer is a guess; the one that is meant must be one option away."""
    path = eval_file(tmp_path / "a.eval", inspect_log(SUMS))
    trials = read_trials(path, columns={"score": "scores.style.value"})
    assert trials["score"].tolist() == [0.25] * 3


def test_errors_and_epochs_of_inspect_stay_what_they_are(tmp_path):
    """An error scored 0 or an epoch that overwrites another are wrong numbers."""
    broken = inspect_sample(2, None, error={"message": "boom"}, scores={})
    samples = [inspect_sample(1, "C", 1), inspect_sample(1, "I", 2), broken]
    trials = read_trials(eval_file(tmp_path / "a.eval", inspect_log(samples)))
    assert trials["failure"].fillna("").tolist() == ["", "", "error"]
    assert trials["repeat"].tolist() == [1, 2, 1]
    assert np.isnan(trials["score"].iloc[2])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"samples": []}, "--log-samples"),
        ({"samples": [inspect_sample(1, "C", scores={})]}, "inspect score"),
    ],
)
def test_logs_without_samples_or_scores_are_refused_with_a_way_out(tmp_path, change, what):
    """An empty table would be reported as if nothing had been answered."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps(inspect_log(SUMS) | change))
    with pytest.raises(TableError, match=what):
        read_trials(path)


def test_archives_that_are_none_or_broken_are_refused(tmp_path):
    """A download that was cut is the commonest log of all."""
    whole = eval_file(tmp_path / "a.eval", inspect_log(SUMS)).read_bytes()
    for name, content in (("cut", whole[: len(whole) // 2]), ("text", b"hello")):
        path = tmp_path / f"{name}.eval"
        path.write_bytes(content)
        with pytest.raises(TableError, match=f"{name}.eval: no whole ZIP file"):
            read_trials(path)
    with zipfile.ZipFile(tmp_path / "other.eval", "w") as archive:
        archive.writestr("a.txt", "b")
    with pytest.raises(TableError, match="neither header nor start"):
        read_trials(tmp_path / "other.eval")


def test_two_logs_are_compared_without_being_imported(tmp_path):
    """The paired comparison of two logs is what users of Inspect ask for, and nobody has."""
    rng = np.random.default_rng(0)
    paths, values = [], {}
    for model in ("a", "b"):
        values[model] = rng.integers(0, 2, 40)
        samples = [inspect_sample(k, "CI"[int(v)]) for k, v in enumerate(values[model])]
        paths.append(eval_file(tmp_path / f"{model}.eval", inspect_log(samples, model)))
    row = fe.compare(*map(str, paths)).iloc[0]
    gap = values["b"] - values["a"].astype(float)  # C is 1, and C is letter 0
    assert (row["a"], row["b"], row["n"]) == ("a", "b", 40)
    assert row["difference"] == pytest.approx(gap.mean())
    assert row["se"] == pytest.approx(gap.std(ddof=1) / np.sqrt(40))


def test_one_model_in_two_logs_is_compared_with_itself(tmp_path):
    """Two prompts for one model are told apart by their logs, not mixed."""
    first = eval_file(tmp_path / "old.eval", inspect_log(SUMS))
    second = eval_file(tmp_path / "new.eval", inspect_log([*SUMS[1:], inspect_sample(1, "I")]))
    row = fe.compare(first, second).iloc[0]
    assert (row["recipe"], row["a"], row["b"]) == ("m", "m @ old.eval", "m @ new.eval")
    assert set(read_trials([first, second])["recipe"]) == {"m (old)", "m (new)"}


def test_samples_with_one_id_and_two_texts_are_two_tasks(tmp_path):
    """Shuffled data sets number their samples anew; pairing by number compares strangers."""
    other = [dict(s, input=f"another {s['id']}") for s in SUMS]
    first = eval_file(tmp_path / "a.eval", inspect_log(SUMS, "a"))
    second = eval_file(tmp_path / "b.eval", inspect_log(other, "b"))
    assert read_trials([first, second])["task_hash"].nunique() == 6
    with pytest.raises(fe.errors.FusionEvalError, match="task"):
        fe.compare(first, second)


def test_samples_of_lm_eval_take_model_and_figure_from_their_folder(tmp_path):
    """The samples themselves do not say which model wrote them."""
    folder = tmp_path / "org__m"
    folder.mkdir()
    rows = [lm_eval_row(k, float(k % 2)) for k in range(4)]
    rows += [lm_eval_row(k, 1.0, "flexible") for k in range(4)]
    lines(folder / "samples_sums_2026-01-02T03-04-05.jsonl", rows)
    results = {
        "results": {"sums": {"exact_match,strict": 0.5}}, "configs": {"sums": {}},
        "model_name": "org/m", "lm_eval_version": "0.4.13",
    }  # fmt: skip
    (folder / "results_2026-01-02T03-04-05.json").write_text(json.dumps(results))
    run = imported(tmp_path, folder)
    trials = frames.trials(run)
    assert trials["recipe"].tolist() == ["org/m"] * 4
    assert trials["score"].tolist() == [0, 1, 0, 1]
    assert run.manifest["origin"]["files"][0]["own_figure"] == 0.5
    assert not run.manifest["audit"]
    notes = " ".join(run.manifest["notes"])
    assert "4 rows left out: filter is not strict" in notes
    assert "there are also flexible: --where filter=flexible" in notes
    others = read_trials(folder, where={"filter": "flexible"})
    assert others["score"].tolist() == [1, 1, 1, 1]
    assert not others.attrs["audit"]  # the file's own figure is of the other filter
    assert "--columns score=f1" in notes


def test_a_figure_of_the_tool_that_is_not_ours_is_named(tmp_path):
    """If the mean of the samples is not what the log says, one of the two is not what it seems."""
    log = inspect_log(SUMS)
    log["results"]["scores"][0]["metrics"] = {"accuracy": {"value": 0.9}}
    (finding,) = read_trials(eval_file(tmp_path / "a.eval", log)).attrs["audit"]
    assert finding["kind"] == "own figure"
    assert "0.9" in finding["text"]


def promptfoo_csv(rows):
    """The same results as promptfoo's table: the columns of each provider beside each other."""
    providers = list(dict.fromkeys(row["provider"]["id"] for row in rows))
    tests = list(dict.fromkeys(row["testIdx"] for row in rows))
    by = {(row["provider"]["id"], row["testIdx"]): row for row in rows}
    out = io.StringIO()
    write = csv.writer(out)
    head = ["Status", "Score", "Named Scores", "Grader Reason", "Comment"]
    write.writerow(["Description", "q", *(x for p in providers for x in (f"[{p}] Q", *head))])
    for test in tests:
        cells = []
        for provider in providers:
            row = by[provider, test]
            status = "ERROR" if row["failureReason"] == 2 else "PASS" if row["success"] else "FAIL"
            cells += [row["response"]["output"], status, f"{row['score']:.2f}", "", "", ""]
        write.writerow([f"test {test}", str(test), *cells])
    return out.getvalue()


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv"])
def test_promptfoo_is_read_in_all_three_of_its_formats(tmp_path, kind):
    """Its CSV has five columns of one name; the second provider was dropped."""
    rows = [promptfoo_row(t, p, s) for t, (a, b) in enumerate([(1, 0), (1, 1), (0.5, 1)])
            for p, s in (("x", a), ("y", b))]  # fmt: skip
    rows.append(promptfoo_row(3, "x", 0, failureReason=2, error="429"))
    rows.append(promptfoo_row(3, "y", 1))
    path = tmp_path / f"out.{kind}"
    if kind == "csv":
        path.write_text(promptfoo_csv(rows))
    elif kind == "json":
        path.write_text(json.dumps({"results": {"version": 3, "results": rows}}))
    else:
        lines(path, rows)
    trials = read_trials(path).set_index(["recipe", "task"])
    assert trials["score"].fillna(-1).to_dict() == {
        ("x", "test 0"): 1, ("y", "test 0"): 0, ("x", "test 1"): 1, ("y", "test 1"): 1,
        ("x", "test 2"): 0.5, ("y", "test 2"): 1, ("x", "test 3"): -1, ("y", "test 3"): 1,
    }  # fmt: skip
    assert trials["failure"].dropna().to_dict() == {("x", "test 3"): "error"}
    if kind != "csv":
        assert trials.loc[("x", "test 0"), ["cost_usd", "latency_s"]].tolist() == [0.002, 0.25]
        assert trials.loc[("x", "test 0"), ["tokens_in", "tokens_out"]].tolist() == [11, 9]


def test_samples_of_every_eval_ever_are_read_and_totals_too(tmp_path):
    """An aggregate has one score per benchmark; taking it for a sample would invent a task."""
    folder = tmp_path / "eee"
    folder.mkdir()
    total = {
        "evaluation_id": "e/m/1", "model_info": {"id": "org/m"},
        "evaluation_results": [
            {"evaluation_name": "bench", "metric_config": {"metric_id": "acc", "min_score": 0,
             "max_score": 100, "lower_is_better": False}, "score_details": {"score": 75.0}},
            {"evaluation_name": "loss", "metric_config": {"lower_is_better": True},
             "score_details": {"score": 3.0}},
        ],
    }  # fmt: skip
    (folder / "agg.json").write_text(json.dumps(total))
    alone = read_trials(folder / "agg.json")
    assert alone[["recipe", "task", "score"]].values.tolist() == [["org/m", "bench/acc", 0.75]]
    rows = [eee_row("s1", 1.0), eee_row("s2", 0.0), eee_row("s3", 0.0, error="timeout")]
    lines(folder / "x_samples.jsonl", rows)
    trials = read_trials(folder).set_index("task")
    assert trials["score"].fillna(-1).to_dict() == {"s1": 1, "s2": 0, "s3": -1}
    assert trials.loc["s1", ["latency_s", "tokens_in", "tokens_out"]].tolist() == [1.5, 12, 5]


def test_a_users_own_importer_stands_behind_an_entry_point(tmp_path, monkeypatch):
    """A house format must not need a change of ours."""
    from types import SimpleNamespace

    from fusion_eval.importing import formats
    from fusion_eval.importing.formats import Found

    def read(file):
        word, score = file.text.split()
        rows = [{"recipe": word, "task": "t", "score": float(score)}]
        return Found(rows=rows, used={name: name for name in rows[0]})

    theirs = SimpleNamespace(fits=lambda file: file.name.endswith(".house"), read=read)
    point = SimpleNamespace(name="house", load=lambda: theirs)
    monkeypatch.setattr(formats, "entry_points", lambda group: [point] * (group == GROUP))
    formats.importers.cache_clear()
    path = tmp_path / "x.house"
    path.write_text("mine 0.5")
    try:
        assert read_trials(path)["score"].tolist() == [0.5]
    finally:
        formats.importers.cache_clear()


GROUP = "fusion_eval.importers"


def test_our_own_tables_come_back_simulated_and_of_their_run(tmp_path):
    """A copy of a simulated table was reported as real."""
    from made_runs import made_run

    run = made_run(tmp_path / "runs" / "r-1", n=6, simulated=True)
    again = imported(tmp_path / "other", run.path / "trials.parquet")
    assert again.simulated
    assert again.id == "r-1"
    frames_equal(frames.trials(run), frames.trials(again))
    same_place = import_results(run.path / "trials.parquet", output_dir=tmp_path / "runs")
    assert same_place.simulated
    assert same_place.id != "r-1"
    assert same_place.manifest["origin"]["run_ids"] == ["r-1"]


def test_our_own_verdicts_bring_their_weights_and_sections(tmp_path):
    """They were refused for want of weights, which stand beside each of them."""
    text = "recipe,task,criterion,weight,section,verdict\na,t,x,3,s1,met\na,t,y,1,s2,unmet\n"
    path = tmp_path / "verdicts.csv"
    path.write_text(text)
    run = imported(tmp_path, path)
    assert frames.trials(run)["score"].tolist() == [0.75]
    verdicts = frames.verdicts(run)
    assert verdicts[["criterion", "weight", "section"]].values.tolist() == [
        ["x", 3.0, "s1"], ["y", 1.0, "s2"],
    ]  # fmt: skip


def frames_equal(one, other):
    """Cell for cell, whatever the types of empty columns."""
    import pandas as pd

    pd.testing.assert_frame_equal(
        one.reset_index(drop=True), other[one.columns].reset_index(drop=True), check_dtype=False
    )
