"""The pages in a real browser: what they show, and that nothing in them acts."""

import csv
from pathlib import Path

import pytest
from made_hostile import HOSTILE
from made_pages import browsing, opened
from made_runs import NINE, made_run, trial, write_run

from fusion_eval import frames, report
from fusion_eval.report import summarize
from fusion_eval.store import write_lines


@pytest.fixture(scope="module")
def browser():
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = made_run(tmp_path_factory.mktemp("pages") / "run", NINE, n=25, simulated=True)
    report.write(made)
    return made


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """One task, a repeat for each hostile answer, and an honest answer after each of them."""
    folder = tmp_path_factory.mktemp("hostile") / "run"
    rows, lines = [], []
    for k, text in enumerate(HOSTILE):
        for name, answer in (("hostile", text), ("honest", "An honest answer.")):
            rows.append(trial("t", name, 0.5, repeat=k))
            lines.append({"task": "t", "recipe": name, "repeat": k, "answer": answer})
    made = write_run(folder, rows)
    write_lines(folder / "answers.jsonl", lines)
    write_lines(
        folder / "tasks.jsonl",
        [
            {
                "id": "t",
                "hash": rows[0]["task_hash"],
                "target": None,
                "criteria": [],
                "messages": [{"role": "user", "content": "\n".join(HOSTILE[:60])}],
            }
        ],
    )
    report.write(made)
    return made


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 768, 390])
def test_pages_fit_their_window_and_keep_quiet(browser, run, width, scheme):
    """A page that scrolls sideways on a phone is not read there."""
    for path in (run.path / "report.html", run.path / "items" / "0001-task-0.html"):
        with opened(browser, path, width, scheme) as seen:
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
            assert seen.said == []
            assert seen.far == []
            assert "SIMULATED" in seen.page.title()


def test_on_paper_the_table_of_recipes_is_not_cut(browser, run):
    """A4 between its margins is about 700 pixels; what stands beyond is lost."""
    with opened(browser, run.path / "report.html", 700) as seen:
        seen.page.emulate_media(media="print")
        wide = seen.page.locator("#frontier table").evaluate("t => t.getBoundingClientRect().right")
        assert wide <= 700
        assert not seen.page.locator("#frontier .copy").is_visible()


def test_points_speak_when_they_are_pointed_at_and_when_the_tab_key_reaches_them(browser, run):
    """A figure that only a mouse can read leaves people out."""
    with opened(browser, run.path / "report.html") as seen:
        points = seen.page.locator("#frontier svg.wide .point")
        tip = seen.page.locator("#frontier .tip")
        assert points.count() == len(NINE)
        points.nth(0).hover()
        first = tip.inner_text()
        points.nth(3).focus()
        second = tip.inner_text()
        assert {first.split(":")[1].strip(), second.split(":")[1].strip()} <= set(NINE)
        assert first != second
        assert "points" in second
        assert "$" in second
        reached = []
        seen.page.locator("nav a").first.focus()
        for _ in range(90):
            seen.page.keyboard.press("Tab")
            reached.append(seen.page.evaluate("document.activeElement.getAttribute('aria-label')"))
        assert sum(bool(label and "points" in label) for label in reached) >= len(NINE)


@pytest.mark.parametrize("section", ["decision", "time"])
def test_points_of_the_other_figures_of_the_choice_speak_too(browser, run, section):
    """A curve without its number is a drawing."""
    with opened(browser, run.path / "report.html") as seen:
        point = seen.page.locator(f"#{section} svg.wide .point").first
        point.hover()
        hovered = seen.page.locator(f"#{section} .tip").inner_text()
        assert hovered.startswith("SIMULATED: ")
        assert any(name in hovered for name in NINE)
        assert ("%" if section == "decision" else " s on average") in hovered


def test_every_figure_can_be_taken_away_as_a_file(browser, run):
    """A figure on a slide comes from a file, and a dead link is found in front of the audience."""
    with opened(browser, run.path / "report.html") as seen:
        links = seen.page.locator("figcaption a").evaluate_all("all => all.map(a => a.href)")
    files = {link.rsplit("/", 1)[1] for link in links}
    assert {"pareto.svg", "acceptability.png", "seconds.svg", "forest.png"} <= files
    for link in links:
        assert Path(link.removeprefix("file://")).stat().st_size > 5_000


def test_tables_sort_and_keep_all_rows(browser, run):
    """A sorted table that lost a row would hide a recipe."""
    with opened(browser, run.path / "report.html") as seen:
        table = seen.page.locator("#frontier table")
        before = table.locator("tbody th").all_inner_texts()
        table.locator("th button", has_text="cost per task").click()
        costs = [
            float(v)
            for v in table.locator("tbody tr td:nth-child(3) > data").evaluate_all(
                "cells => cells.map(c => c.value)"
            )
        ]
        assert costs == sorted(costs)
        assert sorted(table.locator("tbody th").all_inner_texts()) == sorted(before)


def test_tables_that_came_from_markdown_sort_by_their_numbers_and_can_be_copied(browser, run):
    """Sorted as text, 12.0 stands before 3.1, and -4.0 anywhere."""
    with opened(browser, run.path / "report.html") as seen:
        seen.page.evaluate(
            "navigator.clipboard.writeText = async (text) => { window.copied = text }"
        )
        part = seen.page.locator("#equal-dollars")
        table = part.locator("table").first
        table.locator("th button", has_text="difference, points").click()
        shown = table.locator("tbody tr td:nth-child(4)").all_inner_texts()
        values = [float(t.split(" ")[0].replace("−", "-")) for t in shown if t != "–"]
        assert len(values) > 2
        assert values == sorted(values)
        assert table.locator("th").nth(2).evaluate("c => getComputedStyle(c).textAlign") == "left"
        assert table.locator("th").nth(3).evaluate("c => getComputedStyle(c).textAlign") == "right"
        part.locator(".copy").first.click()
        assert seen.page.evaluate("window.copied").startswith("recipe (SIMULATED),")


def test_a_table_that_is_copied_says_simulated(browser, run):
    """A pasted table has no banner."""
    with opened(browser, run.path / "report.html") as seen:
        seen.page.evaluate(
            "navigator.clipboard.writeText = async (text) => { window.copied = text }"
        )
        seen.page.locator("#frontier .copy").click()
        copied = seen.page.evaluate("window.copied")
        assert copied.splitlines()[0].startswith("recipe (SIMULATED),")
        assert len(copied.splitlines()) == len(NINE) + 1


def test_without_scripts_everything_is_there(browser, run):
    """Some mail programs and reviewers allow none."""
    with opened(browser, run.path / "report.html", script=False) as seen:
        assert seen.page.locator("#frontier tbody tr").count() == len(NINE)
        assert seen.page.locator("#frontier svg.wide .point title").count() == len(NINE)
        assert seen.page.locator("button").count() == 0


def test_nothing_hostile_runs_fetches_or_covers(browser, hostile):
    """One answer must not be able to speak for another, or for us."""
    with opened(browser, hostile.path / "items" / "0001-t.html") as seen:
        page = seen.page
        assert page.evaluate("window.pwned") is None
        assert seen.far == []
        assert seen.said == []
        assert page.title() == "t"
        assert page.locator("article").count() == 2 * len(HOSTILE)
        assert (
            page.locator(
                ".hostile :is(img,script,style,iframe,object,embed,form,input,svg,"
                "link,meta,base,video,audio,textarea,h1,h2,h3,data)"
            ).count()
            == 0
        )
        assert page.locator(".hostile [style], .hostile [onclick], .hostile [id]").count() == 0
        outside = page.evaluate(
            """() => [...document.querySelectorAll('.hostile')].filter(box => {
                const outer = box.getBoundingClientRect();
                return getComputedStyle(box).overflow !== 'auto' || outer.height > 490;
            }).length"""
        )
        assert outside == 0
        for k in (0, 24, 26, len(HOSTILE) - 1):
            heading = page.locator("article h3", has_text=f"honest, repeat {k}").first
            heading.scroll_into_view_if_needed()
            top = heading.evaluate(
                """h => { const b = h.getBoundingClientRect();
                const e = document.elementFromPoint(b.left + 20, b.top + b.height / 2);
                return e === h || h.contains(e); }"""
            )
            assert top


def test_every_link_of_the_report_leads_to_a_page(browser, run):
    """A dead link in a report costs trust in the rest."""
    with opened(browser, run.path / "report.html") as seen:
        links = seen.page.locator("#tasks a").evaluate_all("all => all.map(a => a.href)")
        assert len(links) == 25
        for link in links[:3]:
            seen.page.goto(link)
            assert seen.page.locator("article").count() == len(NINE)


def test_the_control_takes_the_choice_of_the_statistics_at_each_value(browser, run):
    """A control that computes something of its own would contradict the sentence above it."""
    grid = summarize(run)["choice_grid"]
    with opened(browser, run.path / "report.html") as seen:
        output = seen.page.locator("#control output")
        for k in (2, len(grid["values"]) // 2, len(grid["values"]) - 2):
            seen.page.fill("#control [name=point]", str(grid["values"][k]))
            assert (
                seen.page.locator("#control .take").inner_text()
                == (grid["recipes"][grid["chosen"][0][k]])
            )
            sure = 100 * grid["probability"][0][k]
            assert (
                abs(int(seen.page.locator("#control .sure").inner_text().strip("%>< ")) - sure) < 1
            )
            assert seen.page.locator("#frontier tr.chosen").count() == 1
        limit = grid["limits_s"].index(max(x for x in grid["limits_s"] if x))
        seen.page.fill("#control [name=within]", str(grid["limits_s"][limit]))
        said = output.inner_text()
        assert f"within {grid['limits_s'][limit]:g} s" in said
        taken = grid["chosen"][limit][len(grid["values"]) - 2]
        assert seen.page.locator("#control .take").inner_text() == grid["recipes"][taken]


def test_tasks_are_filtered_and_sorted_by_the_difference_of_two_recipes(browser, run):
    """Who looks for regressions reads the worst tasks, and sends somebody else the address."""
    trials = frames.trials(run).set_index(["task", "recipe"])["score"].unstack()
    expect = pytest.importorskip("playwright.sync_api").expect
    gap = (trials["panel"] - trials["solo-b"]).sort_values(kind="stable")
    wanted = list(gap[gap.abs() >= 0.1].index)
    with opened(browser, run.path / "report.html") as seen:
        page = seen.page
        page.select_option("#filter [name=a]", "panel")
        page.select_option("#filter [name=b]", "solo-b")
        page.fill("#filter [name=least]", "10")
        page.select_option("#filter [name=sort]", "down")
        expect(page.locator("#tasks tbody th")).to_have_text(wanted)
        assert 0 < len(wanted) < len(gap)
        assert "a=panel" in page.url
        page.goto(page.url)
        expect(page.locator("#tasks tbody th")).to_have_text(wanted)
        page.locator("#tasks tbody a").first.click()
        expect(page.locator("h1")).to_have_text(wanted[0])
        assert page.locator("#beside article h3").all_inner_texts() == ["panel", "solo-b"]
        page.locator("a[rel=next]").click()
        expect(page.locator("h1")).to_have_text(wanted[1])  # of the filter, not of the run
        page.locator("header a[data-back]").click()
        expect(page.locator("#tasks tbody th")).to_have_text(wanted)


def test_two_answers_stand_side_by_side_with_the_words_that_differ(browser, tmp_path):
    """Of two long answers nobody sees the one word that made the difference."""
    texts = {"one": "The Moon raises <b>two</b> tides a day.", "two": "The Moon raises no tides."}
    rows = [trial("t", name, 0.5) for name in texts]
    made = write_run(tmp_path / "run", rows)
    lines = [{"task": "t", "recipe": n, "repeat": 0, "answer": x} for n, x in texts.items()]
    write_lines(made.path / "answers.jsonl", lines)
    report.write(made)
    with opened(browser, made.path / "items" / "0001-t.html") as seen:
        seen.page.select_option("#pair [name=a]", label="one")
        seen.page.select_option("#pair [name=b]", label="two")
        assert seen.page.locator("#beside del").inner_text().strip() == "<b>two</b> tides a day."
        assert seen.page.locator("#beside ins").inner_text().strip() == "no tides."
        assert seen.page.locator("#beside b").count() == 0
        assert not seen.page.locator(".answers").is_visible()


def test_what_is_copied_is_data(browser, run):
    """`85.2 (80.1 to 89.2)` in a cell is no number for any program."""
    with opened(browser, run.path / "report.html") as seen:
        seen.page.evaluate(
            "navigator.clipboard.writeText = async (text) => { window.copied = text }"
        )
        seen.page.locator("#frontier .copy").click()
        head, first, *_ = seen.page.evaluate("window.copied").splitlines()
    summary = summarize(run)
    columns = next(csv.reader([head]))
    row = dict(zip(columns, next(csv.reader([first])), strict=True))
    score = summary["recipes"][row["recipe (SIMULATED)"].split(" ")[0]]["score"]
    names = ("score, points", "score, points low", "score, points high")
    assert [float(row[name]) for name in names] == pytest.approx(
        [100 * score[end] for end in ("value", "low", "high")]
    )
    assert "$" not in first


def test_figures_follow_the_theme(browser, run):
    """A white slab in a dark page blinds whoever reads at night."""
    colours = {}
    for scheme in ("light", "dark"):
        with opened(browser, run.path / "report.html", 1440, scheme) as seen:
            colours[scheme] = seen.page.locator("#frontier svg.wide").evaluate(
                "f => [getComputedStyle(f).backgroundColor, getComputedStyle(f).fill]"
            )
            hard = seen.page.locator("svg.wide [fill='#ffffff'], svg.wide [stroke='#ffffff']")
            assert hard.count() == 0
    assert colours["light"][0] != colours["dark"][0]
    assert colours["light"][1] != colours["dark"][1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_stands_between_a_page_and_those_who_listen_to_it(browser, run, scheme):
    """Names, contrast and order of a page decide whether somebody can use it at all."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for path in ("report.html", "items/0001-task-0.html"):
        with opened(browser, run.path / path, 1440, scheme) as seen:
            found = axe.run(seen.page).response["violations"]
            serious = [v["id"] for v in found if v["impact"] in ("serious", "critical")]
            assert serious == []
