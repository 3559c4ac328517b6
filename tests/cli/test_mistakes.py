"""Mistakes of people, through the command line: each message says where, what, and the way out."""

# ruff: noqa: E501  (a table of messages)

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from fusion_eval import cli

TASKS = """\
tasks:
  - {id: a, prompt: What is 6 times 7?, check: numeric, target: '42'}
  - {id: b, prompt: What is 5 times 7?, check: numeric, target: '35'}
"""
BENCH = """\
endpoints: {sim: {simulator: default}}
models: {heron: {endpoint: sim, id: wader/heron}, owl: {endpoint: sim, id: strix/owl}}
recipes:
  solo: {strategy: solo, member: heron}
  two: {strategy: vote, members: [heron, heron]}
"""
PAID = """\
endpoints: {there: {base_url: 'https://models.invalid/v1', api_key_env: KEY}}
models: {m: {endpoint: there, id: a/m, price: {input: 1, output: 2}}}
recipes: {solo: {strategy: solo, member: m}}
"""
SCORES = "recipe,task,score\n" + "".join(
    f"one,t{i},0.{i}\ntwo,t{i},0.{9 - i}\n" for i in range(1, 9)
)
FILES = {
    "tasks.yaml": TASKS,
    "b.yaml": BENCH,
    "scores.csv": SCORES,
    "tab.yaml": "tasks:\n\t- id: a\n",
    "colon.yaml": "tasks:\n  - id: a\n    prompt: Explain this: why?\n    target: x\n",
    "lfs.jsonl": "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 123\n",
    "comma.jsonl": '{"id": "a", "prompt": "x", "target": "1"},\n',
    "many.jsonl": "\n".join(f'{{"id": {i}, "promt": "x", "target": "1"}}' for i in range(300)),
    "typo.yaml": TASKS.replace("target", "taget", 1),
    "twice.yaml": TASKS.replace("id: b", "id: a"),
    "empty.yaml": "",
    "text.yaml": "just a text\n",
    "list.yaml": "- 1\n- 2\n",
    "zero.yaml": "tasks:\n  - id: a\n    prompt: x\n    criteria: [{id: c, weight: 0, requirement: y}]\n",
    "strategy.yaml": BENCH.replace("strategy: vote", "strategy: vot"),
    "member.yaml": BENCH.replace("member: heron", "member: hero"),
    "parameter.yaml": BENCH.replace("members:", "member:"),
    "endpoint.yaml": BENCH.replace("endpoint: sim, id: strix", "endpoint: sims, id: strix"),
    "world.yaml": BENCH.replace("default", "defult"),
    "id.yaml": BENCH.replace("wader/heron", "wader/hero"),
    "key.yaml": f"{BENCH}greeder: {{model: owl}}\n",
    "limit.yaml": f"{BENCH}limits: {{budget: 3}}\n",
    "number.yaml": f"{BENCH}repeats: three\n",
    "grader.yaml": f"{BENCH}grader: {{model: owls}}\n",
    "protocol.yaml": f"{BENCH}grader: {{model: owl, protocol: drako}}\n",
    "paid.yaml": PAID.replace("KEY", "NO_SUCH_KEY"),
    "pasted.yaml": PAID.replace("KEY", "sk-abcdef1234567890abcdef"),
    "columns.csv": "model,question,points\na,t,0.5\n",
    "points.csv": "recipe,task,score\na,t1,50\na,t2,80\n",
    "double.csv": "recipe,task,score\na,t1,0.5\na,t1,0.6\n",
    "policy.yaml": "margn: 2\n",
}
RUN = "results/latest"
MISTAKES = [
    ("validate tab.yaml", ["tab.yaml:2", "a tab", "indent with spaces"]),
    ("validate colon.yaml", ["colon.yaml:3", "a colon inside a text", "quote the text"]),
    ("validate lfs.jsonl", ["lfs.jsonl", "Git LFS", "git lfs pull"]),
    ("validate comma.jsonl", ["comma.jsonl:1", "a comma at the end of the line", "remove it"]),
    ("validate many.jsonl", ["many.jsonl:1", "did you mean 'prompt'?", "297 more lines"]),
    ("validate typo.yaml", ["typo.yaml:2", "'taget'", "did you mean 'target'?"]),
    ("validate twice.yaml", ["twice.yaml:3", "'a' is there twice", "rename one"]),
    ("validate empty.yaml", ["empty.yaml", "no task", "write one under `tasks:`"]),
    ("validate text.yaml", ["text.yaml:1", "a text", "keys with values belong"]),
    ("validate list.yaml", ["list.yaml:1", "keys with values belong"]),
    ("validate zero.yaml", ["zero.yaml:4", "weight 0", "give it a weight"]),
    ("validate task.yaml", ["task.yaml", "no such file", "did you mean tasks.yaml?"]),
    ("run b.yaml --bench tasks.yaml", ["b.yaml: a bench file", "--bench b.yaml", "tasks.yaml: a task file"]),
    ("plan b.yaml --bench b.yaml", ["b.yaml: a bench file", "task files in its place"]),
    ("plan tasks.yaml --bench tasks.yaml", ["tasks.yaml: a task file", "without --bench"]),
    ("plan tasks.yaml --bench strategy.yaml", ["strategy.yaml:5", "'vot'", "did you mean 'vote'?"]),
    ("plan tasks.yaml --bench member.yaml", ["member.yaml:4", "'hero'", "did you mean 'heron'?"]),
    ("plan tasks.yaml --bench parameter.yaml", ["parameter.yaml:5", "'member'", "did you mean 'members'?"]),
    ("plan tasks.yaml --bench endpoint.yaml", ["endpoint.yaml:2", "'sims'", "did you mean 'sim'?"]),
    ("plan tasks.yaml --bench world.yaml", ["world.yaml:1", "'defult'", "did you mean 'default'?"]),
    ("plan tasks.yaml --bench id.yaml", ["id.yaml:2", "'wader/hero'", "did you mean 'wader/heron'?"]),
    ("plan tasks.yaml --bench key.yaml", ["key.yaml:6", "'greeder'", "did you mean 'grader'?"]),
    ("plan tasks.yaml --bench limit.yaml", ["limit.yaml:6", "'budget'", "did you mean 'budget_usd'?"]),
    ("plan tasks.yaml --bench number.yaml", ["number.yaml:6", "repeats", "integer", "'three'"]),
    ("plan tasks.yaml --bench grader.yaml", ["grader.yaml:6", "'owls'", "did you mean 'owl'?"]),
    ("plan tasks.yaml --bench protocol.yaml", ["protocol.yaml:6", "'drako'", "did you mean 'draco'?"]),
    ("plan tasks.yaml --bench pasted.yaml", ["pasted.yaml:1", "the name of a variable", "never the key"]),
    ("run tasks.yaml --bench dmeo", ["dmeo", "no such bench", "did you mean 'demo'?"]),
    ("run tasks.yaml --bench b.yaml --recipes sollo", ["--recipes", "'sollo'", "did you mean 'solo'?"]),
    ("run tasks.yaml --bench b.yaml --limit 0", ["--limit", "greater than or equal to 1"]),
    ("run tasks.yaml --bench b.yaml --repeats 0", ["--repeats", "greater than or equal to 1"]),
    ("run tasks.yaml --bench b.yaml --repeat 2", ["--repeat ", "--repeats"]),
    ("run tasks.yaml --bench b.yaml --budget -1", ["--budget", "greater than or equal to 0"]),
    ("run tasks.yaml --bench b.yaml --budget inf", ["budget_usd", "inf", "a number of US dollars"]),
    ("run tasks.yaml --bench paid.yaml", ["paid.yaml:1", "no budget", "NO_SUCH_KEY", ".env"]),
    ("run tasks.yaml --bench paid.yaml --budget 1", ["'there'", "no NO_SUCH_KEY", "set it"]),
    ("run tasks.yaml --bench b.yaml -o tasks.yaml", ["tasks.yaml: a file", "give a folder"]),
    ("run tasks.yaml nowhere.yaml", ["nowhere.yaml", "no such file"]),
    ("init tasks.yaml", ["tasks.yaml: a file", "give a folder"]),
    ("report results/latst", ["results/latst", "not a run directory", "did you mean 'latest'?"]),
    ("report nowhere", ["nowhere", "runs in results: "]),
    ("report tasks.yaml", ["tasks.yaml", "not a run directory", "fusion-eval run"]),
    ("compare results/latst", ["results/latst", "did you mean 'latest'?"]),
    (f"compare {RUN} --reference sollo", ["'sollo'", "did you mean 'solo'?"]),
    (f"compare {RUN} --margin 0.02", ["margin", "0.02", "margin=2"]),
    (f"explain {RUN} gate", ["no gate has looked at it", "fusion-eval gate"]),
    (f"explain {RUN} c/solo", ["'c/solo'", "did you mean 'b/solo' or 'a/solo'?"]),
    (f"explain {RUN} a/sollo", ["'sollo'", "did you mean 'solo'?"]),
    (f"gate {RUN} --baseline nowhere", ["nowhere", "no such file", "fusion-eval baseline RUN"]),
    (f"gate {RUN} --baseline base --policy policy.yaml", ["policy.yaml:1", "'margn'", "did you mean 'margin'?"]),
    (f"gate {RUN} --baseline base --margin 0.01", ["--margin 0.01", "points of 100", "--margin 1"]),
    (f"gate base --baseline {RUN}", ["base", "not a run directory"]),
    ("import columns.csv -o x", ["columns.csv", "no column 'task'", "model, question, points", "--columns task=your_name"]),
    ("import points.csv -o x", ["points.csv:2", "score 50 is above 1", "--scale 100"]),
    ("import double.csv -o x", ["double.csv:3", "for the second time", "remove one"]),
    ("import scores.csv --columns recipe=resps -o x", ["no column 'resps'", "it has recipe, task, score"]),
    ("import scores.csv --columns recipe -o x", ["--columns 'recipe'", "recipe=system"]),
    ("import score.csv -o x", ["score.csv", "did you mean scores.csv"]),
    ("import tasks.yaml -o x", ["tasks.yaml", "format unknown", ".csv"]),
    (f"export {RUN} --to excel", ["--to excel", "choose csv"]),
    (f"power {RUN} --reference sollo", ["'sollo'", "did you mean 'solo'?"]),
    (f"grade {RUN} --protocol draco", ["no grader", "--grader MODEL"]),
    (f"grade {RUN} --grader owls", ["'owls'", "did you mean 'owl'?"]),
    ("ledger stats -o nowhere", ["nowhere", "there is no ledger", "--output-dir"]),
    ("ledger forget zz -o results", ["'zz'", "first 6 digits"]),
    ("ls nowhere", ["nowhere", "no such directory", "--output-dir"]),
    ("serve --bench nowhere", ["nowhere", "no such bench", "presets: "]),
    ("simulate --tasks absent.jsonl", ["absent.jsonl", "no such file"]),
    ("tap --upstream nowhere", ["--upstream", "must start with http:// or https://"]),
]  # fmt: skip
INSIDE = re.compile(
    r"fusion_eval[./]|\.py\b|Traceback|\w+Error\b|site-packages|<class|\b0x[0-9a-f]{6}|NoneType"
)
"""Names and paths of ours and of Python."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with files that are wrong, one run, and its baseline."""
    made = tmp_path_factory.mktemp("mistakes")
    for name, text in FILES.items():
        (made / name).write_text(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(made)
        for words in (
            "run tasks.yaml --bench b.yaml --quiet --json",
            f"baseline {RUN} --to base --json",
        ):
            assert _typed(patched, words) == 0
    return made


def _typed(patched: pytest.MonkeyPatch, words: str) -> int:
    patched.setattr(sys, "argv", ["fusion-eval", *words.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(("typed", "words"), MISTAKES, ids=[typed for typed, _ in MISTAKES])
def test_a_mistake_is_answered_with_where_what_and_the_way_out(
    folder: Path, monkeypatch, capsys, typed: str, words: list[str]
):
    """Who reads a Python name, or no way out, asks a colleague, or gives up."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    code = _typed(monkeypatch, typed)
    out, err = capsys.readouterr()

    assert (code, out) == (2, "")
    assert not INSIDE.search(err), err
    assert len(err.splitlines()) < 12, "one cause is said once"
    assert "trials," not in err, "nothing is counted before it is refused"
    said = " ".join(err.split())
    for word in words:
        assert word.strip() in said, err


def test_a_bench_that_lies_here_and_is_not_used_is_named(folder, monkeypatch, capsys):
    """Nine recipes that nobody wrote ran in the place of the user's own."""
    monkeypatch.chdir(folder)
    (folder / "bench.yaml").write_text(BENCH)
    assert _typed(monkeypatch, "plan tasks.yaml --json") == 0
    assert "--bench bench.yaml" in capsys.readouterr().err


def test_a_baseline_that_is_replaced_is_called_so(folder, monkeypatch, capsys):
    """The command of the first page replaced a baseline of weeks without a word."""
    monkeypatch.chdir(folder)
    assert _typed(monkeypatch, f"baseline {RUN} --to base") == 0
    assert capsys.readouterr().out == "replaced base/baseline.json\n"
