"""The real tools: what they write we read, what we write they read. `make interop` brings them.

Each tool lives in an environment of its own (FUSION_EVAL_INTEROP names the folder that holds them),
because their dependencies are none of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

import fusion_eval as fe
from fusion_eval.cli import app
from fusion_eval.exporting import export
from fusion_eval.importing import read_trials

pytestmark = pytest.mark.interop
WHERE = Path(os.environ.get("FUSION_EVAL_INTEROP", "/nonexistent"))
QUESTIONS = [(f"q{k}", f"What is {k} + 4?", str(k + 4 if k % 3 else 0)) for k in range(6)]
"""Every third target is wrong on purpose, so that scores differ."""


def tool(*parts):
    """A program of one of the environments; skips where it is not installed."""
    path = WHERE.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{'/'.join(parts)} is not installed; `make interop` brings it")
    return str(path)


def called(*command, cwd):
    """Run a tool to its end; its last words where it fails."""
    env = {**os.environ, "PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_CONFIG_DIR": str(cwd),
           "INSPECT_LOG_DIR": str(cwd), "HF_HUB_OFFLINE": "1"}  # fmt: skip
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True,
                          text=True, timeout=600)  # fmt: skip
    assert done.returncode in (0, 100), (done.stdout + done.stderr)[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small simulated run."""
    from test_export import BENCH, TASKS

    folder = tmp_path_factory.mktemp("run")
    (folder / "bench.yaml").write_text(BENCH)
    (folder / "tasks.yaml").write_text(TASKS)
    return fe.run(folder / "tasks.yaml", bench=folder / "bench.yaml", output_dir=folder / "runs")


INSPECT_TASK = """
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import match
rows = {rows!r}
outputs = [ModelOutput.from_content("mockllm/model", str(k + 4)) for k in range(6)] * 2
for output in outputs:  # with its own count Inspect needs no tokenizer from the network
    output.usage = ModelUsage(input_tokens=5, output_tokens=1, total_tokens=6)
task = Task(dataset=[Sample(id=i, input=q, target=t) for i, q, t in rows], scorer=match(),
            epochs=2, name="sums")
for kind in ("eval", "json"):
    log = eval(task, model=get_model("mockllm/model", custom_outputs=list(outputs)),
               log_format=kind, log_dir=kind, display="none", max_connections=1, max_samples=1)[0]
    print(log.results.scores[0].metrics["accuracy"].value)
"""


def test_logs_that_inspect_writes_are_read_at_its_own_figure(tmp_path):
    """Its format has changed under other readers before."""
    (tmp_path / "task.py").write_text(INSPECT_TASK.format(rows=QUESTIONS))
    said = called(tool("inspect", "bin", "python"), "task.py", cwd=tmp_path).split()
    for kind, own in zip(("eval", "json"), said[-2:], strict=True):
        trials = read_trials(tmp_path / kind)
        assert len(trials) == 12
        assert trials.groupby("task")["score"].mean().mean() == pytest.approx(float(own))
        assert not [a for a in trials.attrs["audit"] if a["kind"] == "own figure"]


INSPECT_PAIR = """
import json
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, accuracy, match, mean, scorer, stderr
rows = {rows!r}

@scorer(metrics={{"half": [mean()], "right": [mean()]}})
def graded():
    async def score(state, target):
        right = float(target.text == state.output.completion)
        return Score(value={{"half": 0.5 + right / 2, "right": right}})
    return score

def run(name, wrong, folder, scorers):
    outputs = [ModelOutput.from_content("mockllm/" + name, "0" if k in wrong else str(k + 4))
               for k in list(range(len(rows))) * 2]
    for output in outputs:
        output.usage = ModelUsage(input_tokens=5, output_tokens=1, total_tokens=6)
    task = Task(dataset=[Sample(id=i, input=q, target=t) for i, q, t in rows], scorer=scorers,
                epochs=2, name="sums")
    log = eval(task, model=get_model("mockllm/" + name, custom_outputs=outputs), log_dir=folder,
               log_format="eval", display="none", max_connections=1, max_samples=1)[0]
    samples = read_eval_log(log.location).samples
    first = list(samples[0].scores)[0]
    values = [(str(s.id), s.epoch, s.scores[first].value) for s in samples]
    return {{"path": log.location.removeprefix("file://"), "values": values,
            "figures": {{s.name: {{n: m.value for n, m in s.metrics.items()}}
                        for s in log.results.scores}}}}

print(json.dumps([
    run("one", {{0}}, "a", match()), run("two", {{1, 2, 5, 7}}, "b", match()),
    run("one", {{3, 4, 5}}, "c", match()), run("three", {{0, 4}}, "d", [graded(), match()]),
]))
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Logs that Inspect wrote of the same tasks: three models, and one of them twice."""
    folder = tmp_path_factory.mktemp("pair")
    rows = [(f"q{k}", f"What is {k} + 4?", str(k + 4)) for k in range(12)]
    (folder / "task.py").write_text(INSPECT_PAIR.format(rows=rows))
    said = called(tool("inspect", "bin", "python"), "task.py", cwd=folder)
    return json.loads(said.strip().splitlines()[-1])


def by_hand(one, two):
    """Mean difference, its t limits and n, from the values that Inspect itself reads."""
    from scipy import stats

    def per_task(log):
        found = {}
        for name, _, value in log["values"]:
            found.setdefault(name, []).append({"C": 1.0, "I": 0.0}[value])
        return {name: sum(values) / len(values) for name, values in found.items()}

    a, b = per_task(one), per_task(two)
    d = [a[name] - b[name] for name in sorted(a)]
    n, mean = len(d), sum(d) / len(d)
    se = (sum((x - mean) ** 2 for x in d) / (n - 1) / n) ** 0.5
    half = stats.t.ppf(0.975, n - 1) * se
    return mean, mean - half, mean + half, n


@pytest.mark.parametrize(("first", "second"), [(0, 1), (0, 2)], ids=["two models", "one twice"])
def test_compare_of_two_logs_of_inspect_is_the_paired_difference_by_hand(
    logs, first, second, tmp_path
):
    """Its users ask for it in open issues; a difference of means alone would be no comparison."""
    one, two = logs[first], logs[second]
    mean, low, high, n = by_hand(one, two)
    assert abs(mean) > 0.05
    row = fe.compare(one["path"], two["path"]).iloc[0]
    wanted = (mean, low, high) if row["a"].startswith("mockllm/one") else (-mean, -high, -low)
    assert (row["difference"], row["low"], row["high"]) == pytest.approx(wanted)
    assert row["n"] == n
    done = CliRunner().invoke(app, ["compare", one["path"], two["path"], "--json"])
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.stdout)["comparisons"]
    assert told["difference"] == pytest.approx(row["difference"])


def test_a_scorer_of_inspect_with_several_values_is_read_at_its_own_figures(logs):
    """Each value has a figure of its own there; the first is taken, and the others are named."""
    log = logs[3]
    trials = read_trials(log["path"])
    means = trials.groupby("task")["score"].mean()
    assert means.mean() == pytest.approx(log["figures"]["half"]["mean"])
    right = read_trials(log["path"], columns={"score": "scores.graded.value.right"})
    own = right.groupby("task")["score"].mean().mean()
    assert own == pytest.approx(log["figures"]["right"]["mean"])


def test_inspect_opens_what_we_export(run, tmp_path):
    """Its data frames are what its users work with."""
    export(run, "inspect", tmp_path / "logs")
    code = (
        "from inspect_ai.analysis import samples_df\n"
        "from inspect_ai.log import list_eval_logs, read_eval_log\n"
        "assert len(list_eval_logs('logs')) == 2\n"
        "[read_eval_log(log) for log in list_eval_logs('logs')]\n"
        "print(samples_df('logs')[['id', 'epoch', 'score_fusion_eval']].to_json(orient='values'))\n"
    )
    rows = json.loads(called(tool("inspect", "bin", "python"), "-c", code, cwd=tmp_path))
    trials = fe.trials(run)
    expected = sorted((t, r + 1, s) for t, r, s in
                      trials[["task", "repeat", "score"]].itertuples(index=False))  # fmt: skip
    assert sorted(map(tuple, rows)) == expected


def test_records_are_accepted_by_the_schemas_of_every_eval_ever(run, tmp_path):
    """They stand in its wheel; the package itself needs another Python."""
    import jsonschema

    schemas = Path(tool("eee", "every_eval_ever", "schemas"))
    whole, sample = (
        json.loads((schemas / f"{name}.schema.json").read_text())
        for name in ("eval", "instance_level_eval")
    )
    for path in export(run, "eee", tmp_path / "out"):
        if path.suffix == ".json":
            jsonschema.validate(json.loads(path.read_text()), whole)
        else:
            for line in path.read_text().split("\n")[:-1]:
                jsonschema.validate(json.loads(line), sample)


LM_EVAL = """
task: sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""


def test_samples_that_lm_eval_writes_are_read_at_its_own_figure(tmp_path):
    """It names files and folders by rules of its own."""
    rows = [
        {"question": q, "answer": "lol" if k % 2 else t} for k, (_, q, t) in enumerate(QUESTIONS)
    ]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sums.yaml").write_text(LM_EVAL.format(data=tmp_path / "data.jsonl"))
    called(
        tool("lm-eval", "bin", "lm_eval"), "--model", "dummy", "--tasks", "sums", "--include_path",
        tmp_path, "--output_path", tmp_path / "out", "--log_samples", cwd=tmp_path,
    )  # fmt: skip
    (results,) = (tmp_path / "out").rglob("results*.json")
    own = json.loads(results.read_text())["results"]["sums"]["exact_match,none"]
    trials = read_trials(tmp_path / "out")
    assert len(trials) == 6
    assert trials["score"].mean() == pytest.approx(own)


def test_results_that_promptfoo_writes_are_read_in_all_its_formats(tmp_path):
    """JSON, JSONL and CSV of one evaluation must be one table."""
    config = {
        "prompts": ["{{q}}"], "providers": ["echo"],
        "tests": [{"vars": {"q": q}, "description": i,
                   "assert": [{"type": "contains", "value": "1" if i == "q1" else "What"}]}
                  for i, q, _ in QUESTIONS],
    }  # fmt: skip
    (tmp_path / "c.json").write_text(json.dumps(config))
    outputs = [part for kind in ("json", "jsonl", "csv") for part in ("-o", f"out.{kind}")]
    called(tool("promptfoo", "node_modules", ".bin", "promptfoo"), "eval", "-c", "c.json",
           "--no-cache", "--no-progress-bar", *outputs, cwd=tmp_path)  # fmt: skip
    tables = [read_trials(tmp_path / f"out.{kind}") for kind in ("json", "jsonl", "csv")]
    for trials in tables:
        assert (
            trials[["task", "score"]].values.tolist()
            == tables[0][["task", "score"]].values.tolist()
        )
        assert len(trials) == 6
