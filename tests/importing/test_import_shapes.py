"""Odd files of every kind: read whole, or refused with a sentence; never a traceback."""

# ruff: noqa: E501  (tables of files)

from __future__ import annotations

import bz2
import copy
import csv
import gzip
import io
import json
import lzma
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_logs import (
    eee_row,
    eval_file,
    inspect_log,
    inspect_sample,
    lines,
    lm_eval_row,
    promptfoo_row,
)

from fusion_eval import frames
from fusion_eval.errors import TableError, TaskFileError
from fusion_eval.importing import import_results, read_trials
from fusion_eval.loading.tasks import load_tasks

TABLE = "recipe,task,score\na,q1,1\na,q2,0\nb,q1,0.5\nb,q2,1\n"
SCORES = {("a", "q1"): 1, ("a", "q2"): 0, ("b", "q1"): 0.5, ("b", "q2"): 1}
ROWS = [{"recipe": r, "task": t, "score": s} for (r, t), s in SCORES.items()]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}


def zstd(data):
    """Packed as `zstd` packs."""
    return pa.compress(data, "zstd", asbytes=True)


def jsonl(rows):
    """JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def written(folder, name, content):
    """A file of this content: bytes, text, a table for Parquet, rows for JSONL, else JSON."""
    path = folder / name
    if isinstance(content, pa.Table):
        pq.write_table(content, path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, "utf-8")
    else:
        path.write_text(jsonl(content) if name.endswith("l") else json.dumps(content), "utf-8")
    return path


def scores(trials):
    """(recipe, task) -> score, None where there is none; of several repeats a list."""
    found = {}
    for recipe, task, score in zip(trials["recipe"], trials["task"], trials["score"], strict=True):
        found.setdefault((recipe, task), []).append(None if math.isnan(score) else score)
    return {key: some[0] if len(some) == 1 else some for key, some in found.items()}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("utf-16.csv", TABLE.encode("utf-16")),
        ("utf-16-without-mark.csv", TABLE.encode("utf-16-be")),
        ("utf-32.csv", TABLE.encode("utf-32")),
        ("mark-and-semicolons.csv", TABLE.replace(",", ";").encode("utf-8-sig")),
        ("sep-line.csv", "sep=;\r\n" + TABLE.replace(",", ";").replace("\n", "\r\n")),
        ("quoted-commas.csv", TABLE.replace(",", ";").replace("task", '"task"', 1)
         .replace("score", '"score"', 1)),
        ("blank-lines.csv", "\n\n" + TABLE.replace("\n", "\n\n") + ",,\n"),
        ("old-mac.csv", TABLE.replace("\n", "\r")),
        ("spaces.csv", TABLE.replace(",", ", ").replace("q1", '"q1"')),
        ("capitals.csv", TABLE.replace("recipe,task,score", "Model,Question ID,SCORE")),
        ("gzip.csv.gz", gzip.compress(TABLE.encode())),
        ("gzip-without-ending.csv", gzip.compress(TABLE.encode())),
        ("zstd.jsonl.zst", zstd(jsonl(ROWS).encode())),
        ("bzip2.tsv.bz2", bz2.compress(TABLE.replace(",", "\t").encode())),
        ("xz.json.xz", lzma.compress(json.dumps(ROWS).encode())),
        ("lines.json", jsonl(ROWS)),
        ("list.jsonl", json.dumps(ROWS, indent=2)),
        ("columns.json", COLUMNS),
        ("frame.json", {n: {str(k): v for k, v in enumerate(c)} for n, c in COLUMNS.items()}),
        ("split.json", {"columns": list(COLUMNS), "index": [0, 1, 2, 3],
                        "data": [list(row.values()) for row in ROWS]}),
        ("schema.json", {"schema": {"fields": [{"name": "recipe"}]}, "data": ROWS}),
        ("texts-as-bytes.parquet", pa.table({
            n: [v.encode() if isinstance(v, str) else v for v in c] for n, c in COLUMNS.items()})),
        ("categories.parquet", pa.table({
            "recipe": pa.array(COLUMNS["recipe"]).dictionary_encode(), "task": COLUMNS["task"],
            "score": pa.array(COLUMNS["score"], pa.float32())})),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)  # fmt: skip
def test_one_table_is_read_in_every_form_that_programs_write(tmp_path, name, content):
    """What one spreadsheet or one data frame writes, another reader took for damage."""
    assert scores(read_trials(written(tmp_path, name, content))) == SCORES


NESTED = pa.Table.from_pylist(
    [{"m": "a", "item": {"id": "q1", "tags": [{"k": "x", "v": 0.1}]}},
     {"m": "b", "item": {"id": "q1", "tags": [{"k": "y", "v": 9}, {"k": "x", "v": 0.7}]}}],
    schema=pa.schema([("m", pa.string()), ("item", pa.struct([
        ("id", pa.string()),
        ("tags", pa.list_(pa.struct([("k", pa.string()), ("v", pa.float32())]))),
    ]))]),
)  # fmt: skip
DATED = "samples_sums_2026-01-02T03-04-05.000000.jsonl"
DUELS = [{"question_id": q, "model_a": a, "model_b": b, "winner": w} for q, a, b, w in (
    (1, "x", "y", "model_a"), (1, "y", "x", "model_b"), (2, "x", "y", "tie"),
    (2, "y", "x", "both_bad"), (3, "x", "y", "tie (bothbad)"), (3, "y", "x", "model_a"))]  # fmt: skip
PAIRS = {"recipe": "model_1", "against": "model_2", "preference": "g1_winner+g2_winner",
         "task": "question_id+turn"}  # fmt: skip
PAIR = {"question_id": 81, "model_1": "x", "model_2": "y", "judge": ["j", "pair-v2"], "turn": 1}


def sheet(headers, cells, names=("q",), described=True):
    """promptfoo's CSV: the columns of each output stand beside each other."""
    parts = ["Status", "Score", "Named Scores", "Grader Reason", "Comment"]
    text = io.StringIO()
    table = csv.writer(text)
    first = ["Description"] if described else []
    table.writerow([*first, *names, *(c for h in headers for c in (h, *parts))])
    for number, row in enumerate(cells):
        outputs = [
            c for s in row for c in ("a, b\nc", "PASS" if s == 1 else "FAIL", s, "{}", "", "")
        ]
        table.writerow([*([f"t{number}"] if described else []), *["1, 2"] * len(names), *outputs])
    return text.getvalue()


def two(**more):
    """Two samples of Inspect with these scores, right and wrong."""
    return [inspect_sample(1, more["right"]), inspect_sample(2, more["wrong"])]


def results(*rows):
    """promptfoo's JSON."""
    return {"evalId": "e", "results": {"version": 3, "results": list(rows)}, "config": {}}


READ = [
    ("percent.csv", "recipe,task,score\na,q1,85%\na,q2,5 %\n", {},
     {("a", "q1"): 0.85, ("a", "q2"): 0.05}),
    ("nothing.csv", "recipe,task,score,cost\na,q1,NaN,$0.5\na,q2,n/a,NA\na,NA,1,null\n", {},
     {("a", "q1"): None, ("a", "q2"): None, ("a", "NA"): 1}),
    ("wide.csv", "task,gpt-4,claude\nq1,1,0\nq2,,1\n", {"columns": {"score": "gpt-4|claude"}},
     {("gpt-4", "q1"): 1, ("gpt-4", "q2"): None, ("claude", "q1"): 0, ("claude", "q2"): 1}),
    ("verdicts.csv", "recipe,task,criterion,weight,verdict\na,q,c1,3,PASS\na,q,c2,1,Not met\n"
     "b,q,c1,3,partial\nb,q,c2,1,yes\n", {}, {("a", "q"): 0.75, ("b", "q"): 0.625}),
    ("nested.parquet", NESTED, {"columns": {"recipe": "m", "task": "item.id",
     "score": "item.tags[k=x].v"}}, {("a", "q1"): 0.1, ("b", "q1"): 0.7}),
    ("epochs.json", inspect_log([
        inspect_sample(1, "C"), inspect_sample(1, "I", 2), inspect_sample(2, "C", 2),
        inspect_sample(2, None, 1, scores=None, error={"message": "boom"})]), {},
     {("m", "1"): [1, 0], ("m", "2"): [1, None]}),
    ("several.json", inspect_log(two(right={"a": 1, "b": 0}, wrong={"a": 0, "b": 1})), {},
     {("m", "1"): 1, ("m", "2"): 0}),
    ("list.json", inspect_log(two(right=[1, 0], wrong=[0, 1])),
     {"columns": {"score": "scores.match.value.1"}}, {("m", "1"): 0, ("m", "2"): 1}),
    ("truth.json", inspect_log(two(right=True, wrong=False)), {}, {("m", "1"): 1, ("m", "2"): 0}),
    ("ten.json", inspect_log(two(right=10, wrong=1)), {"scale": "1..10"},
     {("m", "1"): 1, ("m", "2"): 0}),
    ("stopped.json", {**inspect_log(two(right="C", wrong="N")), "results": None,
     "status": "cancelled"}, {}, {("m", "1"): 1, ("m", "2"): 0}),
    (DATED, [lm_eval_row(k, float(f == "b" or k), f) for f in "ab" for k in range(2)],
     {"where": {"filter": "b"}, "constants": {"recipe": "m"}}, {("m", "0"): 1, ("m", "1"): 1}),
    (DATED, [{"doc_id": k, "resps": [[[-1.0, False]]], "filtered_resps": [[-1.0, False]],
              "acc": float(k), "acc_norm": 1.0} for k in range(2)],
     {"constants": {"recipe": "m"}}, {("m", "0"): 0, ("m", "1"): 1}),
    ("samples_sums.jsonl", json.dumps([lm_eval_row(k, float(k)) for k in range(2)], indent=1), {},
     {("sums", "0"): 0, ("sums", "1"): 1}),
    ("out.csv", sheet(["[openai:a] Q: {{q}}", "[b, c] Q: {{q}}\nmore"], [(1, 0), (0.5, 1)]), {},
     {("openai:a", "t0"): 1, ("openai:a", "t1"): 0.5, ("b, c", "t0"): 0, ("b, c", "t1"): 1}),
    ("prompts.csv", sheet(["[a] p1", "[a] p2"], [(1, 0)], ("q", "z"), described=False), {},
     {("a / p1", "0"): 1, ("a / p2", "0"): 0}),
    ("without-numbers.json", results(*(
        {k: v for k, v in promptfoo_row(t, "a", s, vars={"q": t}).items() if k != "testIdx"}
        | {"testCase": {}} for t, s in ((0, 1), (1, 0)))), {}, {("a", "0"): 1, ("a", "1"): 0}),
    ("e.jsonl", [eee_row("s1", 1.0, input="What?", output="7"),
                 eee_row("s2", 0.0, input=None, output=None),
                 eee_row("s3", 0.5, output=None, messages=[{"role": "assistant", "content": "x"}])],
     {}, {("org/m", "s1"): 1, ("org/m", "s2"): 0, ("org/m", "s3"): 0.5}),
    ("arena.jsonl", DUELS, {}, {("x", "1"): 1, ("y", "1"): 0, ("x", "2"): 0.5, ("y", "2"): 0.5,
                                ("x", "3"): 0.25, ("y", "3"): 0.75}),
    ("pairs.jsonl", [{**PAIR, "g1_winner": "model_1", "g2_winner": "tie"},
                     {**PAIR, "turn": 2, "g1_winner": "error", "g2_winner": "model_2"}],
     {"columns": PAIRS}, {("x", "81/1"): 0.75, ("y", "81/1"): 0.5,
                          ("x", "81/2"): 0, ("y", "81/2"): 0.5}),
    ("games.jsonl", [{"question_id": "q", "model": m, "games": [{"score": a}, {"score": b}]}
                     for m, a, b in (("x", "B>>A", "A>B"), ("y", "A=B", None))],
     {"columns": {"recipe": "model", "preference": "games.1.score+games.0.score"},
      "constants": {"against": "base"}},
     {("x", "q"): 1, ("y", "q"): 0.5, ("base", "q"): 0.5}),
    ("events.jsonl", [{"spec": {"eval_name": "x"}},
                      *({"sample_id": f"s{k}", "type": "match", "data": {"correct": bool(k)}}
                        for k in range(2)), {"final_report": {"accuracy": 0.5}}],
     {"columns": {"score": "data.correct"}, "constants": {"recipe": "m"},
      "where": {"type": "match"}}, {("m", "s0"): 0, ("m", "s1"): 1}),
]  # fmt: skip
"""name, content, options, scores"""


@pytest.mark.parametrize(("name", "content", "options", "wanted"), READ,
                         ids=[f"{k}-{row[0].split('.')[0]}" for k, row in enumerate(READ)])  # fmt: skip
def test_odd_files_of_other_tools_are_read_at_their_own_scores(
    tmp_path, name, content, options, wanted
):
    """Each of these was refused, or read as something else, by an earlier version."""
    assert scores(read_trials(written(tmp_path, name, content), **options)) == wanted


REFUSED = [
    ("comma.csv", "recipe;task;score\na;q;0,85\n", "score '0,85'; give a number .with a point"),
    ("book.xlsx", b"PK\x03\x04" + b"x" * 50, "a ZIP file or workbook, not text; save"),
    ("book.csv", b"PK\x03\x04" + b"x" * 50, "a ZIP file or workbook, not text; save"),
    ("wide.csv", "task,gpt-4,claude\nq1,1,0\n", r"--columns 'score=gpt-4\|claude'"),
    ("cut.jsonl.zst", zstd(jsonl(ROWS).encode())[:-9], "not whole zstd"),
    ("cut.csv.gz", gzip.compress(TABLE.encode())[:-9], "not whole gzip"),
    ("cut.json.xz", lzma.compress(b"[]" * 99)[:-9], "not whole xz"),
    ("pointer.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    (DATED, [{"doc_id": 1, "resps": [[-1.0]], "filtered_resps": [-1.0], "ppl": [-1.0, 3],
              "metrics": ["ppl"]}], "no metric .ppl. is a score"),
    ("grid.json", {"t1": {"m": 1, "n": 0}, "t2": {"m": 0, "n": 1}}, "say where its rows stand"),
    ("half.jsonl", '[{"recipe": "a"},\n{"recipe"', "not a JSON object"),
    ("lines.jsonl", '{"a": 1}\n5\n"x"\n', r"lines\.jsonl:2: .*stands alone"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "what"), REFUSED,
                         ids=[f"{k}-{row[0].split('.')[0]}" for k, row in enumerate(REFUSED)])  # fmt: skip
def test_odd_files_that_cannot_be_read_say_what_to_do(tmp_path, name, content, what):
    """A refusal is worth what its way out is worth."""
    with pytest.raises(TableError, match=what):
        read_trials(written(tmp_path, name, content))


def test_a_changed_log_is_refused_by_its_name_and_not_by_a_traceback(tmp_path):
    """Tools change their formats; a Python error says nothing to who has the file."""
    path = written(tmp_path, "log.json", {**inspect_log([]), "samples": ["x", "y"]})
    with pytest.raises(TableError, match="looks like Inspect log, but parts of it"):
        read_trials(path)


# Shapes at random

PLAIN = st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text(max_size=4)
ANY = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "score", "id", "a", "content"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
LOGS = {
    "inspect.json": inspect_log([inspect_sample(1, "C"), inspect_sample(2, {"a": 1})]),
    "inspect.eval": inspect_log([inspect_sample(1, "C"), inspect_sample(2, "I")]),
    "promptfoo.json": results(promptfoo_row(0, "a", 1), promptfoo_row(1, "b", 0)),
    "promptfoo.jsonl": [promptfoo_row(0, "a", 1), promptfoo_row(1, "b", 0)],
    DATED: [lm_eval_row(k, 1.0, f) for f in "ab" for k in range(2)],
    "eee.jsonl": [eee_row("s1", 1.0), eee_row("s2", 0.0, error="x")],
    "eee.json": {
        "evaluation_id": "e", "model_info": {"name": "m", "id": "o/m"},
        "evaluation_results": [{"evaluation_name": "b", "score_details": {"score": 0.5},
                                "metric_config": {"min_score": 0, "max_score": 1}}]},
    "arena.jsonl": DUELS,
    "table.json": ROWS,
}  # fmt: skip


def places(value, above=()):
    """Paths to everything inside a document."""
    yield above
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from places(inner, (*above, key))


@st.composite
def damaged(draw):
    """Name and content of a log of which up to three parts are something else, or gone."""
    name = draw(st.sampled_from(sorted(LOGS)))
    log = copy.deepcopy(LOGS[name])
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from([p for p in places(log) if p]))
        inside = log
        for key in above:
            inside = inside[key]
        if draw(st.booleans()):
            inside[last] = draw(ANY)
        elif isinstance(inside, dict):
            del inside[last]
    return name, log


def stored(folder, name, log):
    """The damaged log as a file of its kind; None where it can be none."""
    if name.endswith(".eval"):
        if not all(isinstance(s, dict) and {"id", "epoch"} <= s.keys()
                   for s in log.get("samples") or [None]):  # fmt: skip
            return None
        try:
            return eval_file(folder / name, log)
        except (ValueError, TypeError, KeyError):
            return None
    if name.endswith("l"):
        return lines(folder / name, log)
    return written(folder, name, log)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=damaged())
def test_no_damage_to_a_log_makes_a_traceback(tmp_path_factory, case):
    """A version that writes one field as something else must not end in an error of Python."""
    name, log = case
    path = stored(tmp_path_factory.mktemp("log"), name, log)
    if path is None:
        return
    try:
        trials = read_trials(path)
    except TableError as problem:
        text = "\n".join(problem.problems)
        assert "Error" not in text.replace("TableError", "")
        assert text.strip()
        return
    assert trials["score"].dropna().between(0, 1).all()
    assert (trials["cost_usd"].dropna() >= 0).all()


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cf"]),
                min_size=1, max_size=6).filter(lambda t: t == t.strip())  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]),
                max_size=9)  # fmt: skip
GRID = st.lists(
    st.tuples(WORDS, WORDS, st.integers(0, 1000).map(lambda k: k / 1000), TEXTS),
    min_size=1, max_size=6, unique_by=lambda row: row[:2],
)  # fmt: skip
FORMS = ("csv", "tsv", "semicolons", "utf-16", "gz", "zst", "jsonl", "json", "columns", "parquet")


def in_form(folder, form, rows):
    """A table of these rows in one of the forms."""
    names = ("recipe", "task", "score", "answer", "mood")
    if form == "parquet":
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        return written(folder, "t.parquet", pa.table(columns))
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    if form in ("jsonl", "json"):
        return written(folder, f"t.{form}", objects)
    if form == "columns":
        return written(folder, "t.json", {n: [o[n] for o in objects] for n in names})
    text = io.StringIO(newline="")
    table = csv.writer(text, delimiter={"tsv": "\t", "semicolons": ";"}.get(form, ","))
    table.writerows([names, *rows])
    raw = text.getvalue().encode("utf-16" if form == "utf-16" else "utf-8")
    if form in ("gz", "zst"):
        packed = gzip.compress(raw) if form == "gz" else zstd(raw)
        return written(folder, f"t.csv.{form}", packed)
    return written(folder, "t.tsv" if form == "tsv" else "t.csv", raw)


@settings(max_examples=80, deadline=None)
@given(rows=GRID, form=st.sampled_from(FORMS))
def test_every_cell_of_a_table_comes_through_in_every_form(tmp_path_factory, rows, form):
    """A cell that a reader drops or changes is a wrong number with exit 0."""
    folder = tmp_path_factory.mktemp("forms")
    path = in_form(folder, form, [(*row, "x") for row in rows])
    run = import_results(path, output_dir=folder / "runs")
    assert scores(frames.trials(run)) == {row[:2]: row[2] for row in rows}
    assert run.manifest["ignored_columns"] == ["mood"]
    if any(answer for *_, answer in rows):
        kept = (json.loads(line) for line in (run.path / "answers.jsonl").open("r", newline="\n"))
        answers = {(one["recipe"], one["task"]): one["answer"] for one in kept}
        assert answers == {row[:2]: row[3] or None for row in rows}


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(st.dictionaries(st.sampled_from(["id", "question", "answer", "prompt", "target",
       "turns", "choices", "criteria", "domain", "x"]), ANY, max_size=5), max_size=4),
       name=st.sampled_from(["t.jsonl", "t.json", "t.csv", "t.parquet"]))  # fmt: skip
def test_no_shape_of_a_task_file_makes_a_traceback(tmp_path_factory, rows, name):
    """A table of questions of any shape is somebody's first contact with the tool."""
    folder = tmp_path_factory.mktemp("tasks")
    content = rows
    if name == "t.csv":
        columns = sorted({key for row in rows for key in row})
        text = io.StringIO()
        table = csv.writer(text)
        table.writerows([columns, *([row.get(c) for c in columns] for row in rows)])
        content = text.getvalue()
    elif name == "t.parquet":
        try:
            content = pa.Table.from_pylist(rows) if any(rows) else pa.table({"id": ["a"]})
            pq.write_table(content, folder / "try.parquet")
        except (pa.ArrowException, OverflowError, UnicodeError):
            return
    try:
        tasks = load_tasks(written(folder, name, content)).tasks
    except TaskFileError as problem:
        told = list(problem.problems)
    else:
        told = [name] * (len(tasks) <= len(rows))
    assert told
    assert all(name in text or text.startswith("…") for text in told)
