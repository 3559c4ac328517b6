"""`report.html` and the pages of its tasks, as files: every number, every gap, every text."""

import html
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from made_experiments import simulations
from made_hostile import HOSTILE
from made_runs import FOUR_PARTS, NINE, made_run, trial, write_run

import fusion_eval as fe
from fusion_eval import report
from fusion_eval.plots.acceptability import curves
from fusion_eval.report import summarize
from fusion_eval.report.curves import acceptability_rows
from fusion_eval.report.html.numbers import KINDS
from fusion_eval.report.html.safe import rendered, visible
from fusion_eval.report.readings import differences_of, shares_of
from fusion_eval.store import write_lines


def _trouble(row, rng):
    if row["recipe"] == "debate" and row["task"] in ("task-1", "task-2"):
        row |= {"failure": "timeout", "score": None}
    if row["recipe"] == "solo-c":
        row |= {"cost_usd": None}
    if row["recipe"] == "panel" and row["task"] == "task-5":
        row |= {"cost_usd": None}
    return row


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages") / "run"
    made = made_run(folder, NINE, n=25, tweak=_trouble, simulated=True)
    report.write(made)
    return made


class _Reader(HTMLParser):
    """All `data` elements of a page with their texts, and the text of the rest."""

    def __init__(self):
        super().__init__()
        self.data, self.text, self._inside, self._skipped = [], [], None, 0

    def handle_starttag(self, tag, attrs):
        if tag == "data":
            self._inside = dict(attrs)
        if tag in ("script", "style", "svg", "pre", "code"):
            self._skipped += 1

    def handle_endtag(self, tag):
        if tag == "data":
            self._inside = None
        if tag in ("script", "style", "svg", "pre", "code"):
            self._skipped -= 1

    def handle_data(self, text):
        if self._inside is not None:
            self.data.append((self._inside, text))
        elif not self._skipped:
            self.text.append(text)


def _read(path):
    reader = _Reader()
    reader.feed(path.read_text("utf-8"))
    return reader


def _at(document, pointer):
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def test_every_marked_number_stands_in_the_summary_where_it_says(run):
    """A page whose numbers differ from the files is worse than no page."""
    summary = json.loads((run.path / "summary.json").read_text("utf-8"))
    marked = [(a, t) for a, t in _read(run.path / "report.html").data if "data-from" in a]

    assert len(marked) > 150
    for attributes, text in marked:
        value = _at(summary, attributes["data-from"])
        assert json.loads(attributes["value"]) == value
        assert text in {kind(value) for kind in KINDS.values()}


def test_every_number_of_a_task_page_stands_in_the_table_that_it_names(run):
    """The pointer is table, row and column of the run's Parquet files."""
    tables = {n: pd.read_parquet(run.path / f"{n}.parquet") for n in ("trials", "verdicts")}
    pages = sorted((run.path / "items").glob("*.html"))
    checked = 0
    for path in pages[:5]:
        for attributes, text in _read(path).data:
            _, table, row, column = attributes["data-from"].split("/")
            value = tables[table].iloc[int(row)][column]
            assert json.loads(attributes["value"]) == value
            assert text in {kind(value) for kind in KINDS.values()}
            checked += 1
    assert len(pages) == 25
    assert checked > 100


def _leaves(value):
    if isinstance(value, dict):
        yield len(value)
        yield from (leaf for item in value.values() for leaf in _leaves(item))
    elif isinstance(value, list):
        yield len(value)
        yield from (leaf for item in value for leaf in _leaves(item))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_numbers_in_sentences_come_from_the_summary_too(run):
    """Prose is where a stale number hides."""
    summary = json.loads((run.path / "summary.json").read_text("utf-8"))
    known = set()
    for leaf in _leaves(summary):
        known |= {re.sub(r"[^\d.]", "", kind(leaf)).strip(".") for kind in KINDS.values()}
    known |= {"0", "1", "100", "95", "50"}  # scale, level, share of a name in a heading
    reader = _read(run.path / "report.html")
    prose = " ".join(reader.text)
    for name in (*NINE, *(f"task-{k}" for k in range(25)), "p95", "95 %", "docs/methods.md"):
        prose = prose.replace(name, " ")
    prose = prose[: prose.rindex("How this was made")]
    found = re.findall(r"\d[\d,]*(?:\.\d+)?", prose)

    assert len(found) > 10
    unknown = {number for number in found if number.replace(",", "") not in known}
    needed = {str(n) for n in _needed(summary)}
    caveats = " ".join(row["caveat"] or "" for row in summary["comparisons"])
    told = set(re.findall(r"\d+(?:\.\d+)?", caveats))  # rates that may go unseen, in its words
    assert {number.replace(",", "") for number in unknown} <= needed | told


def _needed(summary):
    """Tasks that would decide: worked out from a row of the summary by the published rule."""
    columns = ("tasks_to_decide", "tasks_to_decide_low", "tasks_to_decide_high")
    found = [row[name] for row in summary["comparisons"] for name in columns]
    return [int(number) for number in found if number is not None]


def test_the_figures_of_the_choice_draw_the_summary_and_the_summary_the_statistics(run):
    """Curves from other numbers than the table beside them would go unseen."""
    summary = json.loads((run.path / "summary.json").read_text("utf-8"))
    table = fe.acceptability(fe.trials(run))
    drawn = {c.recipe: c for c in curves(acceptability_rows(summary))}

    assert len(drawn) >= 2
    for name, curve in drawn.items():
        rows = table[table["recipe"] == name]
        assert curve.values == pytest.approx(list(rows["value"]))
        assert curve.percent == pytest.approx(list(100 * rows["probability"]))
        assert curve.chosen == list(rows["chosen"])
    seconds = fe.pareto(fe.trials(run), by="latency_s").set_index("recipe")
    for row in summary["frontier_seconds"]:
        assert row["seconds"] == pytest.approx(seconds.loc[row["recipe"], "seconds"])
        assert row["status"] == seconds.loc[row["recipe"], "status"]


def test_figures_say_their_numbers_to_those_who_cannot_see_them(run):
    """An alternative text "a figure" is none."""
    summary = json.loads((run.path / "summary.json").read_text("utf-8"))
    page = (run.path / "report.html").read_text("utf-8")
    labels = {
        name: html.unescape(re.search(rf'aria-label="([^"]*)"[^>]*>.{{0,200}}id="{name}-wide', page,
                                      re.DOTALL)[1])
        for name in ("acceptability", "seconds")
    }  # fmt: skip

    for row in summary["decisions"]:
        assert f"{row['recipe']} {100 * row['probability']:.0f}%" in labels["acceptability"]
    for row in summary["frontier_seconds"]:
        assert f"{row['recipe']}: {100 * row['score']:.1f}" in labels["seconds"]
        assert f"{row['seconds']:.3g} s" in labels["seconds"]


def test_what_would_decide_is_priced_from_both_recipes_with_their_grading(run):
    """43 more tasks is no plan without the bill."""
    summary = summarize(run)
    found = summary["to_decide"]
    row = summary["comparisons"][found["comparison"]]
    more = found["tasks"] - row["n"]

    assert row["conclusion"] == "undecided"
    costs = {name: summary["recipes"][name]["cost_usd"] for name in (row["a"], row["b"])}
    if any(cost is None or cost["lower_bound"] for cost in costs.values()):
        assert found["more_usd"] is None
    else:
        assert found["more_usd"] == pytest.approx(
            more * sum(cost["value"] for cost in costs.values())
        )


def test_what_would_decide_has_no_price_where_a_price_is_not_known(tmp_path):
    """Unknown plus 3 dollars is not 3 dollars."""
    recipes = {"a": ("solo", 0.5, 0.01), "b": ("panel", 0.52, None), "c": ("solo", 0.1, 0.02)}
    summary = summarize(made_run(tmp_path / "run", recipes, n=12))
    found = summary["to_decide"]

    assert "b" in (summary["comparisons"][found["comparison"]]["a"],
                   summary["comparisons"][found["comparison"]]["b"])  # fmt: skip
    assert found["more_usd"] is None


def test_a_figure_of_the_grader_has_a_line_for_each_thing_that_is_known():
    """What was not measured must not stand at zero."""
    ends = {"value": 0.1, "low": 0.05, "high": 0.2, "n": 9}
    found = {
        "simulated": True,
        "flips": [{"of": "referee", "sign": "all", **ends}],
        "agreement": [
            {"between": "a and b", "sign": "all", "measure": "raw", **ends},
            {"between": "a and b", "sign": "all", "measure": "cohen", **ends},
        ],
        "unread": [{"rater": "r", "verdict": "unreadable", "sign": "all", **ends, "value": 0}],
        "labels": {"error_rates": [
            {"sign": "all", "measure": "sensitivity", **ends},
            {"sign": "all", "measure": "specificity", **ends, "value": None},
            {"sign": "all", "measure": "constant", **ends},
        ]},
        "differences": [{"a": "x", "b": "y", "difference": 0.02, "low": 0.0, "high": 0.04}],
        "self_preference": {"double_differences": []},
    }  # fmt: skip

    assert list(shares_of(found)["of"]) == [
        "passes of referee disagree", "a and b agree", "sensitivity against people",
    ]  # fmt: skip
    assert list(differences_of(found)["difference"]) == [0.02]


def test_a_page_without_costs_has_no_money_and_invents_none(tmp_path):
    """Imported verdicts have no prices; a $0 would make them look free."""
    run = made_run(tmp_path / "run", {n: (s, m, None) for n, (s, m, _) in FOUR_PARTS.items()})
    report.write(run)
    reader = _read(run.path / "report.html")

    assert not [a for a, _ in reader.data if "cost_usd" in a.get("data-from", "")]
    assert reader.text.count("unknown") >= len(FOUR_PARTS)


def test_a_run_that_was_interrupted_says_so(tmp_path):
    """Half a run looks like a whole one otherwise."""
    run = made_run(tmp_path / "run", FOUR_PARTS, n=6, status="interrupted")
    report.write(run)

    assert "not finished: its status is interrupted" in (run.path / "report.html").read_text()


def test_a_recipe_that_failed_everywhere_has_no_score_and_no_place_among_the_choices(tmp_path):
    """Never answering is cheap; it must not look like a bargain."""

    def broken(row, rng):
        return row | {"failure": "timeout", "score": None} if row["recipe"] == "panel" else row

    run = made_run(tmp_path / "run", FOUR_PARTS, tweak=broken)
    report.write(run)
    text = (run.path / "report.html").read_text("utf-8")
    takes = re.findall(r'<span class="take">(.*?)</span>', text)

    assert takes
    assert "panel" not in takes
    assert "never answered" in text


def test_a_single_task_gets_a_page_without_intervals(tmp_path):
    """One task says nothing about others: the interval is the whole scale, or there is none."""
    rows = [trial("only", r, s, strategy="solo") for r, s in (("a", 0.4), ("b", 0.7))]
    run = write_run(tmp_path / "run", rows)
    report.write(run)
    reader = _read(run.path / "report.html")

    assert "(no interval)" in " ".join(reader.text)
    ends = {
        a["data-from"].rsplit("/", 1)[1]: a["value"]
        for a, _ in reader.data
        if "/score/" in a.get("data-from", "")
    }
    assert (ends["low"], ends["high"]) == ("0.0", "1.0")
    assert len(list((run.path / "items").glob("*.html"))) == 1


def test_tasks_whose_names_look_alike_keep_a_page_each(tmp_path):
    """Two names that give one file name would show one task and hide the other."""
    names = ["a/b", "a b", "A-B", "../../escape", "ünï", "..", ""]
    rows = [trial(name, "solo", 0.5) for name in names if name]
    run = write_run(tmp_path / "run", rows)
    report.write(run)
    files = sorted(path.name for path in (run.path / "items").iterdir())

    assert len(files) == 6
    assert all(re.fullmatch(r"\d{4}-[a-z0-9-]+\.html", name) for name in files)


def test_pages_of_an_earlier_report_do_not_stay(tmp_path):
    """A page of a task that is gone would still be found and believed."""
    run = made_run(tmp_path / "run", FOUR_PARTS, n=3)
    (run.path / "items").mkdir()
    (run.path / "items" / "0099-old.html").write_text("old")
    report.write(run)

    assert not (run.path / "items" / "0099-old.html").exists()


def test_the_same_run_gives_the_same_bytes(run):
    """A report that changes by itself cannot be reviewed."""
    before = (run.path / "report.html").read_bytes()
    report.write(run)

    assert (run.path / "report.html").read_bytes() == before


@pytest.mark.parametrize("text", HOSTILE)
def test_no_answer_leaves_its_box(text):
    """What a model wrote is shown; it is never markup that acts."""
    made = str(rendered(text))
    tags = set(re.findall(r"<\s*([a-zA-Z][a-zA-Z0-9]*)", made))

    assert tags <= {
        "p",
        "br",
        "hr",
        "em",
        "strong",
        "s",
        "code",
        "pre",
        "blockquote",
        "ul",
        "ol",
        "li",
        "a",
        "h4",
        "h5",
        "h6",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert set(re.findall(r"<[a-z0-9]+ ([a-z-]+)=", made)) <= {"href", "class", "rel"}
    for target in re.findall(r'href="([^"]*)"', made):
        assert html.unescape(target).startswith(("http://", "https://"))
    assert len(made) < 1_500_000


def test_characters_that_hide_are_shown():
    """A reversed file name or a text of tag letters reads as something else."""
    assert visible("a\u202eb\x00c\u200bd\ne") == "a\ufffdb\ufffdc\ufffdd\ne"
    assert visible("naïve 日本 ✓ é") == "naïve 日本 ✓ é"


def test_a_task_page_shows_prompt_answers_drafts_and_the_graders_words(tmp_path):
    """The sceptic must get down to the sentence that failed a criterion."""
    at = {"task": "tides", "recipe": "panel", "repeat": 0}
    verdict = {
        **at,
        "task_hash": "h",
        "criterion": "moon",
        "section": "facts",
        "weight": 10.0,
        "grader": "referee",
        "grader_pass": 0,
        "verdict": "unmet",
        "value": 0.0,
        "reason": "It names the wind.",
        "call_key": "g1",
    }
    calls = [
        {
            **at,
            "key": key,
            "role": role,
            "purpose": "grading" if role == "grader" else "answer",
            "model": "heron",
            "attempt": 1,
            "draw": "0",
            "cached": False,
            "cost_usd": 0.01,
            "start_s": start,
            "end_s": start + 2,
            "latency_s": 2.0,
            "finish": "stop",
        }
        for key, role, start in (("k1", "member", 0.0), ("k2", "judge", 2.0), ("g1", "grader", 4.0))
    ]
    row = trial("tides", "panel", 0.0, strategy="panel", task_hash="h", cost_usd=0.02)
    run = write_run(tmp_path / "run", [row], verdicts=[verdict], calls=calls)
    write_lines(
        run.path / "tasks.jsonl",
        [
            {
                "id": "tides",
                "hash": "h",
                "target": None,
                "messages": [{"role": "user", "content": "Why are there tides?"}],
                "criteria": [{"id": "moon", "requirement": "Names the Moon"}],
            }
        ],
    )
    write_lines(run.path / "answers.jsonl", [{**at, "answer": "Because of **wind**."}])
    write_lines(
        run.path / "replies.jsonl",
        [
            {"key": "k1", "text": "a draft"},
            {"key": "k2", "text": "notes of the judge"},
            {"key": "g1", "text": "never shown as a draft"},
        ],
    )
    report.write(run)
    text = (run.path / "items" / "0001-tides.html").read_text("utf-8")

    for wanted in (
        "Why are there tides?",
        "Because of <strong>wind</strong>",
        "Names the Moon",
        "It names the wind.",
        "a draft",
        "notes of the judge",
        "judge heron: 2 to 4 s",
    ):
        assert wanted in text
    assert "never shown as a draft" not in text


@pytest.mark.simulation
def test_a_large_run_has_a_small_summary_page(tmp_path):
    """26 recipes, 100 tasks, 3 repeats, 40 criteria: a page of 50 MB opens nowhere."""
    names = {f"recipe-{k}": ("panel", 0.4 + 0.02 * k, 0.001 * (k + 1)) for k in range(26)}
    full = simulations() > 400
    run = made_run(tmp_path / "run", names, n=100, repeats=3 if full else 1)
    rng = np.random.default_rng(1)
    trials = pd.read_parquet(run.path / "trials.parquet")[["task", "task_hash", "recipe", "repeat"]]
    criteria = pd.DataFrame(
        {
            "criterion": [f"c{k}" for k in range(40 if full else 4)],
            "weight": 5.0,
            "section": [f"s{k % 4}" for k in range(40 if full else 4)],
        }
    )
    verdicts = trials.merge(criteria, how="cross")
    verdicts["value"] = rng.integers(0, 2, len(verdicts)).astype(float)
    verdicts["verdict"] = np.where(verdicts["value"] == 1, "met", "unmet")
    verdicts = verdicts.assign(grader="referee", grader_pass=0, reason="because", call_key=None)
    empty = pd.read_parquet(run.path / "verdicts.parquet")
    verdicts.reindex(columns=empty.columns).to_parquet(run.path / "verdicts.parquet", index=False)
    paths = report.write(run)

    assert paths["report.html"].stat().st_size < 5_000_000
    pages = list((run.path / "items").glob("*.html"))
    assert len(pages) == 100
    assert all(
        "task-7<" not in page.read_text("utf-8") for page in pages if "task-7." not in page.name
    )
