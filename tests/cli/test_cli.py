"""The command line: exit codes, one JSON document, no traceback, nothing written on bad input."""

# ruff: noqa: E501  (a table of messages)

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import forked
import pytest
import typer.main
from werkzeug import Request, Response

import fusion_eval as fe
from fusion_eval import cli
from fusion_eval.checking import validate

ROOT = Path(__file__).parents[2]
MINI = ROOT / "tasks" / "mini.yaml"
VERBS = sorted(typer.main.get_command(cli.app).commands)


class Done:
    """What a command left behind: exit code and both outputs."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        """Standard output as one JSON document."""
        return json.loads(self.out)


@pytest.fixture
def command(monkeypatch, capsys, tmp_path, no_figures):
    """`command("plan", …)`: the real entry point, in this process, in an empty folder."""
    for name in os.environ:
        if name.startswith("FUSION_EVAL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def _command(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["fusion-eval", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return Done(ended.value.code or 0, out, err)

    return _command


def shell(*arguments: object, cwd: Path) -> Done:
    """The command in a process of its own, with its own exit code and outputs."""
    done = forked.run(*arguments, cwd=cwd)
    return Done(done.returncode, done.stdout, done.stderr)


def files(folder: Path) -> list[str]:
    """Everything below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


BENCH = """\
endpoints: {sim: {simulator: default}}
models: {small: {endpoint: sim, id: aviary/sparrow}, owl: {endpoint: sim, id: strix/owl}}
recipes:
  solo: {strategy: solo, member: small}
  vote: {strategy: vote, members: [small, small]}
grader: {model: owl}
"""


# Help


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(command, verb):
    """An example is what people copy; a verb without one is not used."""
    done = command(verb, "--help")
    assert done.code == 0
    assert f"Example: fusion-eval {verb}" in " ".join(done.out.split())


def test_the_verbs_of_this_issue_are_there(command):
    """Scripts and checks call them by name."""
    promised = "init validate plan run report compare import simulate"
    assert set(promised.split()) <= set(VERBS)
    assert all(verb in command("--help").out for verb in VERBS)


def test_without_a_verb_help_is_shown_and_nothing_done(command, tmp_path):
    """Who types the bare name wants to know what it is."""
    done = command()
    assert "Usage" in done.out + done.err
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("run",), ("run", "x.yaml", "--limit", "0"), ("run", "x.yaml", "--bogus")],
)
def test_wrong_usage_is_exit_2(command, arguments, tmp_path):
    """A CI job that reads 1 as `worse` must not see it for a typing mistake."""
    done = command(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.err
    assert files(tmp_path) == []


# Bad input


@pytest.fixture
def bad(write):
    """A task file with two problems."""
    return write(
        "bad.yaml", "tasks:\n  - {id: a, prompt: p}\n  - {id: b, promt: q, target: x, prompt: q}\n"
    )


@pytest.mark.parametrize("verb", ["validate", "plan", "run"])
def test_bad_input_is_exit_2_with_every_line_and_nothing_written(command, bad, tmp_path, verb):
    """A half-made run directory would be gone on with tomorrow."""
    done = command(verb, bad)
    assert done.code == 2
    assert done.out == ""
    assert [line.partition(": ")[0] for line in done.err.splitlines()] == [f"{bad}:2", f"{bad}:3"]
    assert files(tmp_path) == ["bad.yaml"]


def test_a_user_sees_no_traceback(bad, tmp_path):
    """In a real process, where an uncaught exception would print one."""
    done = shell("run", bad, "--bench", "nowhere", cwd=tmp_path)
    assert done.code == 2
    assert len(done.err.splitlines()) == 3
    assert "Traceback" not in done.err
    assert files(tmp_path) == ["bad.yaml"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("run", "no.yaml"), "no.yaml: no such file"),
        (("run", MINI, "--bench", "no.yaml"), "no.yaml: no such file"),
        (("run", MINI, "--recipes", "solo-hern"), "--recipes: unknown recipe 'solo-hern'; did you mean 'solo-heron'?"),
        (("run", MINI, "--recipes", ","), "--recipes: names no recipe"),
        (("plan", ROOT), "unknown kind of task file"),
        (("report", "nowhere"), "not a run directory"),
        (("compare", "nowhere"), "not a run directory"),
        (("import", "no.csv"), "no.csv"),
        (("simulate", "--tasks", "no.yaml"), "no.yaml: no such file"),
        (("simulate", "--tasks", MINI, "--world", "nowhere"), "nowhere"),
    ],
)  # fmt: skip
def test_every_verb_refuses_in_words(command, tmp_path, arguments, wanted):
    """One door with a traceback is the one that everybody finds."""
    done = command(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert wanted in done.err
    assert "Traceback" not in done.err
    assert files(tmp_path) == []


def test_problems_are_one_json_document_too(command, bad, monkeypatch):
    """A script that asked for JSON must not have to parse prose when something is wrong."""
    done = command("run", bad, "--json")
    assert done.code == 2
    assert done.json["problems"] == done.err.splitlines()
    monkeypatch.setenv("FUSION_EVAL_JSON", "1")
    assert command("run", bad).json == done.json


def test_a_run_on_a_paid_endpoint_is_refused_without_a_budget(command, write, tmp_path):
    """Nor does a key in the environment make the demo cost money."""
    text = BENCH.replace("{simulator: default}", "{base_url: https://paid.example/v1}")
    done = command("run", MINI, "--bench", write("b.yaml", text))
    assert done.code == 2
    assert "there is no budget" in done.err
    assert files(tmp_path) == ["b.yaml"]


def test_an_interruption_is_exit_130(command, monkeypatch):
    """make and CI tell Ctrl-C from a failure by it."""
    import fusion_eval.starter

    def interrupted(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(fusion_eval.starter, "write", interrupted)
    assert command("init").code == 130


def test_a_folder_that_cannot_be_written_is_said_in_one_line(command, write):
    """A full disk or a file in the way is no bug of ours, and looks like one in a traceback."""
    (blocked := Path("blocked")).write_text("")
    done = command("init", blocked / "mine")
    assert done.code == 2
    assert done.err.startswith("blocked/mine")
    assert len(done.err.splitlines()) == 1


# Validate


def test_validate_counts_what_a_file_holds(command, write):
    """The numbers by which a data set is recognised."""
    done = command("validate", MINI, write("bench.yaml", BENCH), "demo", "--json")
    assert done.code == 0
    tasks, bench, demo = done.json["files"]
    assert demo["recipes"] >= 9
    promised = "tasks criteria negative_criteria sections domains hash problems"
    assert set(promised.split()) <= tasks.keys()
    assert tasks["tasks"] == sum(tasks["domains"].values())
    assert tasks["criteria"] == sum(tasks["sections"].values()) > tasks["negative_criteria"] > 0
    assert (bench["models"], bench["recipes"], bench["problems"]) == (2, 2, [])


def test_validate_goes_on_after_a_bad_file(command, bad, write):
    """All files, all problems, one document; the good ones are still described."""
    bench = write("bench.yaml", BENCH.replace("strix/owl", "strix/oul"))
    done = command("validate", bad, bench, MINI, MINI, "--json")
    assert done.code == 2
    found = {Path(each["file"]).name: len(each["problems"]) for each in done.json["files"][:2]}
    assert found == {"bad.yaml": 2, "bench.yaml": 1}
    assert done.json["files"][2]["problems"] == []
    assert "is there twice" in done.json["files"][3]["problems"][0]
    assert f"{bad}:2" in done.err


def test_validate_reads_every_file_once(monkeypatch, write):
    """A set of a hundred megabytes was parsed three times, and again for each file behind it."""
    read = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (read.append(path.name), real(path))[1])
    lines = write("more.jsonl", '{"id": "a", "prompt": "p", "target": "x"}\n')
    found = validate(MINI, write("bench.yaml", BENCH), lines)
    assert [each["problems"] for each in found] == [[], [], []]
    assert {name: read.count(name) for name in ("mini.yaml", "bench.yaml", "more.jsonl")} == {
        "mini.yaml": 1, "bench.yaml": 1, "more.jsonl": 1,
    }  # fmt: skip


def test_validate_prints_one_line_per_good_file(command):
    """For people."""
    done = command("validate", MINI)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{MINI}: ")
    assert len(done.out.splitlines()) == 1


# Plan and run


def test_plan_counts_and_writes_nothing(command, write, tmp_path):
    """`plan` is asked by somebody who is afraid of the bill."""
    done = command("plan", MINI, "--bench", write("bench.yaml", BENCH), "--json")
    assert done.code == 0
    lines = {(line["role"], line["model"]): line for line in done.json["lines"]}
    count = done.json["tasks"]
    assert lines["member", "small"]["charged"] == 3 * count  # one for solo, two for vote
    assert lines["member", "small"]["shared"] == 2 * count  # the first is the same call
    assert done.json["total"]["charged"] == sum(line["charged"] for line in done.json["lines"])
    assert done.json["total"]["low_usd"] <= done.json["total"]["high_usd"]
    assert files(tmp_path) == ["bench.yaml"]


def test_a_plan_counts_the_calls_that_the_run_then_makes(write, tmp_path):
    """A plan that is wrong is worse than none; members and checks are known beforehand."""
    from fusion_eval.api import settled
    from fusion_eval.bench.plan import plan

    bench = write("bench.yaml", BENCH)
    tasks = ROOT / "tasks" / "reasoning.yaml"
    chosen, ready, _ = settled(tasks, bench, limit=6)
    planned = plan(chosen, ready)
    done = fe.run(tasks, bench, limit=6, output_dir=tmp_path / "results")
    assert planned.total("charged") == done.manifest["calls"]["charged"] == 18
    assert planned.total("shared") == done.manifest["calls"]["made"] == 12


def test_what_init_writes_can_be_validated_planned_and_run(command, tmp_path):
    """The first five minutes of everybody."""
    assert command("init", "mine").code == 0
    assert files(tmp_path / "mine") == [
        ".github",
        ".github/workflows",
        ".github/workflows/fusion-eval.yml",
        ".gitignore",
        "bench.yaml",
        "policy.yaml",
        "tasks.yaml",
    ]
    again = command("init", "mine")
    assert again.code == 2
    assert again.err.count("already exists") == 4

    assert command("validate", "mine/tasks.yaml", "mine/bench.yaml").code == 0
    assert command("plan", "mine/tasks.yaml", "--bench", "mine/bench.yaml").code == 0
    line = ("run", "mine/tasks.yaml", "--bench", "mine/bench.yaml", "--repeats", "1", "--json")
    first = command(*line)
    assert first.code == 0
    assert first.json["simulated"] is True
    assert set(first.json["recipes"]) >= {"solo-small", "self-small", "vote-small", "panel"}
    assert first.json["calls"]["made"] > 0
    second = command(*line)
    assert second.code == 0
    assert second.json["calls"]["made"] == 0
    assert second.json["run_id"] != first.json["run_id"]


def test_a_run_prints_its_table_and_where_the_rest_is(command, write):
    """Simulated numbers travel; each page of them says what they are."""
    bench = write("bench.yaml", BENCH)
    done = command("run", MINI, "--bench", bench, "--limit", "2", "-o", "out", "--quiet")
    assert done.code == 0
    assert done.err == ""
    assert "SIMULATED" in done.out
    assert "report.md" in done.out
    assert Path("out/latest/report.md").exists()
    assert command("report", "latest", "-o", "out", "--json").json["simulated"] is True


def test_recipes_of_a_run_are_compared_as_one_document(command, write):
    """The document that a CI job reads; scores there are 0 to 1, whatever people are shown."""
    bench = write("bench.yaml", BENCH)
    tasks = ROOT / "tasks" / "reasoning.yaml"
    fe.run(tasks, bench, limit=8, output_dir="results")
    done = command("compare", "latest", "--reference", "solo", "--json")
    assert done.code == 0
    assert done.json["simulated"] is True
    (row,) = done.json["comparisons"]
    promised = "a b difference se low high p p_adjusted conclusion n estimand method caveat"
    assert set(promised.split()) <= row.keys()
    assert {row["a"], row["b"]} == {"solo", "vote"}
    assert "SIMULATED" in command("compare", "latest").out
    (these,) = command("compare", "latest", "--estimand", "these tasks", "--json").json[
        "comparisons"
    ]
    assert "exactly these tasks" in these["estimand"]
    typo = command("compare", "latest", "--estimand", "new domain")
    assert (typo.code, "did you mean 'new domains'" in typo.err) == (2, True)
    wrong = command("compare", "latest", "--recipes", "solo,vot")
    assert wrong.code == 2
    assert "the run has no vot" in wrong.err


def test_options_can_stand_in_the_environment(command, write, monkeypatch):
    """A CI job sets them once."""
    monkeypatch.setenv("FUSION_EVAL_BENCH", str(write("bench.yaml", BENCH)))
    monkeypatch.setenv("FUSION_EVAL_REPEATS", "4")
    monkeypatch.setenv("FUSION_EVAL_RECIPES", "solo")
    monkeypatch.setenv("FUSION_EVAL_LIMIT", "2")
    done = command("plan", MINI, "--json")
    assert (done.json["tasks"], done.json["recipes"], done.json["repeats"]) == (2, 1, 4)
    assert command("plan", MINI, "--json", "--repeats", "1").json["repeats"] == 1


SECRET = "sk-very-secret-0123456789"


def test_a_key_never_reaches_a_file_or_the_screen(
    command, write, tmp_path, httpserver, monkeypatch
):
    """Run directories are shared and screens are recorded; endpoints echo keys in their errors."""
    seen = []

    def answering(request: Request) -> Response:
        seen.append(request.headers["Authorization"])
        if request.json["model"] == "angry":
            return Response(f"no such model for {seen[-1]}", status=400)
        message = {"role": "assistant", "content": "Answer: 42"}
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        body = {"id": "x", "object": "chat.completion", "created": 0, "model": "kind"}
        return Response(json.dumps({**body, "choices": [choice], "usage": usage}))

    httpserver.expect_request("/v1/models").respond_with_json({"object": "list", "data": []})
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(answering)
    bench = write(
        "bench.yaml",
        f"""\
        endpoints: {{paid: {{base_url: "{httpserver.url_for("/v1")}", api_key_env: MY_KEY}}}}
        models:
          kind: {{endpoint: paid, id: kind, price: {{input: 1, output: 1}}, max_tokens: 100}}
          angry: {{endpoint: paid, id: angry, price: {{input: 1, output: 1}}, max_tokens: 100}}
        recipes:
          good: {{strategy: solo, member: kind}}
          bad: {{strategy: solo, member: angry}}
        limits: {{attempts: 1}}
        """,
    )
    tasks = write("tasks.yaml", 'tasks: [{id: a, prompt: p, target: "42", check: numeric}]\n')
    line = ("run", tasks, "--bench", bench, "--budget", "1")

    missing = command(*line)
    assert missing.code == 2
    assert "MY_KEY" in missing.err
    assert files(tmp_path) == ["bench.yaml", "tasks.yaml"]

    monkeypatch.setenv("MY_KEY", SECRET)
    done = command(*line)
    assert done.code == 5  # one of two recipes kept failing
    assert f"Bearer {SECRET}" in seen
    assert SECRET not in done.out + done.err
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 8
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
