"""Verdicts and scores from elsewhere, and the real public ones."""

import gzip
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from made_worlds import GOLDEN

from fusion_eval import frames, stats
from fusion_eval.errors import TableError
from fusion_eval.importing import import_table, import_verdicts
from fusion_eval.store import read_run

PUBLIC = Path(__file__).parents[2] / "results" / "draco-public"
CRITERIA = """task,criterion,weight,section,domain
t1,good,10,facts,Law
t1,more,10,style,Law
t1,bad,-20,facts,Law
t2,good,5,facts,Science
"""


def _write(folder, name, text):
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def criteria(tmp_path):
    return _write(tmp_path, "criteria.csv", CRITERIA)


def _import(tmp_path, text, criteria=None, name="table.csv", **options):
    return import_table(
        _write(tmp_path, name, text), criteria, output_dir=tmp_path / "results", **options
    )


def _problems(tmp_path, text, criteria=None, name="table.csv", **options):
    with pytest.raises(TableError) as caught:
        _import(tmp_path, text, criteria, name, **options)
    assert not (tmp_path / "results").exists(), "a refused table must leave nothing behind"
    return caught.value.problems


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    return import_verdicts(
        PUBLIC / "verdicts.parquet",
        criteria=PUBLIC / "criteria.parquet",
        output_dir=tmp_path_factory.mktemp("public"),
    )


def test_public_verdicts_give_the_published_means_and_the_tasks_behind_them(public):
    """If real data come out wrong by 0.01 points, nothing we print can be trusted."""
    wide = frames.per_task(frames.trials(public))
    golden = GOLDEN["trustedrouter"]

    for system, points in golden["means"].items():
        assert 100 * wide[system].mean() == pytest.approx(points, abs=0.005), system
    for system in wide.columns:
        assert wide[system].notna().sum() == golden["tasks"].get(system, 100), system
    with_zero = 100 * wide["fusion_sota5_glmfuser"].fillna(0).mean()
    assert with_zero == pytest.approx(golden["glmfuser_with_zero"], abs=0.005)


@pytest.mark.parametrize(("a", "b", "points", "se", "conclusion"), GOLDEN["trustedrouter"]["pairs"])
def test_public_differences_errors_and_conclusions_are_as_known(
    public, a, b, points, se, conclusion
):
    """The two known pairs: one that is decided and one that only looks so."""
    table = stats.compare(frames.trials(public), b).set_index("a")

    assert 100 * table.loc[a, "difference"] == pytest.approx(points, abs=0.01)
    assert 100 * table.loc[a, "se"] == pytest.approx(se, abs=0.01)
    assert table.loc[a, "conclusion"] == conclusion


def test_public_gaps_are_counted_and_named_in_the_caveat(public):
    """The published table hid that four systems miss tasks."""
    table = stats.compare(frames.trials(public), "fusion_sota5_opus").set_index("a")

    row = table.loc["fusion_sota5_glmfuser"]
    assert row["n"] == 99
    assert "misses 1 task (e179559d-08fd-4ca7-9f1b-5637d956b3d4)" in row["caveat"]
    assert "misses 6 tasks" in table.loc["fusion_opus_selffusion", "caveat"]
    assert "misses" not in table.loc["fusion_frontier_kimi", "caveat"]


def test_public_weights_survived_the_way_into_parquet():
    """A weight of -500 cut to a byte would turn needles into nothing."""
    weights = pd.read_parquet(PUBLIC / "criteria.parquet")["weight"]

    assert (len(weights), (weights < 0).sum(), weights.min(), weights.max()) == (
        3934,
        415,
        -500,
        20,
    )


def test_a_run_made_by_import_opens_like_any_other(public):
    """Report, compare and gate must not need to know where a run comes from."""
    run = read_run(public.path)

    assert run.id == public.path.name
    assert not run.simulated
    assert run.manifest["status"] == "finished"
    assert run.manifest["source"]["file"] == "verdicts.parquet"
    assert len(run.manifest["source"]["sha256"]) == 64
    assert run.manifest["tasks"]["count"] == 100
    assert len(frames.verdicts(run)) == 78202
    assert len(frames.calls(run)) == 0
    assert frames.trials(run)["cost_usd"].isna().all()


def test_scores_follow_the_weights_and_a_met_negative_criterion_costs_points(tmp_path, criteria):
    """With the sign of errors turned, the worst answers would win."""
    text = "recipe,task,criterion,verdict\na,t1,good,1\na,t1,more,1\na,t1,bad,0\n"
    text += "b,t1,good,1\nb,t1,more,1\nb,t1,bad,1\n"

    trials = frames.trials(_import(tmp_path, text, criteria)).set_index("recipe")

    assert (trials.loc["a", "score"], trials.loc["b", "score"]) == (1.0, 0.0)
    assert trials.loc["a", "domain"] == "Law"


def test_every_spelling_of_a_verdict_is_read_and_empty_means_unreadable(tmp_path, criteria):
    """A harness that writes True instead of 1 must not lose its verdicts."""
    words = {"a": "1", "b": "true", "c": "Met", "d": "YES", "e": "0", "f": "False", "g": "unmet",
             "h": "no", "i": ""}  # fmt: skip
    text = "config,task_id,criterion_id,met\n"
    text += "".join(f"{recipe},t2,good,{word}\n" for recipe, word in words.items())

    run = _import(tmp_path, text, criteria)

    found = frames.verdicts(run).set_index("recipe")["verdict"].to_dict()
    assert [found[k] for k in "abcd"] == ["met"] * 4
    assert [found[k] for k in "efgh"] == ["unmet"] * 4
    assert found["i"] == "unreadable"
    assert frames.trials(run).set_index("recipe")["score"].isna().to_dict()["i"]


def test_a_verdict_that_is_not_there_opens_bounds_instead_of_counting_as_unmet(tmp_path, criteria):
    """A grader that skipped a criterion did not say no."""
    run = _import(tmp_path, "recipe,task,criterion,verdict\na,t1,good,1\na,t1,bad,0\n", criteria)

    trial = frames.trials(run).iloc[0]
    verdicts = frames.verdicts(run).set_index("criterion")["verdict"]

    assert verdicts["more"] == "not_graded"
    assert (trial["score"], trial["score_min"], trial["score_max"]) == (1.0, 0.5, 1.0)
    assert trial["coverage"] == pytest.approx(2 / 3)


def test_each_grading_pass_is_scored_on_its_own_and_then_averaged(tmp_path, criteria):
    """Pooling verdicts of two passes before clipping gives another number."""
    text = "recipe,task,criterion,verdict,grader,grader_pass\n"
    for grading, bad in ((0, 0), (1, 1)):
        text += f"a,t1,good,1,g,{grading}\na,t1,more,1,g,{grading}\na,t1,bad,{bad},g,{grading}\n"

    assert frames.trials(_import(tmp_path, text, criteria))["score"].tolist() == [0.5]


def test_failures_costs_and_latencies_come_along(tmp_path, criteria):
    """A failed trial has no verdicts; without its row it would vanish from the mean."""
    text = "recipe,task,criterion,verdict,cost_usd,latency_s,failure\n"
    text += "a,t1,good,1,0.02,3.5,\na,t1,more,0,,,\na,t2,,,0.01,,timeout\n"

    trials = frames.trials(_import(tmp_path, text, criteria)).set_index("task")

    assert trials.loc["t1", "cost_usd"] == 0.02
    assert trials.loc["t1", "latency_s"] == 3.5
    assert trials.loc["t2", "failure"] == "timeout"
    assert trials["score"].isna().to_dict() == {"t1": False, "t2": True}


@pytest.mark.parametrize(
    "name", ["t.csv", "t.csv.gz", "t.tsv", "t.jsonl", "t.jsonl.gz", "t.parquet"]
)
def test_every_format_gives_the_same_scores(tmp_path, name):
    """Numbers in JSON, text in CSV and types in Parquet must mean the same."""
    rows = [
        {"recipe": "a", "task": "007", "score": 0.25, "repeat": 0},
        {"recipe": "a", "task": "NA", "score": 1, "repeat": 1},
    ]
    path, frame = tmp_path / name, pd.DataFrame(rows)
    if name == "t.parquet":
        frame.to_parquet(path)
    elif "jsonl" in name:
        raw = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in name else ",")

    trials = frames.trials(import_table(path, output_dir=tmp_path / "out"))

    assert trials["task"].tolist() == ["007", "NA"]
    assert trials["score"].tolist() == [0.25, 1.0]
    assert trials["repeat"].tolist() == [0, 1]


def test_scores_above_1_are_refused_unless_the_scale_is_given(tmp_path):
    """71.5 read as 1.0 or as 71.5 would both be wrong without a word."""
    text = "recipe,task,score\na,x,71.5\na,y,0.4\n"

    (problem,) = _problems(tmp_path, text)
    assert "table.csv:2" in problem
    assert "--scale 100" in problem
    run = _import(tmp_path, text, scale=100)
    assert frames.trials(run)["score"].tolist() == pytest.approx([0.715, 0.004])


def test_all_problems_come_at_once_with_their_lines(tmp_path, criteria):
    """Mending a table one error per run is a morning lost."""
    text = "recipe,task,criterion,verdict\n"
    text += "a,t1,good,perhaps\n,t1,good,1\na,t1,goood,1\na,t9,good,1\na,t2,good,1\na,t2,good,0\n"

    problems = _problems(tmp_path, text, criteria)

    for line, what in [(2, "perhaps"), (3, "recipe is empty"), (4, "goood"), (5, "t9"),
                       (7, "second time")]:  # fmt: skip
        assert any(f"table.csv:{line}:" in p and what in p for p in problems), (line, problems)


def test_a_thousand_problems_are_shown_as_twenty_and_a_count(tmp_path, criteria):
    """A wall of text hides its first line."""
    text = "recipe,task,criterion,verdict\n" + "a,t2,good,maybe\n" * 1
    text += "".join(f"r{k},t2,good,maybe\n" for k in range(999))

    problems = _problems(tmp_path, text, criteria)

    assert len(problems) == 21
    assert problems[-1] == "… and 980 more problems"


@pytest.mark.parametrize(
    ("rubric", "what"),
    [
        ("task,criterion,weight\nt1,good,0\n", "weight '0'"),
        ("task,criterion,weight\nt1,good,\n", "weight ''"),
        ("task,criterion,weight\nt1,good,nan\n", "weight 'nan'"),
        ("task,criterion,weight\nt1,good,1\nt1,good,2\n", "second time"),
        ("task,criterion\nt1,good\n", "no column 'weight'"),
    ],
)
def test_a_rubric_without_proper_weights_is_refused(tmp_path, rubric, what):
    """A missing weight read as 0 silently drops the criterion from every score."""
    path = _write(tmp_path, "rubric.csv", rubric)

    problems = _problems(tmp_path, "recipe,task,criterion,verdict\na,t1,good,1\n", path)

    assert any(what in problem and "rubric.csv" in problem for problem in problems), problems


def test_missing_columns_are_named_and_can_be_mapped(tmp_path):
    """Guessed column names are how other tools score the wrong thing."""
    text = "my_recipe,task,score,mood\na,x,0.5,fine\n"

    (problem,) = _problems(tmp_path, text)
    assert "'recipe' or 'system' or 'config'" in problem
    assert "--columns recipe=my_recipe" in problem
    run = _import(tmp_path, text, columns={"recipe": "my_recipe"})
    assert frames.recipes(frames.trials(run)) == ["a"]
    assert run.manifest["ignored_columns"] == ["mood"]


def test_verdicts_without_criteria_and_tables_without_either_are_refused(tmp_path):
    """Equal weights by default would be a score that nobody asked for."""
    (first,) = _problems(tmp_path, "recipe,task,criterion,verdict\na,t1,good,1\n")
    (second,) = _problems(tmp_path, "recipe,task,grade\na,t1,5\n")

    assert "--criteria FILE" in first
    assert "no 'score' instead" in second


def test_files_that_cannot_be_read_say_why_and_what_to_do(tmp_path):
    """A traceback from a parser tells a user nothing."""
    latin = tmp_path / "latin.csv"
    latin.write_bytes("recipe,task,score\nné,x,0.5\n".encode("latin-1"))
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(b"recipe,task,score\na,x,0.5\n" * 99)[:-20])
    cases = {
        latin: "not UTF-8",
        broken: "not whole gzip",
        _write(tmp_path, "empty.csv", ""): "empty",
        _write(tmp_path, "line.jsonl", '{"recipe": "a"}\n{oops\n'): "line.jsonl:2",
        _write(tmp_path, "list.jsonl", "[1]\n"): "not a JSON object",
        _write(tmp_path, "table.xlsx", "x"): "format unknown",
        tmp_path: "a folder",
        tmp_path / "latn.csv": "did you mean latin.csv",
    }
    for path, what in cases.items():
        with pytest.raises(TableError, match=what):
            import_table(path, output_dir=tmp_path / "out")


def test_a_task_hash_changes_with_the_rubric_and_not_with_its_order(tmp_path):
    """Runs pair by it: other weights make another task, sorted rows do not."""
    head, *lines = CRITERIA.strip().splitlines()
    rubrics = [CRITERIA, "\n".join([head, *lines[::-1]]), CRITERIA.replace("good,10", "good,11")]
    hashes = []
    for k, rubric in enumerate(rubrics):
        path = _write(tmp_path, f"rubric{k}.csv", rubric)
        run = _import(tmp_path, "recipe,task,criterion,verdict\na,t1,good,1\n", path)
        hashes.append(frames.trials(run)["task_hash"][0])

    assert hashes[0] == hashes[1] != hashes[2]


def test_two_imports_never_share_a_directory_and_one_never_overwrites(tmp_path):
    """Losing an earlier run to a later one would be noticed too late."""
    text = "recipe,task,score\na,x,0.5\n"

    first, second = _import(tmp_path, text), _import(tmp_path, text)

    assert first.path != second.path
    assert (tmp_path / "results" / "latest").resolve() == second.path
    with pytest.raises(TableError, match="exists already"):
        _import(tmp_path, text, run_id=first.id)


def test_the_run_id_has_the_time_in_utc(tmp_path, monkeypatch):
    """Sorted by name, an import east of Greenwich stood after a run that came later."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")  # 14 hours ahead
    time.tzset()
    try:
        run = _import(tmp_path, "recipe,task,score\na,x,0.5\n")
    finally:
        monkeypatch.undo()
        time.tzset()

    stamp = datetime.strptime(run.id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - stamp) < timedelta(hours=1)


def test_a_trial_with_two_different_costs_is_refused(tmp_path, criteria):
    """Taking the first one silently would pick by the order of rows."""
    text = "recipe,task,criterion,verdict,cost_usd\na,t1,good,1,0.02\na,t1,more,1,0.03\n"

    (problem,) = _problems(tmp_path, text, criteria)

    assert "two values of cost_usd" in problem


def test_verdicts_are_scored_by_the_policy_that_is_named(tmp_path):
    """HealthBench's answers may score below 0; by DRACO's formula they would all be 0 there."""
    criteria = _write(tmp_path, "criteria.csv", CRITERIA)
    table = "recipe,task,criterion,verdict\nr,t1,good,1\nr,t1,more,0\nr,t1,bad,1\nr,t2,good,1\n"
    verdicts = _write(tmp_path, "verdicts.csv", table)
    named = {
        policy: frames.trials(import_table(verdicts, criteria, score=policy, output_dir=tmp_path))
        for policy in ("draco", "healthbench", "prbench")
    }
    assert {k: list(t["score"]) for k, t in named.items()} == {
        "draco": [0.0, 1.0],
        "healthbench": [-0.5, 1.0],
        "prbench": [0.25, 1.0],
    }
    assert {k: set(t["policy"]) for k, t in named.items()} == {k: {k} for k in named}
    assert len({hash_ for t in named.values() for hash_ in t["task_hash"]}) == 6
    with pytest.raises(TableError, match="no score policy 'dracula' for a table; draco, "):
        import_table(verdicts, criteria, score="dracula", output_dir=tmp_path)
