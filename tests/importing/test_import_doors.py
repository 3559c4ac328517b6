"""Any table comes in, and nothing that stands in it is lost without a word."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion_eval import frames
from fusion_eval.errors import TableError
from fusion_eval.importing import import_results, read_trials
from fusion_eval.stats.preferences import preferences


def table(folder, text, name="table.csv"):
    """A file with this text."""
    path = folder / name
    path.write_text(text if isinstance(text, str) else json.dumps(text), "utf-8")
    return path


def scores(trials):
    """(recipe, task) -> score."""
    return {(r, t): s for r, t, s in zip(trials["recipe"], trials["task"], trials["score"],
                                         strict=True)}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("recipe,task,score\na,q1,0,85\na,q2,0.9\n", r"table\.csv:2: 4 cells where .* has 3"),
        ('recipe,task,score\na,"q\n1",0.5\na,q2,0,9\n', r"table\.csv:4: 4 cells"),
        ("recipe,task,score,score\na,q1,0.5,0.9\n", r"table\.csv:1: two columns named 'score'"),
        ("recipe,task,score\n", "a header and no rows"),
        ('recipe,task,score\na,"q1,0.5\n', "not CSV"),
    ],
)
def test_a_row_or_column_too_many_is_refused_with_its_line(tmp_path, text, what):
    """0,85 was read as 0 and the second of two columns was dropped, exit 0."""
    with pytest.raises(TableError, match=what):
        read_trials(table(tmp_path, text))


def test_doubled_keys_of_json_are_refused(tmp_path):
    """JSON keeps the last of two scores, and nobody sees the first."""
    path = table(tmp_path, '{"recipe": "a", "task": "q", "score": 0, "score": 1}\n', "t.jsonl")
    with pytest.raises(TableError, match=r"t\.jsonl:1: .*'score' stands twice"):
        read_trials(path)


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c"])
def test_a_line_of_jsonl_ends_at_a_line_feed_only(tmp_path, mark):
    """Answers hold every separator of Unicode; such files of our own were refused."""
    row = {"recipe": "a", "task": f"q{mark}1", "score": 0.5, "answer": f"one{mark}two"}
    path = table(tmp_path, json.dumps(row, ensure_ascii=False) + "\n", "t.jsonl")
    assert read_trials(path)["score"].tolist() == [0.5]


@pytest.mark.parametrize(("separator", "name"), [(";", "t.csv"), ("\t", "t.csv"), ("\t", "t.tsv")])
def test_semicolons_and_tabs_are_seen_in_the_header(tmp_path, separator, name):
    """Half of Europe's spreadsheets write semicolons."""
    text = f"recipe{separator}task{separator}score\na{separator}q{separator}0.25\n"
    assert scores(read_trials(table(tmp_path, text, name))) == {("a", "q"): 0.25}


def test_clusters_come_along_and_every_column_that_is_not_used_is_named(tmp_path):
    """Without its clusters the same table gives the opposite conclusion."""
    text = "recipe,task,score,cluster,mood,weather\na,q,1,book-1,fine,rain\n"
    run = import_results(table(tmp_path, text), output_dir=tmp_path / "runs")
    assert frames.trials(run)["cluster"].tolist() == ["book-1"]
    assert run.manifest["ignored_columns"] == ["mood", "weather"]


@pytest.mark.parametrize("word", ["", "False", "false", "0", "None", "none", "null", "NaN", "no"])
def test_a_failure_that_says_no_is_none(tmp_path, word):
    """A harness with a column of booleans had every answer failed, and every score 0."""
    trials = read_trials(table(tmp_path, f"recipe,task,score,failure\na,q,0.5,{word}\n"))
    assert trials["failure"].isna().all()
    assert trials["score"].tolist() == [0.5]


@pytest.mark.parametrize("word", ["True", "1", "yes", "timeout"])
def test_a_failure_that_says_yes_is_one_and_has_no_score(tmp_path, word):
    """A score beside a failure would count an answer that nobody got."""
    trials = read_trials(table(tmp_path, f"recipe,task,score,failure\na,q,0.5,{word}\n"))
    assert trials["failure"].tolist() == ["timeout" if word == "timeout" else "failed"]
    assert trials["score"].isna().all()


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("C I P N", [1, 0, 0.5, 0]),
        ("pass fail PASS Failed", [1, 0, 1, 0]),
        ("true False TRUE no", [1, 0, 1, 0]),
        ("correct incorrect partial yes", [1, 0, 0.5, 1]),
    ],
)
@pytest.mark.parametrize("scale", ["1", "100"])
def test_words_for_scores_are_read_whatever_the_scale(tmp_path, words, values, scale):
    """`true` under --scale 100 was one point of a hundred."""
    rows = "".join(f"a,q{k},{word}\n" for k, word in enumerate(words.split()))
    trials = read_trials(table(tmp_path, f"recipe,task,score\n{rows}"), scale=scale)
    assert trials["score"].tolist() == values


def test_a_scale_may_have_two_ends_and_a_mark_for_missing(tmp_path):
    """A judge's 1 of 10 is no tenth of full marks, and its -1 is no score at all."""
    text = "model,question_id,turn,score\nm,81,1,10\nm,81,2,1\nm,82,1,-1\nm,82,2,5.5\n"
    path = table(tmp_path, text)
    columns = {"task": "question_id+turn", "cluster": "question_id"}
    with pytest.raises(TableError, match="--missing TEXT"):
        read_trials(path, columns=columns, scale="1..10")
    trials = read_trials(path, columns=columns, scale="1..10", missing=["-1"])
    assert trials["task"].tolist() == ["81/1", "81/2", "82/1", "82/2"]
    assert trials["score"].fillna(-9).tolist() == [1.0, 0.0, -9, 0.5]
    assert trials["cluster"].tolist() == ["81", "81", "82", "82"]


NESTED = {
    "meta": {"date": "today"},
    "results": {
        "model": "m1",
        "items": [
            {"name": "q1", "grade": {"value": True, "parts": [{"k": "a"}, {"k": "b", "v": 4}]}},
            {"name": "q2", "grade": {"value": False, "parts": [{"k": "b", "v": 8}]}},
        ],
    },
}  # fmt: skip


def test_rows_inside_json_are_reached_by_a_path_and_cells_too(tmp_path):
    """Nearly every harness nests its rows; without a path none of them can be read."""
    path = table(tmp_path, NESTED, "out.json")
    with pytest.raises(TableError, match=r"--at results\.items \(2 rows\)"):
        read_trials(path)
    run = import_results(
        path, at="results.items", output_dir=tmp_path / "runs",
        columns={"recipe": "up.model", "task": "name", "score": "grade.value",
                 "tokens_out": "grade.parts[k=b].v"},
    )  # fmt: skip
    trials = frames.trials(run)
    assert scores(trials) == {("m1", "q1"): 1.0, ("m1", "q2"): 0.0}
    assert trials["tokens_out"].tolist() == [4, 8]


def test_keys_of_objects_become_columns_where_the_path_has_a_star(tmp_path):
    """A grid of task by system has no columns at all."""
    grid = {"t1": {"x": [51.5, "g"], "y": [20, "g"]}, "t2": {"x": [60, "s"], "y": [None, "s"]}}
    trials = read_trials(
        table(tmp_path, grid, "grid.json"), at="*.*", scale=100,
        columns={"task": "key1", "recipe": "key2", "score": "0", "grader": "1"},
    )  # fmt: skip
    assert {k: v for k, v in scores(trials).items() if not math.isnan(v)} == {
        ("x", "t1"): 0.515, ("y", "t1"): 0.2, ("x", "t2"): 0.6,
    }  # fmt: skip


def test_one_recipe_of_a_file_is_given_by_set_and_several_files_are_one_run(tmp_path):
    """One file a model is how most harnesses write."""
    text = "doc_id,exact_match\n0,1\n1,0\n"
    path = table(tmp_path, text)
    assert scores(read_trials(path, constants={"recipe": "m"})) == {("m", "0"): 1, ("m", "1"): 0}
    folder = tmp_path / "many"
    folder.mkdir()
    for name in ("m1", "m2"):
        table(folder, f"model,{text.replace(chr(10), chr(10) + name + ',', 2)}", f"{name}.csv")
    assert set(scores(read_trials(folder))) == {(m, t) for m in ("m1", "m2") for t in ("0", "1")}
    assert len(read_trials([folder / "m1.csv", folder / "m2.csv"])) == 4


def test_only_rows_that_are_asked_for_are_read(tmp_path):
    """One table of all benchmarks is what publishers give."""
    text = "recipe,task,score,bench\na,q1,1,x\na,q2,0,y\na,q3,1,x\n"
    trials = read_trials(table(tmp_path, text), where={"bench": "x"})
    assert trials["task"].tolist() == ["q1", "q3"]
    with pytest.raises(TableError, match="no row is left"):
        read_trials(table(tmp_path, text), where={"bench": "z"})


def test_rows_of_one_task_are_numbered_as_repeats_when_asked(tmp_path):
    """A table without a column for repeats is refused, and must have a way out."""
    path = table(tmp_path, "recipe,task,score\na,q,1\na,q,0\na,p,1\n")
    with pytest.raises(TableError, match="repeat=#"):
        read_trials(path)
    assert read_trials(path, columns={"repeat": "#"})["repeat"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("names", "recipe"),
    [
        ("model,question_id,correct", "m"), ("system,sample_id,is_correct", "m"),
        ("config,doc_id,acc", "m"), ("generator,item,passed", "m"), ("agent,task,resolved", "m"),
    ],
)  # fmt: skip
def test_common_names_of_columns_are_known(tmp_path, names, recipe):
    """Every harness has its own word for the same three things."""
    trials = read_trials(table(tmp_path, f"{names}\nm,7,1\n"))
    assert scores(trials) == {(recipe, "7"): 1.0}


def test_units_in_names_of_columns_are_heeded(tmp_path):
    """120 ms taken for 120 s would turn a deadline round."""
    trials = read_trials(table(tmp_path, "model,task,score,latency_ms\nm,q,1,120\n"))
    assert trials["latency_s"].tolist() == [0.12]


def test_whole_numbers_of_parquet_stay_whole_beside_an_empty_cell(tmp_path):
    """Task 42 became task 42.0, and paired with nothing."""
    frame = pd.DataFrame({"recipe": "a", "task": [42, 2**53 + 1, 7], "score": [0.1, None, 1.0]})
    frame = frame.astype({"score": "float32"})
    frame.to_parquet(tmp_path / "t.parquet")
    trials = read_trials(tmp_path / "t.parquet")
    assert trials["task"].tolist() == ["42", str(2**53 + 1), "7"]
    assert trials["score"].iloc[0] == 0.1


def test_preferences_in_all_their_spellings_give_one_score(tmp_path):
    """Who won is written in ten ways; 1..2 read as a score would make every tie a win."""
    head = "model_a,model_b,question_id,winner\n"
    rows = "x,base,1,model_a\nx,base,2,model_b\nx,base,3,tie\nx,base,4,A>B\nx,base,5,x\n"
    columns = {"recipe": "model_a", "against": "model_b", "preference": "winner"}
    trials = read_trials(table(tmp_path, head + rows), columns=columns)
    assert [scores(trials)["x", str(k)] for k in range(1, 6)] == [1, 0, 0.5, 1, 1]
    assert [scores(trials)["base", str(k)] for k in range(1, 6)] == [0.5] * 5
    graded = "generator_2,generator_1,instruction,preference\nx,base,hi,1.75\nx,base,ho,1\n"
    columns = {"recipe": "generator_2", "against": "generator_1", "task": "instruction"}
    trials = read_trials(table(tmp_path, graded), columns=columns, scale="1..2")
    assert scores(trials)["x", "hi"] == 0.75
    assert scores(trials)["x", "ho"] == 0.0


def test_both_orders_of_a_duel_are_one_score(tmp_path):
    """Taken as two answers they would halve every interval."""
    rows = "x,base,1,a\nbase,x,1,a\nx,base,2,a\nbase,x,2,b\n"
    columns = {"recipe": "first", "against": "second", "preference": "winner"}
    run = import_results(
        table(tmp_path, f"first,second,task,winner\n{rows}"), columns=columns,
        output_dir=tmp_path / "runs",
    )  # fmt: skip
    trials = frames.trials(run)
    assert scores(trials)["x", "1"] == 0.5  # won where it stood first, lost where second
    assert scores(trials)["x", "2"] == 1.0
    assert len(trials[trials["recipe"] == "x"]) == 2
    table_of_orders = preferences(frames.verdicts(run)).set_index("recipe")
    assert table_of_orders.loc["x", ["pairs", "agree", "first_wins"]].tolist() == [2, 0.5, 0.75]


CELLS = st.text(alphabet='ab1.,;"\n\r\t \u2028\x00é=-', max_size=6)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.lists(CELLS, min_size=0, max_size=5), min_size=0, max_size=5))
def test_no_shape_of_a_table_makes_a_traceback_or_loses_a_cell(tmp_path_factory, rows):
    """What a parser cuts off is a wrong number with exit 0."""
    folder = tmp_path_factory.mktemp("shapes")
    text = "recipe,task,score\n" + "\n".join(",".join(row) for row in rows)
    try:
        trials = read_trials(table(folder, text))
    except TableError:
        return
    taken = {str(v) for name in ("recipe", "task") for v in trials[name]}
    values = [s for s in trials["score"] if not math.isnan(s)]
    whole = text.split("\n", 1)[1].replace('"', "").replace("\r", "\n")
    for part in taken:
        assert part.replace('"', "").split("\n")[0].strip() in whole
    assert len(trials) <= len(rows) + sum(
        cell.count("\n") + cell.count("\r") for r in rows for cell in r
    )
    assert all(0 <= v <= 1 for v in values)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text("ab.*[]=", max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["recipe", "task", "score", "eval", "results", "x.y", "*"]),
                      inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(value=JSONS, at=st.none() | st.sampled_from(["results", "*", "*.*", "results.*", "x.y"]))
def test_no_json_document_makes_a_traceback(tmp_path_factory, value, at):
    """A file that is none of ours must be refused with a sentence."""
    path = table(tmp_path_factory.mktemp("json"), json.dumps(value), "t.json")
    try:
        assert len(read_trials(path, at=at))
    except TableError as problem:
        assert "t.json" in problem.problems[0] or "--at" in problem.problems[0]  # noqa: PT017
