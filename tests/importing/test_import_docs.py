"""`docs/import.md`: its lines run, and its table of real files is what import makes of them."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusion_eval.cli import app
from fusion_eval.errors import TableError
from fusion_eval.importing import import_results, read_trials
from fusion_eval.store import read_run

PAGE = Path(__file__).parents[2] / "docs" / "import.md"
FOREIGN = Path(__file__).parents[3] / "shared" / "data" / "foreign"


def between(text, start, end="<!-- end"):
    """The part of the page between two marks."""
    return text.split(start, 1)[1].split("-->", 1)[1].split(end, 1)[0]


LINES = [
    shlex.split(line)
    for line in between(PAGE.read_text("utf-8"), "<!-- lines").splitlines()
    if line.startswith("fusion-eval")
]
STATS = [{"name": {"name": "exact_match", "split": "test"}, "mean": 1.0},
         {"name": {"name": "other", "split": "test"}, "mean": 9.0}]  # fmt: skip
FILES = {
    "openfusion.json": {"results": [
        {"task_id": "a", "mode": m, "correct": m == "fusion", "latency_seconds": 1, "cost_usd": 1}
        for m in ("solo", "fusion")]},
    "per_instance_stats.json": [{"instance_id": "id1", "stats": STATS}, {"instance_id": "id2",
        "stats": [{"name": {"name": "exact_match", "split": "valid"}, "mean": 0.0}]}],
    "mt_bench.jsonl": [{"question_id": q, "model": "m", "turn": t, "score": s}
                       for q, t, s in ((81, 1, 10), (81, 2, 1), (82, 1, -1))],
    "alpaca_eval.json": [{"instruction": i, "generator_1": "ref", "generator_2": "m",
                          "preference": p} for i, p in (("x", 1.5), ("y", 2.0))],
    "arena.jsonl": [{"question_id": q, "model_a": a, "model_b": b, "winner": w} for q, a, b, w in
                    ((1, "m", "ref", "model_a"), (1, "ref", "m", "model_a"), (2, "m", "ref", "tie"),
                     (3, "n", "ref", "tie (bothbad)"))],
    "mt_bench_pair.jsonl": [
        {"question_id": 81, "model_1": "m", "model_2": "ref", "turn": t, "g1_winner": g,
         "g2_winner": "tie"} for t, g in ((1, "model_1"), (2, "model_2"))],
    "arena_hard.jsonl": [
        {"question_id": q, "model": "m", "games": [{"score": "B>>A"}, {"score": s}]}
        for q, s in (("a", "A>B"), ("b", "A=B"))],
    "wide.csv": "task,gpt-4,claude\nq1,1,0\nq2,1,1\n",
    "samples_gsm8k.jsonl": [
        {"doc_id": k, "resps": [["x"]], "filtered_resps": ["x"], "filter": f, "exact_match": s}
        for f, s in (("strict-match", 0.0), ("flexible-extract", 1.0)) for k in range(2)],
    "grid.json": {"t1": {"m": [50, "g"], "n": [20, "g"]}, "t2": {"m": [70, "g"], "n": [40, "g"]}},
    "solutions.jsonl": [{"question": "q", "m": {"is_correct": True}, "n": {"is_correct": False}}],
}  # fmt: skip
MEANS = {
    "openfusion.json": {"solo": 0, "fusion": 1},
    "per_instance_stats.json": {"gpt2": 1},
    "mt_bench.jsonl": {"m": 0.5},
    "alpaca_eval.json": {"m": 0.75, "ref": 0.5},
    "arena.jsonl": {"m": 0.5, "n": 0.5, "ref": 0.5},
    "mt_bench_pair.jsonl": {"m": 0.5, "ref": 0.5},
    "arena_hard.jsonl": {"m": 0.875, "gpt-4-0314": 0.5},
    "wide.csv": {"gpt-4": 1, "claude": 0.5},
    "samples_gsm8k.jsonl": {"gsm8k": 1},
    "grid.json": {"m": 0.6, "n": 0.3},
    "solutions.jsonl": {"m": 1, "n": 0},
}


@pytest.mark.parametrize("line", LINES, ids=[line[2] for line in LINES])
def test_every_line_of_the_page_runs(line, tmp_path, monkeypatch):
    """A line in the documentation that fails is the first thing that a user tries."""
    from fusion_eval import frames

    content = FILES[line[2]]
    if line[2].endswith("l"):
        content = "".join(json.dumps(row) + "\n" for row in content)
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / line[2]).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fusion_eval.cli.reading.reported", lambda *_, **__: None)
    done = CliRunner().invoke(app, line[1:])
    assert done.exit_code == 0, done.output
    means = frames.trials(read_run("results/latest")).groupby("recipe")["score"].mean()
    assert means.to_dict() == pytest.approx(MEANS[line[2]])


REAL = [
    ("inspect/data_arc_qwen.json", {}, "accuracy .333"),
    ("inspect/data_with_llm_scoring.json", {}, "accuracy in its totals"),
    ("inspect/mmlu-summary-choices.eval", {}, ""),
    ("inspect/popularity1.eval", {}, "no score"),
    ("lm-eval/samples-heron.jsonl", {}, ".7344"),
    ("lm-eval/samples-condor.jsonl", {}, ".9531"),
    ("lm-eval/results-real.json", {}, "totals"),
    ("promptfoo/out.json", {}, "20 of 20"),
    ("promptfoo/out.jsonl", {}, "20 of 20"),
    ("promptfoo/out.csv", {}, "20 of 20"),
    ("promptfoo/cfg.json", {}, "a config"),
    ("eee/agg.json", {}, ".75"),
    ("eee/samples.jsonl", {}, "1"),
    ("openfusion/of-own.json", {"at": "results", "columns": {"recipe": "mode"}}, "28, 33 of 39"),
    ("helm/per_instance_stats.json",
     {"constants": {"recipe": "gpt2"}, "columns": {"score": "stats[name.name=exact_match].mean"},
      "where": {"stats[name.name=exact_match].name.split": "test"}}, "exact_match .1111 (test)"),
    ("helm/stats.json", {}, "totals"),
    ("helm/scenario_state.json", {"at": "request_states"}, "requests"),
    ("questions/mtbench-judgments-5.jsonl",
     {"columns": {"task": "question_id+turn", "cluster": "question_id"}, "scale": "1..10",
      "missing": ["-1"]}, "one 10, four -1"),
    ("questions/alpacaeval-annotations-60.json",
     {"columns": {"recipe": "generator_2", "against": "generator_1", "task": "instruction"},
      "scale": "1..2"}, "mean(preference) - 1"),
    ("questions/gsm8k-model-solutions-40.jsonl",
     {"at": "*.*", "columns": {"task": "key1", "recipe": "key2", "score": "is_correct"}},
     "is_correct"),
    ("questions/gsm8k-50.jsonl", {}, "questions"),
    ("questions/mt_bench_question.jsonl", {}, "questions"),
    ("questions/questions.json", {}, "questions"),
    ("questions/prompts.json", {}, "questions"),
    ("openfusion/sample.jsonl", {}, "questions"),
    ("openfusion/smoke.jsonl", {}, "questions"),
    ("openfusion/web.jsonl", {}, "questions"),
    ("openfusion/research.jsonl", {}, "questions"),
    ("trustedrouter/score_grid.json",
     {"at": "*.*", "columns": {"task": "key1", "recipe": "key2", "score": "0", "grader": "1"},
      "scale": "100"}, "a grid"),
    ("trustedrouter/member_solo_grades.json",
     {"at": "*", "columns": {"recipe": "member", "score": "gemini"}, "scale": "100"}, "a grid"),
    ("trustedrouter/_gsm8k_smoke.json", {"at": "responses"}, "answers"),
    ("rubrics/ex1.json", {}, "a task"),
    ("rubrics/ex20.json", {}, "a task"),
    ("rubrics/semantic-self-consistency.json", {}, "a task"),
]  # fmt: skip
"""file, options of import, what its own tool or its README says"""


def options_as_text(options):
    """As they are typed."""
    names = {"columns": "--columns", "constants": "--set", "where": "--where"}
    parts = [f"--at {options['at']}"] if "at" in options else []
    for key, flag in names.items():
        parts += [f"{flag} {a}={b}" for a, b in options.get(key, {}).items()]
    parts += [f"--scale {options['scale']}"] if "scale" in options else []
    parts += [f"--missing {text}" for text in options.get("missing", ())]
    return f"`{' '.join(parts)}`" if parts else ""


def result(path, options):
    """What import makes of a file: recipes with their means and answers, or its refusal."""
    try:
        trials = read_trials(path, **options)
    except TableError as problem:
        return "refused: " + problem.problems[0].split(": ", 1)[1].replace("|", "\\|")
    scored = (
        trials.dropna(subset="score").groupby("recipe", sort=False)["score"].agg(["mean", "size"])
    )
    return "; ".join(
        f"{name} {row['mean']:.4f} ({row['size']:.0f})" for name, row in scored.iterrows()
    )


@pytest.mark.skipif(not FOREIGN.exists(), reason="the public files are not part of the repository")
def test_the_table_of_real_files_is_what_import_makes_of_them():
    """Figures that are typed by hand are true on one day."""
    there = {str(p.relative_to(FOREIGN)) for p in FOREIGN.rglob("*") if p.is_file()}
    assert there - {"README.md"} == {name for name, _, _ in REAL}
    rows = [
        f"| {name} | {options_as_text(options)} | {result(FOREIGN / name, options)} | {said} |"
        for name, options, said in REAL
    ]
    head = ["| file | doors | import | its own tool says |", "| --- | --- | --- | --- |"]
    table = "\n" + "\n".join([*head, *rows]) + "\n"
    page = PAGE.read_text("utf-8")
    held = between(page, "<!-- table")
    if os.environ.get("FUSION_EVAL_WRITE_DOCS"):
        start = page.index("-->", page.index("<!-- table")) + 3
        PAGE.write_text(page[:start] + table + page[start + len(held) :], "utf-8")
        held = table
    assert held == table


@pytest.mark.skipif(not FOREIGN.exists(), reason="the public files are not part of the repository")
def test_preferences_of_a_real_file_are_its_win_rate():
    """AlpacaEval: the win rate is mean(preference) - 1, over annotations."""
    path = FOREIGN / "questions" / "alpacaeval-annotations-60.json"
    rows = json.loads(path.read_text())
    options = {name: o for name, o, _ in REAL}["questions/alpacaeval-annotations-60.json"]
    trials = read_trials(path, **options)
    model = trials[trials["recipe"] == rows[0]["generator_2"]]
    own = sum(row["preference"] for row in rows) / len(rows) - 1
    assert model["score"].mean() == pytest.approx(own)


def test_an_import_without_a_run_to_go_with_it_is_still_one(tmp_path):
    """Every table that import takes must also be a run that report can read."""
    path = tmp_path / "t.csv"
    path.write_text("recipe,task,score\na,q1,1\nb,q1,0\n")
    assert import_results(path, output_dir=tmp_path / "runs").manifest["status"] == "finished"
