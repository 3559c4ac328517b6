"""Tables of questions load as people have them, and stay strict where they are ours."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import fusion_eval as fe
from fusion_eval.cli import app
from fusion_eval.errors import TaskFileError
from fusion_eval.loading.questions import with_columns
from fusion_eval.loading.rows import _HUB
from fusion_eval.loading.tasks import load_tasks

pytestmark = pytest.mark.usefixtures("no_figures")


def loaded(folder, rows, name="t.jsonl"):
    """The tasks of these rows."""
    path = folder / name
    text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text, "utf-8")
    return load_tasks(path).tasks


GPQA = {"Record ID": "rec1", "Question": "Which?", "Correct Answer": "right",
        "Incorrect Answer 1": "w1", "Incorrect Answer 2": "w2", "Incorrect Answer 3": "w3",
        "High-level domain": "Physics"}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "check", "target", "more"),
    [
        ({"question": "2+2?", "answer": "So 2+2.\n#### 1,004"}, "numeric", "1,004", "solution"),
        ({"question": "Capital?", "answer": "Paris", "level": 3}, "exact", "Paris", "level"),
        ({"problem": "x?", "solution": "7"}, "numeric", "7", None),
        ({"question": "Which?", "choices": ["p", "q", "r"], "answer": 1}, "choice", "B", None),
        ({"question": "Which?", "choices": {"text": ["p", "q"], "label": ["1", "2"]},
          "answerKey": "2"}, "choice", "B", None),
        ({"question": "Which?", "A": "p", "B": "q", "C": "r", "D": "s", "answer": "C"},
         "choice", "C", None),
        ({"question": "Which?", "options": ["p", "q"], "answer": "q"}, "choice", "B", None),
        ({"question_id": 81, "category": "writing", "turns": ["Write.", "Again."]}, None, None,
         "later_turns"),
        ({"uid": "u1", "prompt": "Write.", "cluster": "c1", "subcategory": "s"}, None, None,
         "subcategory"),
        ({"prompt": "Why?"}, None, None, None),
    ],
)  # fmt: skip
def test_common_tables_of_questions_are_read(tmp_path, row, check, target, more):
    """All eleven question files that were tried had been refused."""
    (task,) = loaded(tmp_path, [row])
    assert (task.check, task.target) == (check, target)
    assert more is None or more in task.metadata
    assert task.id == str(row.get("question_id", row.get("uid", 1)))


def test_options_stand_in_the_prompt_and_their_places_are_counted_as_the_table_does(tmp_path):
    """An index from 1 read as one from 0 makes every answer wrong."""
    rows = [{"question": f"Q{k}", "choices": ["p", "q"], "answer": k} for k in (1, 2)]
    assert [task.target for task in loaded(tmp_path, rows)] == ["A", "B"]
    zero = [{"question": f"Q{k}", "choices": ["p", "q"], "answer": k} for k in (0, 1)]
    first, _ = loaded(tmp_path, zero)
    assert first.target == "A"
    assert first.question.prompt == "Q0\n\nA. p\nB. q"


def test_the_right_answer_of_gpqa_is_not_always_the_first(tmp_path):
    """A model that always says A would be right."""
    rows = [GPQA | {"Question": f"Which {k}?", "Record ID": f"r{k}"} for k in range(24)]
    tasks = loaded(tmp_path, rows)
    assert {task.target for task in tasks} == set("ABCD")
    for task in tasks:
        assert f"{task.target}. right" in task.question.prompt
    assert [t.target for t in loaded(tmp_path, rows)] == [t.target for t in tasks]


def test_columns_of_other_names_are_given_with_the_file(tmp_path):
    """Every sheet has its own words, and a run that goes on must know them."""
    (tmp_path / "s.csv").write_text("q,a,n\nWhat is 2 + 2?,4,x\n")
    place = f"{tmp_path / 's.csv'}?prompt=q&target=a"
    (task,) = load_tasks(place).tasks
    assert (task.question.prompt, task.target, task.metadata) == ("What is 2 + 2?", "4", {"n": "x"})
    (tmp_path / "t.yaml").write_text("files: [s.csv]\ncolumns: {prompt: q, target: a}\n")
    assert load_tasks(tmp_path / "t.yaml").tasks[0].hash == task.hash
    command = [
        "validate",
        str(tmp_path / "s.csv"),
        "--columns",
        "prompt=q",
        "--columns",
        "target=a",
    ]
    assert CliRunner().invoke(app, command).exit_code == 0
    for wrong, what in (("prompt=z", "no column 'z'; the table has q, a, n"), ("mood=q", "mood")):
        with pytest.raises(TaskFileError, match=what):
            load_tasks(f"{tmp_path / 's.csv'}?{wrong}")
    assert with_columns("hf:a/b:test?prompt=q") == ("hf:a/b:test", {"prompt": "q"})


def test_a_misspelt_key_of_our_own_rows_is_still_an_error(tmp_path):
    """`criterai` in metadata would be a task without its rubric."""
    for extra in ({"target": "4", "taget": "5"}, {"criteria": [], "mood": 1}):
        with pytest.raises(TaskFileError, match=r"taget|mood|criteria"):
            loaded(tmp_path, [{"id": "a", "prompt": "2+2?", **extra}])


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("hf:o/n", ("o/n", None, None, None)),
        ("hf:o/n:test[:5]", ("o/n", None, None, "test[:5]")),
        ("hf:o/n@v1", ("o/n", "v1", None, None)),
        ("hf:o/n@main/cfg:train", ("o/n", "main", "cfg", "train")),
    ],
)
def test_a_data_set_of_a_hub_has_revision_config_and_split(source, parts):
    """GSM8K has no default config, and a moving revision is no benchmark."""
    known = _HUB.match(source)
    assert tuple(known[k] for k in ("name", "revision", "config", "split")) == parts


def test_doubled_columns_and_pointers_are_refused_and_one_cause_is_one_message(tmp_path):
    """The last of two prompts won, and 3,957 lines said one thing."""
    with pytest.raises(TaskFileError, match=r"t\.csv:1: two columns named 'prompt'"):
        loaded(tmp_path, "id,prompt,prompt,target\na,x,y,1\n", "t.csv")
    with pytest.raises(TaskFileError, match="git lfs pull"):
        loaded(tmp_path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    rows = [{"id": f"t{k}", "prompt": "x?", "target": str(k), "mood": 1} for k in range(300)]
    with pytest.raises(TaskFileError) as caught:
        loaded(tmp_path, rows)
    assert len(caught.value.problems) == 4
    assert "297 more lines" in caught.value.problems[-1]


def test_prompts_without_a_rubric_are_scored_by_preference(tmp_path):
    """A bare list of prompts had no way to be run at all."""
    (tmp_path / "p.jsonl").write_text('{"prompt": "Why?"}\n{"prompt": "How so?"}\n')
    (tmp_path / "b.yaml").write_text(
        "endpoints: {sim: {simulator: default}}\n"
        "models:\n  a: {endpoint: sim, id: wader/heron}\n  g: {endpoint: sim, id: raptor/condor}\n"
        "recipes:\n  one: {strategy: solo, member: a}\n  two: {strategy: solo, member: g}\n"
        "grader: {model: g}\n"
    )
    runs = tmp_path / "runs"
    first = fe.run(tmp_path / "p.jsonl", bench=tmp_path / "b.yaml", output_dir=runs)
    assert fe.trials(first)["score"].isna().all()
    how = {"base": "pairwise", "against": "one"}
    trials = fe.trials(fe.grade(first.path, protocol=how, output_dir=runs))
    means = trials.groupby("recipe")["score"].mean()
    assert means["one"] == 0.5
    assert 0 <= means["two"] <= 1
