"""Task files: ours hold what was promised, DRACO's loads as it is, and bad ones say where."""

# ruff: noqa: E501  (tables of messages)

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from made_hub import hub

from fusion_eval.core import Criterion, Question, Task
from fusion_eval.errors import TaskFileError
from fusion_eval.grading import check
from fusion_eval.loading.tasks import load_task_files, load_tasks

ROOT = Path(__file__).parents[2]
DRACO = ROOT.parent / "shared" / "data" / "draco" / "test-61.jsonl"
SECTIONS = {
    "factual-accuracy",
    "breadth-and-depth-of-analysis",
    "presentation-quality",
    "citation-quality",
}


def problems(*sources) -> list[str]:
    """What is said about files that cannot be used, without their folder."""
    with pytest.raises(TaskFileError) as caught:
        load_task_files(sources) if len(sources) > 1 else load_tasks(sources[0])
    folders = {f"{source.parent}/" for source in sources if isinstance(source, Path)}
    found = list(caught.value.problems)
    for folder in folders:
        found = [problem.replace(folder, "") for problem in found]
    return found


# What we ship


def test_our_research_tasks_are_as_rich_as_promised():
    """Intervals, domains and error criteria of the default bench all rest on these numbers."""
    tasks = load_tasks(ROOT / "tasks" / "research.yaml").tasks
    assert len(tasks) >= 24
    assert len({task.domain for task in tasks}) >= 8
    for task in tasks:
        assert len(task.criteria) >= 12, task.id
        assert sum(criterion.weight < 0 for criterion in task.criteria) >= 3, task.id
        assert {criterion.section for criterion in task.criteria} == SECTIONS, task.id
        assert len({criterion.requirement for criterion in task.criteria}) == len(task.criteria)
    weights = [criterion.weight for task in tasks for criterion in task.criteria]
    assert min(weights) <= -15
    assert max(weights) >= 15
    assert len(set(weights)) >= 10


def test_our_reasoning_tasks_can_be_checked_in_three_ways():
    """Vote and friends need answers that can be compared, of each kind."""
    tasks = load_tasks(ROOT / "tasks" / "reasoning.yaml").tasks
    kinds = Counter(task.check for task in tasks)
    assert len(tasks) >= 60
    assert set(kinds) == {"numeric", "choice", "exact"}
    assert min(kinds.values()) >= 10
    assert len({task.metadata["difficulty"] for task in tasks}) >= 3
    assert len({task.question.prompt for task in tasks}) == len(tasks)


@pytest.mark.parametrize("name", ["mini", "reasoning"])
def test_the_right_answer_to_each_of_our_tasks_is_counted_as_right(name):
    """A target that its own check misreads makes the task impossible, and nobody would notice."""
    for task in load_tasks(ROOT / "tasks" / f"{name}.yaml").tasks:
        if task.target is not None:
            assert check(task, f"Let me see.\nAnswer: {task.target}").verdict == "met", task.id


def test_our_files_can_be_used_together():
    """`make bench` reads two of them; one id or one question in both would stop it."""
    names = ("research", "reasoning", "mini")
    loaded = load_task_files(ROOT / "tasks" / f"{name}.yaml" for name in names)
    assert loaded.name == "research+reasoning+mini"
    assert sum(len(task.criteria) > 0 for task in load_tasks(ROOT / "tasks/mini.yaml").tasks) >= 2


# DRACO


@pytest.mark.skipif(not DRACO.exists(), reason="the public DRACO rows are not on this machine")
def test_draco_itself_loads_unchanged():
    """Every published number refers to these 61 rubrics; one criterion lost would shift all."""
    tasks = load_tasks(DRACO).tasks
    criteria = [criterion for task in tasks for criterion in task.criteria]
    assert (len(tasks), len(criteria)) == (61, 2330)
    assert sum(criterion.weight < 0 for criterion in criteria) == 250
    assert {criterion.section for criterion in criteria} == SECTIONS
    assert all(task.score == "draco" and task.domain for task in tasks)


def draco_row(**changes):
    """A row as DRACO has them: the rubric is a JSON string."""
    sections = [
        {
            "id": section,
            "title": section,
            "criteria": [
                {"id": f"{section}-good", "weight": 10, "requirement": f"Is good at {section}"},
                {"id": f"{section}-bad", "weight": -5, "requirement": f"Is bad at {section}"},
            ],
        }
        for section in sorted(SECTIONS)
    ]
    return {
        "id": "row-1",
        "problem": "What follows?\nSay why.",
        "domain": "Law",
        "answer": json.dumps({"id": "rubric-1", "sections": sections}),
        **changes,
    }


def as_lines(*rows) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_a_row_of_dracos_shape_becomes_a_task(write):
    """The rubric is a string inside a string: what is lost on the way is lost without a sound."""
    row = draco_row(split="test", problem="One line\u2028and another")
    (task,) = load_tasks(write("draco.jsonl", as_lines(row))).tasks
    assert (task.id, task.domain, task.score) == ("row-1", "Law", "draco")
    assert task.question == Question(prompt="One line\u2028and another")
    assert [criterion.weight for criterion in task.criteria] == [10, -5] * 4
    assert {criterion.section for criterion in task.criteria} == SECTIONS
    assert task.metadata == {"split": "test", "rubric": "rubric-1"}


@pytest.mark.parametrize(
    "answer",
    [
        "42",
        "Paris",
        "[]",
        "{}",
        '{"sections": [{"id": "s"}]}',
        '{"sections": [{"id": "s", "criteria": [{"id": "c", "requirement": "r"}]}]}',
        '{"sections": [{"id": "s", "criteria": [{"id": "c", "weight": "5"}]}]}',
        '{"sections": [{"id": "s", "criteria": [{"id": "c", "weight": true}]}]}',
        None,
    ],
)
def test_a_rubric_that_is_none_is_refused_with_its_line(write, answer):
    """openfusion reads a missing weight as 0 and says nothing; whole sections vanish so."""
    path = write("draco.jsonl", as_lines(draco_row(), draco_row(id="row-2", answer=answer)))
    (problem,) = problems(path)
    assert problem.startswith("draco.jsonl:2: `answer` is not a DRACO rubric")


CARD = b"""---
configs:
- config_name: easy
  data_files: [{split: test, path: easy/test.jsonl}, {split: dev, path: easy/dev.jsonl}]
- config_name: hard
  data_files: hard/test.jsonl
---
"""
LOADED = """
import json, sys
if "missing" in sys.argv:
    sys.modules["datasets"] = None
from fusion_eval.errors import TaskFileError
from fusion_eval.loading.tasks import load_tasks
for name in sys.argv[1].split():
    try:
        print(json.dumps([load_tasks(name).name, [t.target for t in load_tasks(name).tasks]]))
    except TaskFileError as error:
        print(json.dumps(error.problems))
"""


def from_hub(tmp_path, address, names, *arguments):
    """Name, or (problem,), and targets of what a fresh process loads from this hub."""
    env = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"),
           "HF_HUB_OFFLINE": "0", "HF_DATASETS_OFFLINE": "0"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", LOADED, " ".join(names), *arguments], env=env,
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(names, map(json.loads, done.stdout.splitlines()), strict=True))


def test_data_sets_of_a_hub_are_loaded_by_name_revision_config_and_split(tmp_path):
    """Through the real `datasets` and a real socket: a name that is only parsed loads nothing."""

    def rows(answer):
        return as_lines({"question": f"What makes {answer}?", "answer": answer}).encode()

    sums = {"README.md": CARD, "easy/test.jsonl": rows("4"), "easy/dev.jsonl": rows("2"),
            "hard/test.jsonl": rows("81")}  # fmt: skip
    wanted = {
        "hf:o/sums@main/easy:test": ["sums", ["4"]],
        "hf:o/sums@main/easy:dev": ["sums", ["2"]],
        "hf:o/sums@main/hard": ["sums", ["81"]],
        "hf:o/plain": ["plain", ["1"]],
        "hf:o/plain@v1:test": ["plain", ["7"]],
        "hf:o/sums": "pick one among the available configs: ['easy', 'hard']); name a config: hf:",
        "hf:o/sums@main/esay": "'esay' not found. Available: ['easy', 'hard']); name a config",
        "hf:o/sums@main/easy": "has splits test, dev; choose one: hf:o/sums@main/easy:SPLIT",
        "hf:o/sums@main/easy:tset": "Should be one of ['test', 'dev']); name a split",
        "hf:o/plain@v9": "Revision 'v9' doesn't exist for dataset 'o/plain' on the Hub); name a br",
        "hf:o/gated": "accept its terms on its page, and set HF_TOKEN",
        "hf:o/nothing": "cannot be accessed); check the name and the connection",
    }
    repositories = {
        ("o/sums", "main"): sums, ("o/plain", "main"): {"test.jsonl": rows("1")},
        ("o/plain", "v1"): {"test.jsonl": rows("7")},
    }  # fmt: skip
    with hub(repositories, gated=frozenset({"o/gated"})) as address:
        loaded = from_hub(tmp_path, address, list(wanted))
    for name, value in wanted.items():
        if isinstance(value, list):
            assert loaded[name] == value
        else:
            assert loaded[name][0].startswith(f"{name}: ")
            assert value in loaded[name][0]


def test_without_the_package_a_name_of_a_hub_says_what_to_install(tmp_path):
    """A traceback of an import does not say that a file would do."""
    loaded = from_hub(tmp_path, "http://127.0.0.1:9", ["hf:o/plain"], "missing")
    text = "hf:o/plain: needs the package `datasets`; install it, or give a local file"
    assert loaded["hf:o/plain"] == [text]


def test_a_hub_that_nobody_reaches_is_said_in_one_line():
    """On a train the traceback of three libraries does not say what to do."""
    (problem,) = problems("hf:nobody/nothing-at-all")
    assert problem.startswith("hf:nobody/nothing-at-all: cannot be loaded (")
    assert problem.endswith("check the name and the connection, or give a local file")


# Our own files

GOOD = """\
name: good
defaults: {score: draco, domain: Science, system: Be brief.}
tasks:
  - id: tides
    prompt: Why?
    cluster: sea
    tags: [water]
    metadata: {source: me, at: 2024-05-01}
    criteria:
      - {id: moon, section: facts, weight: 10, requirement: Names the Moon}
      - {id: wind, section: facts, weight: -4, requirement: Blames the wind}
  - id: sum
    domain: Arithmetic
    prompt: What is 40 + 2?
    target: 42
    check: numeric
  - id: talk
    turns:
      - {role: user, content: Hello}
      - {role: assistant, content: Hi}
      - {role: user, content: What is the capital of France?}
    target: Paris
"""


def test_a_task_file_says_what_it_means(write):
    """Defaults, turns and targets, each where a strategy or a check will look for it."""
    tides, total, talk = load_tasks(write("good.yaml", GOOD)).tasks
    assert (tides.domain, tides.cluster, tides.tags, tides.check) == ("Science", "sea", ("water",), None)  # fmt: skip
    assert [message.role for message in tides.question.messages] == ["system", "user"]
    assert (total.target, total.check, total.question.answer_format) == ("42", "numeric", "numeric")
    assert total.domain == "Arithmetic"
    assert talk.question.prompt == "What is the capital of France?"
    assert [turn.content for turn in talk.question.turns] == ["Hello", "Hi"]
    assert talk.check == talk.question.answer_format == "exact"


def test_the_same_tasks_load_from_every_kind_of_file(write, tmp_path):
    """Runs pair by hash: a file saved in another format must not become another task set."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {"id": "a", "prompt": "One, two\nthree?", "target": "3", "check": "numeric"},
        {"id": "b", "prompt": "Which?", "target": "B", "check": "choice", "domain": "Logic"},
    ]
    yaml = write("t.yaml", json.dumps({"tasks": rows}))
    bare = write("bare.yaml", json.dumps(rows))
    lines = write("t.jsonl", b"\xef\xbb\xbf" + as_lines(*rows).replace("\n", "\r\n").encode())
    csv = write(
        "t.csv",
        'id,prompt,target,check,domain\na,"One, two\nthree?",3,numeric,\nb,Which?,B,choice,Logic\n',
    )
    table = pa.Table.from_pylist([{"domain": None, **row} for row in rows])
    pq.write_table(table, tmp_path / "t.parquet")
    loaded = [load_tasks(p) for p in (yaml, bare, lines, csv, tmp_path / "t.parquet")]
    assert all(tasks.tasks == loaded[0].tasks for tasks in loaded)
    assert len({tasks.hash for tasks in loaded}) == 1


TASK = "tasks:\n  - id: a\n    prompt: p\n    "
CRITERION = TASK + "criteria:\n      - {id: c, requirement: r, "

BAD = {
    "misspelt key": (TASK + "target: x\n    promt: y\n", "5: unknown key 'promt'; did you mean 'prompt'?"),
    "misspelt header": ("nam: x\n" + TASK + "target: x\n", "1: unknown key 'nam'; did you mean 'name'?"),
    "misspelt section": (CRITERION + "weight: 5, sektion: s}\n", "5: unknown key 'sektion'; did you mean 'section'?"),
    "weight 0": (CRITERION + "weight: 0}\n", "5: criterion 'c' has weight 0; give it a weight"),
    "weight infinite": (CRITERION + "weight: .inf}\n", "5: criteria.0.weight: Input should be a finite number (given: inf)"),
    "no weight": (CRITERION + "section: s}\n", "5: 'weight' is missing"),
    "bool weight": (CRITERION + "weight: true}\n", "5: criteria.0.weight: Input should be a valid number (given: True)"),
    "text weight": (CRITERION + 'weight: "5"}\n', "5: criteria.0.weight: Input should be a valid number (given: '5')"),
    "doubled criterion": (CRITERION + "weight: 5}\n      - {id: c, weight: 1, requirement: s}\n", "6: criterion id 'c' of task 'a' is there twice; rename one"),
    "doubled id": (TASK + "target: x\n  - id: a\n    prompt: q\n    target: y\n", "5: task id 'a' is there twice (also bad.yaml:2); rename one"),
    "doubled content": (TASK + "target: x\n  - id: b\n    prompt: p\n    target: x\n", "5: task 'b' has the same content as 'a'; keep one"),
    "doubled key": (TASK + "target: x\n    prompt: q\n", "5: 'prompt' stands here and at line 3; keep one"),
    "no prompt": ("tasks:\n  - id: a\n    target: x\n", "2: task 'a' asks nothing; give it a prompt, or turns"),
    "no id": ("tasks:\n  - prompt: p\n    target: x\n", "2: 'id' is missing"),
    "two ways to score": (TASK + "target: x\n    criteria: [{id: c, weight: 1, requirement: r}]\n", "2: task 'a' has criteria and a target; keep one of the two"),
    "no way to score": (TASK + "domain: d\n", "2: task 'a' cannot be scored; give it criteria or a target"),
    "unreadable target": (TASK + "target: twelve\n    check: numeric\n", "4: target 'twelve' is not one number, as check: numeric needs"),
    "word for a letter": (TASK + "target: Paris\n    check: choice\n", "4: target 'Paris' is not one letter, as check: choice needs"),
    "check alone": (CRITERION + "weight: 1}\n    check: exact\n", "6: task 'a' has a check and no target"),
    "unknown check": (TASK + "target: x\n    check: fuzzy\n", "5: check 'fuzzy' is unknown; known: numeric, choice, exact, regex, code, or your own module:function"),
    "unknown policy": (TASK + "target: x\n    score: drako\n", "5: unknown score policy 'drako'; did you mean 'draco'?"),
    "truth as id": ("tasks:\n  - id: true\n    prompt: p\n    target: x\n", '2: true is not a text here; quote it: "true"'),
    "assistant last": ("tasks:\n  - id: a\n    turns: [{role: assistant, content: hi}]\n    target: x\n", "2: task 'a': the last turn must be the user's"),
    "prompt and turns": (TASK + "turns: [{role: user, content: hi}]\n    target: x\n", "2: task 'a': the last turn is the user's, so the prompt would be a second question; leave out one of the two"),
    "empty": ("", ": holds no task; write one under `tasks:` (`fusion-eval init`)"),
    "no tasks": ("name: x\ntasks: []\n", ": holds no task; write one under `tasks:` (`fusion-eval init`)"),
    "not a file of tasks": ("hello\n", "1: a text, where keys with values belong, as in `id: a`"),
    "template braces": (TASK + "target: {{answer}}\n", "4: a key must be a word; quote a text with braces"),
    "strange tag": (TASK + "target: !secret x\n", "4: not YAML: could not determine a constructor for the tag '!secret'"),
    "not YAML": ("tasks: [\n", "2: not YAML: did not find expected node content"),
    "no end": ("tasks: &a [*a]\n", "1: nested too deep, or too large"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_task_file_says_where_and_what_and_the_way_out(write, name):
    """Found in the middle of a paid run, or never, each of these costs more than a line."""
    text, wanted = BAD[name]
    separator = "" if wanted.startswith(":") else ":"
    assert problems(write("bad.yaml", text)) == [f"bad.yaml{separator}{wanted}"]


def test_all_problems_of_a_file_come_at_once(write):
    """Somebody with ten mistakes should not have to run ten times."""
    found = problems(
        write(
            "bad.yaml",
            """\
            defaults: {scor: draco}
            tasks:
              - id: a
                prompt: p
                criteria:
                  - {id: c, weight: 0, requirement: r}
                  - {id: d, requirement: r}
              - id: b
                promt: p
                target: x
              - id: fine
                prompt: q
                target: x
              - id: fine
                prompt: r
                target: x
            """,
        )
    )
    assert [problem.split(": ")[0] for problem in found] == [
        "bad.yaml:1",
        "bad.yaml:6",
        "bad.yaml:7",
        "bad.yaml:9",
        "bad.yaml:14",
    ]


def test_problems_of_several_files_come_at_once(write):
    """Also what only two files together can have wrong."""
    a = write("a.yaml", TASK + "target: x\n  - id: same\n    prompt: s\n    target: s\n")
    b = write("b.yaml", TASK + "target: y\n  - id: other\n    prompt: s\n    target: s\n")
    c = write("c.yaml", "tasks: []\n")
    assert problems(a, b, c) == [
        "c.yaml: holds no task; write one under `tasks:` (`fusion-eval init`)",
        "b.yaml: task id 'a' is there twice (also a.yaml); rename one",
        "b.yaml: task 'other' has the same content as 'same'; keep one",
    ]


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("t.yaml", "name: caf\xe9".encode("latin-1"), "t.yaml: byte 9 is not UTF-8; save the file as UTF-8"),
        ("t.jsonl", b'{"id": "\xff"}', "t.jsonl: byte 8 is not UTF-8; save the file as UTF-8"),
        ("t.jsonl", '{"id": "a",\n', "t.jsonl:1: not a JSON object: Expecting property name"),
        ("t.jsonl", "\n[1]\n", "t.jsonl:2: not a JSON object"),
        ("t.jsonl", '{"id": "a", "id": "b"}\n', "t.jsonl:1: not a JSON object: 'id' stands twice; keep one"),
        ("t.jsonl", '{"id": "a", "prompt": 5, "target": "x"}', "t.jsonl:1: prompt: Input should be a valid string"),
        ("t.jsonl", "", "t.jsonl: holds no task"),
        ("t.csv", "id,prompt,target\na,b, c,d\n", "t.csv:2: 4 cells where the header has 3"),
        ("t.csv", 'id,prompt,target\na,"b\nc",d\ne,,f\n', "t.csv:4: task 'e' asks nothing"),
        ("t.csv", 'id,prompt,target\na,"b,c\n', "t.csv:2: not CSV (unexpected end of data); check"),
        ("t.parquet", "no table", "t.parquet: not Parquet"),
        ("t.txt", "hello", "t.txt: unknown kind of task file; give .yaml, .jsonl"),
    ],
)  # fmt: skip
def test_other_bad_files_say_where_too(write, name, content, wanted):
    """A traceback of a parser names our line, not the user's."""
    (problem,) = problems(write(name, content))
    assert problem.startswith(wanted)


def test_a_missing_file_comes_with_the_name_that_was_meant(write, tmp_path):
    """The commonest mistake of all."""
    write("research.yaml", GOOD)
    (problem,) = problems(tmp_path / "reserch.yaml")
    assert problem == "reserch.yaml: no such file; did you mean research.yaml?"
    assert "there is no folder" in problems(tmp_path / "nowhere" / "x.yaml")[0]


@pytest.mark.parametrize("target", ["12:30", "010", "2024-13-45", "1_000", "0x1F", "0o17"])
def test_a_target_stays_as_it_was_written(write, target):
    """YAML 1.1 reads 12:30 as 750 and 010 as 8: the right answer would then always be wrong."""
    path = write("t.yaml", TASK + f"target: {target}\n")
    assert load_tasks(path).tasks[0].target == target


@pytest.mark.parametrize("value", ["42", "-7", "0", "3.5"])
def test_a_number_as_target_needs_no_quotes(write, value):
    """`target: 42` is what everybody writes first."""
    path = write("t.yaml", TASK + f"target: {value}\n    check: numeric\n")
    assert load_tasks(path).tasks[0].target == value


# Identity


def task(**changes) -> Task:
    """A task, changed."""
    criteria = (Criterion(id="c", requirement="r", weight=5), Criterion(id="d", requirement="s", weight=-5))  # fmt: skip
    plain = {"id": "a", "question": Question(prompt="p"), "criteria": criteria}
    return Task(**(plain | changes))


@pytest.mark.parametrize(
    "changes", [{"id": "b"}, {"domain": "Law"}, {"cluster": "x"}, {"tags": ("t",)}, {"metadata": {"k": 1}}]
)  # fmt: skip
def test_renaming_a_task_does_not_make_it_another(changes):
    """Runs pair by hash: a renamed task must still be compared with its old scores."""
    assert task(**changes).hash == task().hash


def test_what_is_asked_or_scored_otherwise_is_another_task():
    """Scores under two versions of a rubric would be paired as if they were one."""
    first, second = task().criteria
    changed = [
        {},
        {"question": Question(prompt="q")},
        {"question": Question(prompt="p", system="s")},
        {"question": Question(prompt="p", answer_format="exact")},
        {"criteria": (first,)},
        {"criteria": (second, first)},
        {"criteria": (first.model_copy(update={"weight": 6.0}), second)},
        {"criteria": (first.model_copy(update={"requirement": "R"}), second)},
        {"criteria": (), "target": "x", "check": "exact"},
        {"criteria": (), "target": "x", "check": "choice"},
        {"criteria": (), "target": "y", "check": "exact"},
        {"score": "other"},
    ]
    assert len({task(**changes).hash for changes in changed}) == len(changed)


def test_a_set_of_tasks_has_one_hash_in_any_order(write):
    """The order of a file is no content; a task more is."""
    rows = [{"id": i, "prompt": i, "target": i} for i in "abc"]
    hashes = [
        load_tasks(write(f"{n}.jsonl", as_lines(*chosen))).hash
        for n, chosen in enumerate([rows, rows[::-1], rows[:2]])
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_file_can_be_moved_without_changing_its_tasks(write, tmp_path):
    """A checkout in another folder must meet the same ledger and the same baseline."""
    first = write("one/t.yaml", GOOD)
    (tmp_path / "two").mkdir()
    second = shutil.copy(first, tmp_path / "two" / "u.yaml")
    assert load_tasks(first).tasks == load_tasks(second).tasks
