"""What a person and a program read after a run."""

import io
import json
import re
import shlex
from pathlib import Path

import forked
import pytest
import rich.console
from made_runs import FOUR_PARTS, NINE, made_run, task_hash, trial, write_run

from fusion_eval import frames, report, stats
from fusion_eval.importing import import_table
from fusion_eval.report import terminal
from fusion_eval.report.decision import decision
from fusion_eval.report.words import dollars, escaped, plain, points
from fusion_eval.store import read_run

ESTIMATE = {"value", "low", "high", "level", "n", "method"}


def _trouble(row, rng):
    """Failures, degraded answers, lost rows, unread verdicts, unknown costs; by recipe."""
    recipe, task = row["recipe"], row["task"]
    if recipe == "debate" and task in ("task-1", "task-2", "task-3"):
        row |= {"failure": "timeout", "score": None}
    if recipe == "vote-abc":
        row |= {"degraded": "seat 2 empty: timeout"}
    if recipe == "solo-b" and task == "task-4":
        return None
    if recipe == "self-fusion":
        row |= {"coverage": 0.9, "score_min": row["score"] - 0.05, "finish": "length"}
    if recipe == "panel" and task == "task-5":
        row |= {"cost_usd": None}
    if recipe == "solo-c":
        row |= {"cost_usd": None}
    return row


@pytest.fixture
def troubled(tmp_path):
    return made_run(tmp_path / "troubled", NINE, tweak=_trouble, simulated=True)


def _text(run):
    return report.write(run)["report.md"].read_text("utf-8")


def test_write_makes_its_files_and_says_where(tmp_path):
    """CI links to these names."""
    run = made_run(tmp_path / "run")

    paths = report.write(run)

    assert set(paths) == {
        "report.html", "report.md", "pareto.png", "pareto.svg", "summary.json"
    }  # fmt: skip
    assert all(path.parent == run.path and path.stat().st_size > 0 for path in paths.values())


def test_the_summary_keeps_its_schema(troubled):
    """Scripts read it; a renamed key breaks them at night."""
    report.write(troubled)
    summary = json.loads((troubled.path / "summary.json").read_text("utf-8"))

    assert {"run_id", "simulated", "tasks", "repeats", "recipes", "comparisons", "spent_usd",
            "grading_usd", "calls"} <= summary.keys()  # fmt: skip
    assert set(summary["calls"]) == {"charged", "made"}
    for recipe in summary["recipes"].values():
        assert {"score", "cost_usd", "latency_s", "trials", "failed", "coverage",
                "on_frontier"} <= recipe.keys()  # fmt: skip
        for name in ("score", "latency_s", "cost_usd"):
            assert recipe[name] is None or recipe[name].keys() >= ESTIMATE
        assert 0 <= recipe["score"]["low"] <= recipe["score"]["value"] <= 1
    assert {row["conclusion"] for row in summary["comparisons"]} <= {
        "better", "worse", "equivalent", "undecided"
    }  # fmt: skip
    assert summary["tasks"] == 30


def test_headline_scores_count_failures_as_0_and_complete_cases_stand_beside(troubled):
    """Only one of the two would hide either the failures or the quality of the answers."""
    debate = report.summarize(troubled)["recipes"]["debate"]

    assert debate["failed"] == 3
    assert debate["score"]["n"] == 29  # one of the 30 tasks has no answer of solo-b
    assert debate["score_complete_cases"]["n"] == 26
    assert debate["score"]["value"] == pytest.approx(
        debate["score_complete_cases"]["value"] * 26 / 29
    )
    assert "Without failed answers (complete cases): debate" in _text(troubled)


def test_simulated_is_on_everything_that_can_be_copied(troubled):
    """One pasted table without the word becomes a claim about real models."""
    text = _text(troubled)

    tables = re.findall(r"^\|.*\n\| ---", text, flags=re.MULTILINE)
    assert len(tables) >= 3
    assert all("SIMULATED" in header for header in tables)
    assert text.index("SIMULATED") < text.index("If one point")
    assert "SIMULATED dollars" in text
    assert "SIMULATED" in terminal.paragraph(troubled)
    console = rich.console.Console(width=100, record=True, file=io.StringIO())
    console.print(terminal.table(troubled))
    assert "SIMULATED" in console.export_text()


def test_real_runs_never_say_simulated(tmp_path):
    """A mark on everything is a mark on nothing."""
    run = made_run(tmp_path / "real")

    assert "SIMULATED" not in _text(run).replace("simulated: False", "")
    assert "SIMULATED" not in terminal.paragraph(run)


def test_unknown_costs_are_unknown_or_lower_bounds_and_never_0(troubled):
    """$0 for a lost bill would make the recipe the winner."""
    text, summary = _text(troubled), report.summarize(troubled)

    rows = {line.split(" | ")[0].strip("| "): line for line in text.splitlines()
            if line.startswith("| ")}  # fmt: skip
    recipe_rows = text.split("## Comparisons")[0]
    assert re.search(r"^\| panel .*≥ \$0\.0\d+ \(1 unknown\)", recipe_rows, re.MULTILINE)
    assert re.search(r"^\| solo-c .*\| unknown \|", recipe_rows, re.MULTILINE)
    assert "$0 " not in recipe_rows
    assert rows
    assert summary["cost_usd"] is None
    assert summary["unknown_usd"]["cost_usd"] == 31
    assert "≥ $" in text.split("## Money")[1]
    assert "Left out of this choice" in text


def test_gaps_are_listed_with_the_names_of_tasks(troubled):
    """What is missing must be found by reading, not by counting."""
    gaps = _text(troubled).split("## Gaps")[1].split("## How")[0]

    assert "solo-b: no score for 1 task: task-4" in gaps
    assert "debate: 3 answers failed (timeout 3×)" in gaps
    assert "self-fusion: 30 answers cut off at the token limit; 10.0% of the verdicts" in gaps
    assert "vote-abc: 30 answers degraded (seat 2 empty: timeout 30×)" in gaps
    assert "moa" not in gaps


def test_tasks_that_were_planned_and_that_nobody_answered_are_missing_too(tmp_path):
    """A run stopped by its budget has no rows at all for the rest of its tasks."""
    planned = {f"t{k}": task_hash(f"t{k}") for k in range(3)}
    rows = [trial(f"t{k}", "a", 0.5, cost_usd=0.01) for k in range(2)]
    run = write_run(tmp_path / "stopped", rows, status="stopped by budget",
                    tasks={"count": 3, "hash": "x", "hashes": planned})  # fmt: skip

    text = _text(run)

    assert "no score for 1 task: t2" in text
    assert "not finished: its status is stopped by budget" in text


def test_names_cannot_break_the_tables(tmp_path):
    """A pipe in a recipe name shifts every number one column to the left."""
    odd = {"a|b`c": NINE["solo-a"], "<b>x</b>\n*y*": NINE["panel"], "rtl\u202egnp": NINE["debate"]}
    text = _text(made_run(tmp_path / "odd", odd))

    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(counts) == 1
    assert "<b>" not in text.replace(r"\<b\>", "").replace("`<b>x</b> *y*`", "")
    assert "\u202e" not in text


def test_the_decision_names_who_to_take_at_which_price_and_what_is_undecided(tmp_path):
    """The first paragraph is all that most people read."""
    close = {"solo-a": ("solo", 0.60, 0.001), "solo-b": ("solo", 0.62, 0.004),
             "panel": ("panel", 0.80, 0.02)}  # fmt: skip
    summary = report.summarize(made_run(tmp_path / "run", close, n=20))

    words = decision(summary)
    assert re.search(r"worth less than \$[\d.]+ \(\$[\d.]+ (to \$[\d.]+|or more)\) per task", words)
    assert re.search(r"take panel \(> 9\d%|take panel \(9\d%, \$", words)
    assert "what 1,000 answers lose on average if it is not" in words
    assert "new tasks like these" in words
    assert "Against solo-a (the cheapest solo recipe) – better: panel" in words
    assert "undecided: solo-b" in words
    assert re.search(r"about [\d,]+ tasks \([\d,]+ to [\d,]+\) like these would decide it", words)
    assert "As many tasks again (20, about $" in words
    for width in (100, 80):
        lines = terminal.paragraph(summary, width).splitlines()
        assert max(map(len, lines)) <= width
        assert "panel" in " ".join(lines[:3])
        assert "…" not in "".join(lines), "a sentence that is cut ends before its number"


def test_the_first_screen_fits_a_terminal_of_80_columns(tmp_path):
    """What is odd was wrapped for 100 columns, and the last word of every row was cut."""
    import io

    from rich.console import Console

    recipes = {f"{'a' * 30}-{k}": ("solo", 0.5 + k / 20, 0.01 * 4**k) for k in range(4)}
    run = made_run(tmp_path / "run", recipes, n=25)
    summary = report.summarize(run)
    summary["audit"] = [{"kind": "x", "text": "words " * 60}]
    for width in (100, 80):
        out = Console(file=io.StringIO(), width=width)
        out.print(terminal.table(summary, width=width))
        lines = out.file.getvalue().splitlines()
        rows = [line for line in lines if line.lstrip().startswith("aaa")]
        lines += terminal.paragraph(summary, width).splitlines()
        lines += [part for text in terminal.findings(summary, width) for part in text.splitlines()]
        assert max(len(line.rstrip()) for line in lines) <= width
        assert len(rows) == 4
        for name, line in zip(sorted(recipes, reverse=True), rows, strict=True):
            row = summary["recipes"][name]
            assert points(row["score"]["value"]) in line
            assert f"{dollars(row['cost_usd']['value'])} " in line


def test_who_cannot_be_told_from_the_best_is_named(tmp_path):
    """The highest mean is not the winner; readers must see with whom it shares the place."""
    close = {"solo-a": ("solo", 0.40, 0.001), "panel": ("panel", 0.70, 0.02),
             "debate": ("debate", 0.69, 0.04)}  # fmt: skip
    summary = report.summarize(made_run(tmp_path / "run", close, n=25))

    best = summary["best"]
    assert summary["not_below_best"] == [({"panel", "debate"} - {best}).pop()]
    words = decision(summary)
    assert f"{best} has the highest score; looking at all pairs, these tasks cannot tell" in words


def test_the_words_of_a_comparison_have_the_sign_of_its_numbers(tmp_path):
    """The report said that with a missing answer the leader would be behind; it would be ahead."""
    rows = [trial(f"t{k}", "good", 0.7 + k / 100) for k in range(19)]
    rows += [trial(f"t{k}", "best", 0.75 + k / 90) for k in range(1, 20)]
    rows += [trial(f"t{k}", "open", 0.6 + k / 95, score_min=0.1, score_max=0.65 + k / 95,
                   coverage=0.8) for k in range(20)]  # fmt: skip
    run = write_run(tmp_path / "run", rows)

    found = {row["a"]: row for row in report.summarize(run)["comparisons"]}
    pairs = stats.compare(frames.trials(run), second="best")
    direct = pairs[pairs["b"] == "best"].set_index("a")["caveat"]

    assert {row["b"] for row in found.values()} == {"best"}
    assert found["good"]["difference"] < 0
    for name in ("good", "open"):
        assert found[name]["caveat"] == direct[name]
    assert re.search(r"worth 0, the difference would be -\d", found["good"]["caveat"])
    assert re.search(r"the difference is -\d+\.\d to -\d", found["open"]["caveat"])


def test_the_reference_is_the_cheapest_solo_recipe_or_the_best_without_costs(tmp_path):
    """ "Better than what?" must have the same answer every time."""
    priced = report.summarize(made_run(tmp_path / "1"))
    free = report.summarize(
        made_run(tmp_path / "2", {name: (s, m, None) for name, (s, m, _) in NINE.items()})
    )

    assert priced["reference"] == "solo-a"
    best = max(free["recipes"].items(), key=lambda item: item[1]["score"]["value"])[0]
    assert free["reference"] == best
    assert free["family"] == "all pairs"
    assert all("36 comparisons" in row["method"] for row in free["comparisons"])
    assert {row["b"] for row in free["comparisons"]} == {best}
    assert all(row["difference"] <= 0 for row in free["comparisons"])
    assert free["decisions"] == []


def test_charged_and_spent_stand_apart_and_grading_apart_from_both(tmp_path):
    """Mixed, a shared call makes every panel look cheap."""
    calls = [{"key": "k", "task": "t", "recipe": "a", "repeat": 0, "cached": c} for c in (0, 1, 1)]
    calls = [call | {"cached": bool(call["cached"])} for call in calls]
    run = made_run(tmp_path / "run", FOUR_PARTS, n=10, calls=calls)

    summary, text = report.summarize(run), _text(run)

    assert summary["calls"] == {"charged": 3, "made": 1}
    assert summary["grading_usd"] == pytest.approx(4 * 10 * 0.002)
    assert summary["spent_usd"] < summary["cost_usd"]
    assert "spent by this run after sharing. Grading, apart: $0.0800 charged" in text


def test_sections_and_domains_are_scored_apart(tmp_path):
    """A panel that is better only in style should be seen as that."""
    rows = [trial(f"t{k}", "a", 0.5, domain="Law" if k % 2 else "Art") for k in range(8)]
    verdicts = [
        {"task": f"t{k}", "task_hash": task_hash(f"t{k}"), "recipe": "a", "repeat": 0,
         "criterion": section, "section": section, "weight": 10.0, "grader": "g",
         "grader_pass": 0, "verdict": "met" if value else "unmet", "value": value}
        for k in range(8) for section, value in (("facts", 1.0), ("style", 0.0))
    ]  # fmt: skip
    run = write_run(tmp_path / "run", rows, verdicts=verdicts)

    summary, text = report.summarize(run), _text(run)

    assert summary["sections"]["facts"]["a"]["value"] == 1.0
    assert summary["sections"]["style"]["a"]["value"] == 0.0
    assert summary["domains"]["Law"]["a"]["n"] == 4
    assert "Each domain has fewer than 5 tasks" in text
    assert "## Score by section" in text
    assert "## Score by domain" in text


def test_unread_verdicts_are_counted_in_the_gaps(tmp_path):
    """ "0.0% of the verdicts were not read" is no gap that anybody can look up."""
    rows = [trial(f"t{k}", "a", 0.5, coverage=0.99995 if k else 1.0) for k in range(6)]
    verdicts = [
        {"task": f"t{k}", "task_hash": task_hash(f"t{k}"), "recipe": "a", "repeat": 0,
         "criterion": f"c{c}", "section": "s", "weight": 1.0, "grader": "g", "grader_pass": 0,
         "verdict": "met" if c or k else "unreadable", "value": 1.0 if c or k else None}
        for k in range(6) for c in range(500)
    ]  # fmt: skip

    text = _text(write_run(tmp_path / "run", rows, verdicts=verdicts))

    assert "a: 1 of 3,000 verdicts was not read" in text
    assert "| > 99.9% |" in text


def test_writing_twice_changes_nothing(troubled):
    """Reports are committed; bytes that change without cause hide those that matter."""
    first = {name: path.read_bytes() for name, path in report.write(troubled).items()}
    second = {
        name: path.read_bytes() for name, path in report.write(read_run(troubled.path)).items()
    }

    assert first == second


def test_a_run_in_which_nothing_was_graded_still_has_a_report(tmp_path):
    """The grader's key was wrong: that is when people need to read what happened."""
    rows = [trial(f"t{k}", recipe, None, cost_usd=0.01) for k in range(3) for recipe in "ab"]

    paths = report.write(write_run(tmp_path / "run", rows))

    text = paths["report.md"].read_text("utf-8")
    assert set(paths) == {"report.html", "report.md", "summary.json"}
    assert "No answer has a score." in text
    assert "3 answers without a readable verdict" in text


def test_a_run_in_which_everything_failed_still_has_a_report(tmp_path):
    """All zeros, one failure word: the most common first run of all."""
    rows = [trial(f"t{k}", recipe, None, failure="auth", cost_usd=0.0)
            for k in range(3) for recipe in "ab"]  # fmt: skip

    text = _text(write_run(tmp_path / "run", rows))

    assert "failed 3 of 3 times" in text
    assert "auth 3×" in text


def test_a_recipe_that_never_answered_is_not_recommended(tmp_path):
    """With a wrong key it fails at once, for $0: the report told people to take it."""

    def refuse(row, rng):
        if row["recipe"] == "solo-b":
            row |= {"failure": "auth", "score": None, "score_min": None, "score_max": None,
                    "coverage": None, "cost_usd": 0.0, "latency_s": None}  # fmt: skip
        return row

    run = made_run(tmp_path / "run", FOUR_PARTS, tweak=refuse)
    summary, text = report.summarize(run), _text(run)
    words = decision(summary)

    assert summary["reference"] == "solo-a"
    assert "solo-b" not in {row["recipe"] for row in summary["decisions"]}
    assert summary["recipes"]["solo-b"]["on_frontier"] is None
    assert summary["never_answered"] == ["solo-b"]
    assert "solo-b" not in (summary["not_below_best"] or [])
    assert all("solo-b" not in row["dominated_by"] for row in summary["recipes"].values())
    assert "Never answered, and so in no choice and not on the frontier: solo-b (failed 30" in words
    assert "Left out of this choice" not in words
    assert re.search(r"^\| solo-b .*\| never answered \|$", text, re.MULTILINE)
    console = rich.console.Console(width=100, record=True, file=io.StringIO())
    console.print(terminal.table(summary))
    assert "never answered" in console.export_text()


@pytest.mark.parametrize("recipes", [FOUR_PARTS, {"a": NINE["panel"], "b": ("solo", 0.1, 0.09)}])
def test_from_one_task_nothing_is_recommended(tmp_path, recipes):
    """ "100 %" is what a reader remembers of a run on one task."""
    run = made_run(tmp_path / "run", recipes, n=1)

    words, text = " ".join(terminal.paragraph(run).split()), _text(run)

    assert "No recommendation: 1 task in common, of 8 that it takes: 7 more are missing." in words
    assert "%" not in words
    assert "take " not in words
    rows = text.split("## Recipes")[1].split("Scores are")[0]
    assert rows.count("| undecided |") == len(recipes)


def test_who_leads_on_fewer_tasks_is_said_in_the_first_paragraph(tmp_path):
    """A system with 99 of 100 tasks led the table of an import, and nothing hinted at it."""
    lost = {"solo-a": 1, "solo-b": 4, "panel": 2, "debate": 3, "moa-two-layers": 1}

    def lose(row, rng):
        return None if int(row["task"][5:]) < lost.get(row["recipe"], 0) else row

    run = made_run(tmp_path / "run", NINE, tweak=lose, simulated=True)
    words = decision(report.summarize(run))
    console = rich.console.Console(width=300, record=True, file=io.StringIO())
    console.print(terminal.table(run))
    shown = console.export_text()

    assert (
        "Not every recipe has all 30 tasks; missing: moa-two-layers (1), solo-b (4), debate (3) "
        "and 2 more. Means and" in words
    )
    assert "The choice is over the 26 tasks that the others all have." in terminal.paragraph(run)
    assert not re.search(r"score, points +tasks", shown)
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 100
    whole = made_run(tmp_path / "whole", FOUR_PARTS)
    console.print(terminal.table(whole))
    assert re.search(r"score, +cost per task|points +cost per task", console.export_text())
    assert "Not every recipe" not in decision(report.summarize(whole))


def test_the_table_in_the_terminal_fits_into_100_columns(tmp_path):
    """A wrapped table cannot be read, and names are as long as people make them."""
    recipes = {f"{name}-{'x' * 40}": value for name, value in NINE.items()}
    run = made_run(tmp_path / ("run-" + "y" * 60), recipes, simulated=True)
    console = rich.console.Console(width=300, record=True, file=io.StringIO())

    console.print(terminal.table(run))

    lines = console.export_text().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 100
    assert sum("…" in line for line in lines) >= 9


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "unknown"), (0, "$0"), (0.000402, "$0.000402"), (0.0223, "$0.0223"), (4.1, "$4.10"),
     (87, "$87.00"), (1234.5, "$1,234")],
)  # fmt: skip
def test_dollars_are_written_as_people_write_them(value, text):
    """4.02e-04 is not a price."""
    assert dollars(value) == text


def _shell(text):
    """The lines that the report says to type."""
    lines = text.split("```sh\n")[1].split("\n```")[0].splitlines()
    return [shlex.split(line, comments=True) for line in lines]


def _typed(words):
    """What happens when somebody types them."""
    assert words[0] == "fusion-eval"
    return forked.run(*words[1:])


def test_the_line_that_makes_an_import_again_makes_it_again(tmp_path, monkeypatch):
    """It lacked the folder of the file, the columns, the scale and the output folder."""
    folder = tmp_path / "two  words"
    folder.mkdir()
    (folder / "t.csv").write_text("name,task,points\na,x,50\nb,x,60\n", "utf-8")
    (folder / "c.csv").write_text("task,criterion,weight\nx,good,1\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    run = import_table(
        "two  words/t.csv",
        criteria=folder / "c.csv",
        columns={"recipe": "name", "score": "points"},
        scale=100,
        output_dir="my runs",
    )

    again, imported = _shell(_text(run))
    outcomes = [_typed(again), _typed(imported)]

    assert [done.returncode for done in outcomes] == [0, 0], outcomes
    folders = [path for path in sorted(Path("my runs").iterdir()) if not path.is_symlink()]
    runs = [read_run(path) for path in folders if path.is_dir()]
    assert len(runs) == 2
    assert frames.trials(runs[0]).equals(frames.trials(runs[1]))


@pytest.mark.parametrize("inside", [True, False])
def test_the_line_that_makes_a_run_again_names_its_own_files(tmp_path, monkeypatch, inside):
    """It said results/…, whatever -o was, and forgot --limit: another run, with calls to pay."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path if inside else tmp_path / "other")
    (tmp_path / "elsewhere" / "run 1").mkdir(parents=True)
    (tmp_path / "elsewhere" / "run 1" / "bench.yaml").write_text("recipes: {a: {}, b: {}, c: {}}")
    rows = [trial(f"t{k}", "a", 0.5) for k in range(2)]
    tasks = {"count": 2, "hash": "x", "sources": ["my tasks/one.yaml", "hf:owner/name"]}
    run = write_run(tmp_path / "elsewhere" / "run 1", rows, tasks=tasks, limit=2,
                    recipes={"a": "solo", "b": "solo"})  # fmt: skip

    line = _shell(_text(run))[1]

    base = "elsewhere" if inside else str(tmp_path / "elsewhere")
    assert line[:4] == ["fusion-eval", "run", "my tasks/one.yaml", "hf:owner/name"]
    options = dict(zip(line[4:-1:2], line[5:-1:2], strict=True))
    assert options == {
        "--bench": f"{base}/run 1/bench.yaml", "-o": base, "--recipes": "a,b", "--limit": "2"
    }  # fmt: skip
    assert line[-1] == "--replay"
    plain_run = write_run(tmp_path / "old", rows, tasks={"source": "a.yaml b.yaml", "count": 2})
    assert _shell(_text(plain_run))[1][2:4] == ["a.yaml", "b.yaml"]


def test_one_is_singular(tmp_path):
    """ "1 tasks" on the first page makes a reader doubt the numbers too."""
    calls = [{"key": "k", "task": "t", "recipe": "a", "repeat": 0, "cached": False}]
    money = {"cost_usd": 0.1, "spent_usd": 0.1, "grading_usd": 0.1, "grading_spent_usd": 0.1,
             "possibly_paid_usd": 0.0}  # fmt: skip
    rows = [trial("t", "a", None, failure="timeout", **money), trial("t", "b", 0.5, **money),
            trial("t", "c", 0.4, **money | {"cost_usd": None})]  # fmt: skip
    run = write_run(tmp_path / "run", rows, calls=calls)
    console = rich.console.Console(width=200, record=True, file=io.StringIO())

    console.print(terminal.table(run))
    everything = _text(run) + decision(report.summarize(run)) + console.export_text()

    everything += terminal.paragraph(run) + "".join(text for _, text in terminal.opening(run))
    assert "3 recipes on 1 task, 1 answer each" in everything
    assert "1 call charged" in everything
    assert "failed 1 of 1 time" in everything
    assert "a none" not in everything
    assert "(1 trial unknown)" in everything
    wrong = r"(?<![\d.,])1 (tasks|calls|answers|times|trials|repeats|recipes|more tasks)\b|\(s\)"
    assert not re.findall(wrong, everything), re.findall(f".*(?:{wrong}).*", everything)


def test_words_are_made_harmless():
    """A model or a task author must not be able to write into our report."""
    assert escaped("a|b *c* [d](e)") == r"a\|b \*c\* \[d\](e)"
    assert plain("x\ny\u202ez\x1b[31m") == "x yz[31m"
    assert points(-0.0123, signed=True) == "−1.2"
