"""Labelling in `fusion-eval view`: blind, by keyboard, by several people, and never lost."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_gradings import PERFECT, frames_of, graders, grading, pool, solo
from made_hostile import HOSTILE
from made_pages import browsing, watched
from made_runs import made_run, trial, write_run
from made_views import viewed

import fusion_eval as fe
from fusion_eval import frames, labelling, report
from fusion_eval.errors import InputError
from fusion_eval.store import read_run, write_lines
from fusion_eval.viewing.draws import Draw
from fusion_eval.viewing.journal import MARKS, Journal, Labeller, checked_name

NAMES = ["recipe-one", "recipe-two"]
KEYS = {"met": "m", "unmet": "u", "?": "?"}


@pytest.fixture(scope="module")
def browser():
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Two recipes on 100 rubrics, more than a hundred labels of each drawn."""
    world = graders({"strix/owl": grading(0.92, 0.90), "raptor/condor": PERFECT})
    recipes = [solo(NAMES[0], "wader/heron"), solo(NAMES[1], "meadow/lark")]
    trials, verdicts = frames_of(pool(world, recipes, ["strix/owl"], 1), NAMES, ["strix/owl"])
    rows = [
        r | {"score": 0.5, "answer_hash": f"h{k}"} for k, r in enumerate(trials.to_dict("records"))
    ]
    run = write_run(
        tmp_path_factory.mktemp("labels") / "results" / "r",
        rows,
        verdicts=verdicts.to_dict("records"),
        simulated=True,
        recipes=NAMES,
    )
    keys = ("task", "recipe", "repeat")
    write_lines(
        run.path / "answers.jsonl",
        [{k: r[k] for k in keys} | {"answer": f"Answer {n}. " * 40} for n, r in enumerate(rows)],
    )
    labelling.draw(run, NAMES, labelling.texts(run), tasks=46)
    return run


@pytest.fixture(scope="module")
def served(drawn, tmp_path_factory):
    """One server for many small requests, and the run behind it."""
    folder = tmp_path_factory.mktemp("served") / "results"
    shutil.copytree(drawn.path, folder / "r")
    with viewed(folder) as view:
        yield view, read_run(folder / "r")


@pytest.fixture
def run(drawn, tmp_path):
    """The same draw, where nobody has marked anything."""
    shutil.copytree(drawn.path, tmp_path / "results" / "r")
    return read_run(tmp_path / "results" / "r")


def _sheet(folder: Path, name: str = "sheet.csv") -> list[dict[str, str]]:
    with (folder / "labels" / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _marks(run, person: str) -> dict[str, str]:
    return Draw(run).people().get(person, Labeller()).marks


def _word(person: str, at: int) -> str:
    """What somebody says of a place; two people do not agree everywhere, nor always know."""
    if at % 10 == 4:
        return "?"
    return ("met", "unmet")[(at * at + (len(person) if at % 5 == 0 else 0)) % 7 % 2]


def _mark(run, person: str, marks: dict[str, str]) -> None:
    """Many marks at once, as they stand in the journal: a sync for each would take a minute."""
    path = run.path / "labels" / "journal.jsonl"
    with path.open("a", encoding="utf-8") as file:
        for label, mark in marks.items():
            file.write(json.dumps({"person": person, "label": label, "mark": mark}) + "\n")


def _press(page, person: str, at: int) -> None:
    page.wait_for_selector(f"main[data-at='{at}']:not([aria-busy])")
    page.keyboard.press(KEYS[_word(person, at)])


def test_thirty_labels_by_keyboard_two_people_and_a_kill_in_the_middle(browser, run, tmp_path):
    """Somebody labels for an hour and the machine goes down; the CSV way would have kept it."""
    plain = read_run(shutil.copytree(run.path, tmp_path / "other" / "r"))
    with viewed(run.path.parent) as view, watched(browser) as seen:
        for person, last in (("Ann", 30), ("Bo", 12)):
            seen.page.goto(f"{view.url}/label/r")
            seen.page.get_by_label("Your name").fill(person)
            seen.page.keyboard.press("Enter")
            for at in range(1, last + 1):
                if (person, at) == ("Ann", 16):
                    seen.page.wait_for_selector("main[data-at='16']:not([aria-busy])")
                    view.kill()
                    seen.page.keyboard.press("m")
                    seen.page.get_by_text("The server does not answer").wait_for()
                    assert len(_marks(run, "Ann")) == 15
                    view.start()
                _press(seen.page, person, at)
                if (person, at) == ("Bo", 5):
                    seen.page.wait_for_selector("main[data-at='6']:not([aria-busy])")
                    seen.page.keyboard.press("z")
                    seen.page.wait_for_selector("main[data-at='5']:not([aria-busy])")
                    assert len(_marks(run, "Bo")) == 4
                    _press(seen.page, person, at)
            seen.page.wait_for_selector(f"main[data-at='{last + 1}']:not([aria-busy])")
            assert f"{last} of " in seen.page.locator("#progress").inner_text()

        draw = Draw(run)
        assert [_marks(run, "Ann")[label] for label in draw.labels[:30]] == [
            _word("Ann", at) for at in range(1, 31)
        ]
        _mark(run, "Ann", {label: _word("Ann", at) for at, label in enumerate(draw.labels, 1)})
        for person in ("Bo", "Ann"):
            seen.page.goto(f"{view.url}/label/r?person={person}&at=1")
            seen.page.locator("details").evaluate("box => { box.open = true }")
            seen.page.get_by_role("button", name="End my labelling").click()
            seen.page.wait_for_url("**/agreement?person=*")
        text = seen.page.locator("main").inner_text()
    assert "base rate" in text
    assert "Ann and Bo" in text

    rows = _sheet(plain.path)
    for person, last in (("Ann", len(rows)), ("Bo", 12)):
        sheet = tmp_path / f"{person}.csv"
        with sheet.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            for at, row in enumerate(rows, 1):
                writer.writerow(
                    row | {"met": _word(person, at) if at <= last else "", "person": person}
                )
        labelling.take(plain, sheet)
    tables = [_corrected(one) for one in (run, plain)]
    assert tables[0]["corrected"].notna().all()
    assert tables[0].equals(tables[1])
    assert f"{100 * tables[0]['corrected'][0]:.1f}" in text


def _corrected(run):
    tables = frames.trials(run), frames.verdicts(run), frames.labels(run)
    tasks = json.loads((run.path / "labels" / "design.json").read_text())["tasks"]
    return fe.corrected_scores(*tables, tasks=tasks)


def test_the_filled_sheet_is_what_import_takes(run, tmp_path):
    """Who does not trust the button takes the file."""
    draw = Draw(run)
    for at, label in enumerate(draw.labels[:9]):
        draw.mark("Ann", label, MARKS[at % 3])
        draw.mark("Bo", label, "met")
    taken = labelling.take(run, draw.write())
    assert (taken.labels, taken.unsure, taken.people) == (15, 3, ("Ann", "Bo"))
    assert len(_sheet(run.path, "filled.csv")) == len(draw.labels) + 9
    said = {r["label"]: r["met"] for r in _sheet(run.path, "filled.csv") if r["person"] == "Ann"}
    assert said == draw.people()["Ann"].marks


def test_before_the_end_nothing_tells_whose_answer_it_is_or_what_was_said_of_it(run):
    """Who knows the verdict, or the recipe, judges that and not the answer."""
    draw = Draw(run)
    _mark(run, "Bo", dict.fromkeys(draw.labels, "unmet"))
    with viewed(run.path.parent) as view:
        text = view.ask("/label/r?person=Ann&at=3")[2].split("<body>")[1].split("<script>")[0]
        assert "recipe-" not in text
        assert "strix" not in text
        assert 'aria-pressed="true"' not in text
        assert not {"weight", "probability", "verdict"} & set(text.replace('"', " ").split())
        assert view.ask("/label/r/agreement?person=Ann")[0] == 403
        assert view.ask("/label/r/agreement?person=Bo")[0] == 403
        assert view.post("r", "end", {"person": "Bo"})[0] == 200
        assert view.ask("/label/r/agreement?person=Bo")[0] == 200
        assert view.ask("/label/r/agreement?person=Ann")[0] == 403
        status, problem = view.post(
            "r", "mark", {"person": "Bo", "label": draw.labels[0], "mark": "met"}
        )
        assert status == 409
        assert "has ended" in problem
    assert set(_marks(run, "Bo").values()) == {"unmet"}


def test_what_others_said_is_taken_only_when_they_have_ended(run):
    """Half of somebody's labels, taken back later, would stay in the scores."""
    draw = Draw(run)
    for label in draw.labels[:20]:
        draw.mark("Ann", label, "met")
        draw.mark("Bo", label, "unmet")
    draw.journal.end("Ann")
    draw.take()
    assert set(frames.labels(run)["person"].dropna()) == {"Ann"}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"x_fusion_eval_token": ""}, "{}", 403),
        ({"x_fusion_eval_token": "guess"}, "{}", 403),
        ({"content_type": "text/plain"}, "{}", 415),
        ({"origin": "http://evil.example"}, "{}", 403),
        ({"origin": "null"}, "{}", 403),
        ({"host": "evil.example"}, "{}", 403),
        ({}, "[" * 20_000, 413),
        ({}, "no json", 400),
        ({}, "[1]", 400),
        ({}, "{}", 400),
        ({}, '{"person": "", "label": "x", "mark": "met"}', 400),
        ({}, '{"person": "=cmd()", "label": "x", "mark": "met"}', 400),
        ({}, '{"person": "Ann", "label": "Lffff", "mark": "met"}', 409),
        ({}, '{"person": "Ann", "label": "LABEL", "mark": "perhaps"}', 409),
    ],
)
def test_writing_wants_the_token_of_the_page_and_a_mark_that_can_be_kept(
    served, headers, body, status
):
    """A page of another site could fill in the sheet of somebody who has this one open."""
    view, run = served
    good = {"x_fusion_eval_token": view.token("r"), "content_type": "application/json"}
    told = body.replace("LABEL", Draw(run).labels[0])
    assert view.ask("/label/r/mark", "POST", told, **(good | headers))[0] == status
    assert not (run.path / "labels" / "journal.jsonl").exists()


def test_a_mark_is_acknowledged_with_what_is_next(served):
    """If every write were refused, the refusals above would show nothing."""
    view, run = served
    draw = Draw(run)
    good = {"x_fusion_eval_token": view.token("r"), "content_type": "application/json"}
    assert view.ask("/label/r/mark")[0] == 405
    assert view.ask("/label/r/other", "POST", '{"person": "Ann"}', **good)[0] == 404
    right = {"person": "Ann", "label": draw.labels[0], "mark": "met"}
    assert view.post("r", "mark", right) == (200, {"marked": 1, "of": len(draw.labels), "at": 2})


def test_half_a_line_of_a_killed_process_hides_no_other(tmp_path):
    """The line after it would be glued to it, and both lost."""
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.mark("Ann", "a", "met")
    with path.open("ab") as file:
        file.write(b'{"at": "2026-01-01", "person": "Ann", "la')
    journal.mark("Ann", "b", "unmet")
    assert Journal(path).people()["Ann"].marks == {"a": "met", "b": "unmet"}


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["Ann", "Bo"]),
        st.sampled_from([*MARKS, "undo"]),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_marks_and_undos_are_read_as_they_were_given(tmp_path_factory, steps):
    """After a restart the journal is all there is."""
    journal = Journal(tmp_path_factory.mktemp("j") / "journal.jsonl")
    history: dict[str, list[dict[str, str]]] = {"Ann": [{}], "Bo": [{}]}
    for person, what, label in steps:
        states = history[person]
        if what == "undo":
            journal.undo(person)
            del states[1:][-1:]
            if len(states) > 1:
                states.pop()
        elif states[-1].get(label) != what:
            journal.mark(person, label, what)
            states.append(states[-1] | {label: what})
    for person, states in history.items():
        assert journal.people().get(person, Labeller()).marks == states[-1]


@pytest.mark.parametrize(
    "name", ["", "  ", "=1+1", "@a", "-x", "a\nb<script>", "x" * 61, "a;b", "a\u202eb"]
)
def test_a_name_cannot_be_a_formula_or_markup(name):
    """It stands in a column that a spreadsheet opens."""
    with pytest.raises(InputError):
        checked_name(name)
    assert checked_name("  Ann   O'Neil-Müller ") == "Ann O'Neil-Müller"


def test_an_undone_label_that_was_taken_as_unsure_is_taken_back(run, tmp_path):
    """`?` in a second sheet means that the first label was a mistake."""
    draw = Draw(run)
    draw.mark("Ann", draw.labels[0], "met")
    labelling.take(run, draw.write())
    draw.mark("Ann", draw.labels[0], "?")
    labelling.take(run, draw.write())
    assert frames.labels(run)["value"].isna().all()


def test_a_new_draw_begins_without_the_marks_on_the_old_one(run):
    """They were promised to be thrown away, and belong to other answers."""
    draw = Draw(run)
    draw.mark("Ann", draw.labels[0], "met")
    labelling.draw(run, NAMES, labelling.texts(run), tasks=46, again=True)
    assert Draw(run).people() == {}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Each hostile answer once, under a requirement and a question that are hostile too."""
    rows, verdicts, lines = [], [], []
    for k, text in enumerate(HOSTILE):
        rows.append(trial("t", "x", 0.5, repeat=k, answer_hash=f"h{k}"))
        verdicts.append(
            {key: rows[-1][key] for key in ("task", "task_hash", "recipe", "repeat")}
            | {"criterion": "c", "weight": 5.0, "grader": "g", "grader_pass": 0}
            | {"verdict": "met", "value": 1.0, "section": "s"}
        )
        lines.append({"task": "t", "recipe": "x", "repeat": k, "answer": text})
    run = write_run(tmp_path_factory.mktemp("bad") / "results" / "bad", rows, verdicts=verdicts)
    write_lines(run.path / "answers.jsonl", lines)
    asked = {"id": "t", "hash": rows[0]["task_hash"], "target": None}
    asked["messages"] = [{"role": "user", "content": "\n".join(HOSTILE[:60])}]
    asked["criteria"] = [{"id": "c", "weight": 5.0, "requirement": "\n".join(HOSTILE[:38])}]
    write_lines(run.path / "tasks.jsonl", [asked])
    report.write(run)
    labelling.draw(run, ["x"], labelling.texts(run))
    return run


def test_hostile_answers_do_nothing_where_they_are_labelled(browser, hostile):
    """Here an answer that ran could mark itself met."""
    count = len(Draw(hostile).labels)
    assert count >= len(HOSTILE) - 3  # equal answers are one label, empty ones none
    with viewed(hostile.path.parent) as view, watched(browser) as seen:
        for at in range(1, count + 1):
            seen.page.goto(f"{view.url}/label/bad?person=Ann&at={at}")
            assert seen.page.title() == f"Label {at} of {count}"
            assert seen.page.evaluate("window.pwned") is None
            assert seen.page.locator("script, style, title").count() == 3
            bad = "img, iframe, object, embed, form, svg, link, base, video, audio, textarea"
            assert seen.page.locator("body :is([onclick], [style])").count() == 0
            assert seen.page.locator(f"body :is({bad})").count() == 0
        seen.page.goto(f"{view.url}/runs/bad/items/0001-t.html")
        assert seen.page.evaluate("window.pwned") is None
        assert [url for url in seen.asked if not url.startswith(view.url)] == []
        assert seen.said == []
    assert not (hostile.path / "labels" / "journal.jsonl").exists()


def test_pages_have_no_serious_barrier_and_fit_their_window(browser, run):
    """Who uses a screen reader, or a phone, labels as well as anybody."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    made_run(run.path.parent / "s", n=12, simulated=True)
    made_run(run.path.parent / "s2", n=12, seed=3)
    _mark(run, "Cy", dict.fromkeys(Draw(run).labels, "met"))
    pages = [
        "/",
        "/runs/r/",
        "/live/r",
        "/label/r",
        "/label/s",
        "/label/r?person=Ann",
        "/compare?a=s&b=s2",
        "/label/r/agreement?person=Cy",
    ]
    with viewed(run.path.parent) as view:
        view.post("r", "end", {"person": "Cy"})
        for width, scheme in ((1440, "light"), (390, "dark")):
            with watched(browser, width, scheme) as seen:
                for path in pages:
                    seen.page.goto(view.url + path)
                    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, path
                    serious = [
                        (found["id"], [node["html"] for node in found["nodes"]][:3])
                        for found in axe.run(seen.page).response["violations"]
                        if found["impact"] in ("serious", "critical")
                    ]
                    assert serious == [], path
                assert seen.said == []


def test_the_page_of_a_run_that_goes_on_follows_it(browser, tmp_path):
    """Who has to press reload does not know whether nothing happened or nothing was shown."""
    import fcntl

    run = write_run(
        tmp_path / "results" / "r", [trial("t", "solo", 0.5)], status="running", recipes=["solo"]
    )
    told = run.path / ".live.jsonl.1-0.part"
    ended = {"ended": ["solo", None, 0], "now": [5, 1, 2, 0, 0.25, 0.5]}
    lost = {"ended": ["solo", "timeout", 0], "now": [6, 1, 0, 0, 0.5, 0.0]}
    written = {"written": [["solo", None, 0.8, 0.01], ["solo", "timeout", None, None]]}
    write_lines(told, [{"wanted": 3, "budget_usd": 2.0}])
    with (run.path / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with viewed(run.path.parent) as view, watched(browser) as seen:
            seen.page.goto(f"{view.url}/live/r")
            begun = seen.page.locator("main").inner_text()
            assert "0 of 3 trials have ended" in begun
            assert "not known before the first trial ends" in begun
            write_lines(told, [{"wanted": 3, "budget_usd": 2.0}, ended])
            seen.page.get_by_text("1 of 3 trials have ended").wait_for()
            first = seen.page.locator("main").inner_text()
            assert (
                "$0.250, and at most $0.500 more for calls in flight, of a budget of $2.00" in first
            )
            write_lines(told, [{"wanted": 3, "budget_usd": 2.0}, ended, lost, written])
            seen.page.get_by_text("2 of 3 trials have ended").wait_for()
            second = seen.page.locator("main").inner_text()
            assert "1 (timeout 1)" in second
            assert "40.0" in second
            assert "unknown" in second  # the cost of the failed one is not known, so no mean is
            fcntl.flock(held, fcntl.LOCK_UN)
            seen.page.get_by_text("its status is stopped").wait_for()
