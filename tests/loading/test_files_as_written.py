"""Task files as people and their tools write them: read as they mean it, or refused by line."""

# ruff: noqa: E501  (files in a table)

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fusion_eval.errors import TaskFileError
from fusion_eval.loading.tasks import load_tasks

YAML = "tasks:\n  - {id: %s, check: exact, target: %s, prompt: What?}\n"
ROW = {"id": "a", "prompt": "p", "check": "exact", "target": "x"}


def read(tmp_path, name: str, content: str | bytes) -> list[tuple[str, str | None]]:
    """Ids and targets of a file of that name."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(task.id, task.target) for task in load_tasks(path).tasks]


@pytest.mark.parametrize(
    ("name", "content", "tasks"),
    [
        ("t.yaml", YAML % ("on", "no"), [("on", "no")]),
        ("t.yaml", YAML % ("7", "Yes"), [("7", "Yes")]),
        ("t.YAML", YAML % ("007", "12:30"), [("007", "12:30")]),
        ("t.csv", "id;prompt;check;target\na;p;exact;1,5\n", [("a", "1,5")]),
        ("t.csv", "ID, Prompt, Check, Target\na, p, exact, x\n", [("a", "x")]),
        ("t.csv", "id,prompt,check,target\na,p,exact,x\n,,,\nb,q,exact,y\n", [("a", "x"), ("b", "y")]),
        ("t.tsv", "id\tprompt\tcheck\ttarget\na\tp\texact\tx, y\n", [("a", "x, y")]),
        ("t.jsonl", json.dumps(ROW | {"id": 3, "target": "x\u2028y"}, ensure_ascii=False), [("3", "x\u2028y")]),
        ("t.jsonl.gz", gzip.compress(json.dumps(ROW).encode(), mtime=0), [("a", "x")]),
        ("t.json", json.dumps({"name": "t", "tasks": [ROW]}), [("a", "x")]),
    ],
)  # fmt: skip
def test_a_file_is_read_as_its_author_meant_it(tmp_path, name, content, tasks):
    """A tool that refuses what a spreadsheet writes is not used twice."""
    assert read(tmp_path, name, content) == tasks


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.yaml", YAML % ("a", "null"), r"t.yaml:2: .*says nothing; quote it"),
        ("t.yaml", YAML % ("a", "~"), r"t.yaml:2: .*quote it"),
        ("t.yaml", YAML % ("a", "true"), r't.yaml:2: .*quote it: "true"'),
        ("t.csv", "id,prompt,prompt,check,target\na,p,q,exact,x\n", r"t.csv:1: two columns named 'prompt'"),
        ("t.csv", "id,prompt,check,target\na,p,exact,0,85\n", r"t.csv:2: 5 cells where the header has 4"),
        ("t.csv", "id,prompt,check,target\n", "holds no task"),
        ("t.csv", "id,prompt,check,target\na,  ,exact,x\n", r"t.csv:2: .*asks nothing"),
        ("t.jsonl", json.dumps(ROW | {"prompt": "  "}), r"t.jsonl:1: .*nothing but spaces"),
        ("t.jsonl", "\n".join(json.dumps(ROW | {"id": i}) for i in ("é", "e\u0301")), "there twice"),
        ("t.jsonl", "\n".join(json.dumps(ROW | {"id": i}) for i in ("a", "a ")), "there twice"),
        ("t.jsonl", "\n".join(json.dumps(ROW | {"id": i}) for i in (1, "1")), "there twice"),
        ("t.jsonl", json.dumps(ROW | {"check": "numeric", "target": "√2"}), "is not one number"),
        ("t.jsonl", json.dumps(ROW | {"check": "choice", "target": "A or B"}), "is not one letter"),
        ("t.jsonl.gz", b"\x1f\x8b" + b"x" * 40, "not whole gzip"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path, name, content, said):
    """Read wrongly, it would be a wrong number in a run that somebody paid for."""
    with pytest.raises(TaskFileError, match=said):
        read(tmp_path, name, content)


def test_numbers_of_a_table_keep_the_form_in_which_they_were_written(tmp_path):
    """`42.0` never equals an answer of 42, and nobody answers 0.10000000149011612."""
    ids, prompts, checks = ["a", "b", "c"], ["p", "q", "r"], ["exact"] * 3
    for column, wanted in (
        (pa.array([42.0, 7.0, 8.5]), ["42", "7", "8.5"]),
        (pa.array([0.1, 0.7, 3.0], pa.float32()), ["0.1", "0.7", "3"]),
    ):
        table = pa.table({"id": ids, "prompt": prompts, "check": checks, "target": column})
        pq.write_table(table, tmp_path / "t.parquet")
        assert [task.target for task in load_tasks(tmp_path / "t.parquet").tasks] == wanted
