"""`rule RUN`: what `auto` of `serve` routes by, and what it may not claim."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import trial, write_run
from typer.testing import CliRunner

from fusion_eval.cli import app
from fusion_eval.errors import InputError
from fusion_eval.loading.rule import Features, RuleFile, When, load_rule_file
from fusion_eval.ruling import rule_of, rule_text, words
from fusion_eval.store import read_rows

pytestmark = pytest.mark.usefixtures("no_figures")

MEANS = {  # domain -> recipe -> (score, US$)
    "Law": {"cheap": (0.4, 0.001), "panel": (0.8, 0.02)},
    "Chat": {"cheap": (0.7, 0.001), "panel": (0.71, 0.02)},
}


def run_of(folder: Path, tasks: int = 30, **more: Any) -> Any:
    """A run in which a panel is worth its dollars in one domain of two."""
    rng, rows = np.random.default_rng(3), []
    for domain, recipes in MEANS.items():
        for i in range(tasks):
            for recipe, (score, usd) in recipes.items():
                value = float(np.clip(score + rng.normal(0, 0.05), 0, 1))
                own = {"domain": domain, "cost_usd": usd * rng.uniform(0.9, 1.1), **more}
                rows.append(trial(f"{domain}-{i}", recipe, value, **own))
    return write_run(folder, rows)


def test_each_domain_gets_the_recipe_that_is_worth_its_dollars_there(tmp_path):
    """A panel would be paid for where a model alone is as good."""
    made = rule_of(run_of(tmp_path / "run"), 0.01)
    assert {one.when.domain: one.recipe for one in made.rules} == {"Law": "panel", "Chat": "cheap"}
    law = next(one for one in made.rules if one.when.domain == "Law")
    assert law.score.low < 0.8 < law.score.high
    assert law.score.n == law.cost_usd.n == 30
    assert law.cost_usd.value == pytest.approx(0.02, rel=0.1)
    assert law.probability > 0.99
    assert (made.run.id, made.run.tasks, made.run.simulated) == ("run", 60, False)


def test_the_price_of_a_point_decides(tmp_path):
    """Whoever pays little for a point would get the recipe of whoever pays much."""
    run = run_of(tmp_path / "run")
    assert {one.recipe for one in rule_of(run, 0.0).rules} == {"cheap"}
    assert {one.recipe for one in rule_of(run, 1.0).rules} == {"panel"}


def test_a_domain_with_few_tasks_has_no_rule_and_the_file_says_so(tmp_path):
    """Three tasks would send all requests of a domain somewhere."""
    rows = [
        trial(f"{domain}-{i}", recipe, score, domain=domain, cost_usd=usd)
        for domain, count in (("Law", 20), ("Rare", 3))
        for i in range(count)
        for recipe, score, usd in (("cheap", 0.4 + i / 100, 0.001), ("panel", 0.8, 0.02))
    ]
    made = rule_of(write_run(tmp_path / "run", rows), 0.01)
    assert [one.when.domain for one in made.rules] == ["Law"]
    assert made.notes == ["no rule for domains of fewer than 8 tasks: Rare (3)"]


def test_a_run_that_cannot_choose_makes_no_rule_file(tmp_path):
    """A rule from four tasks would look like any other."""
    with pytest.raises(InputError, match="nothing can be chosen"):
        rule_of(run_of(tmp_path / "run", tasks=2), 0.01)


def test_a_recipe_of_unknown_cost_is_left_out_by_name(tmp_path):
    """Unknown would count as free, and win everywhere."""
    run = run_of(tmp_path / "run")
    rows = [
        trial(f"{domain}-{i}", "secret", 0.99, domain=domain, cost_usd=None)
        for domain in MEANS
        for i in range(30)
    ]
    both = [*read_rows(run, "trials"), *rows]
    made = rule_of(write_run(tmp_path / "both", both), 0.01)
    assert "secret" not in made.recipes
    assert any("secret is left out" in note for note in made.notes)


def test_the_verb_writes_what_serve_reads(tmp_path, monkeypatch):
    """The two halves of a contract would drift apart."""
    run_of(tmp_path / "results" / "run")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["rule", "run", "--point", "0.01", "--to", "r.json"])
    assert done.exit_code == 0, done.output
    assert "domain Law: panel" in done.stdout
    read = load_rule_file(tmp_path / "r.json")
    assert read == rule_of(tmp_path / "results" / "run", 0.01)
    assert json.loads((tmp_path / "r.json").read_text())["version"] == 1


def test_a_simulated_run_makes_rules_that_say_so(tmp_path):
    """Rules of a simulator would route the traffic of real models."""
    rows = [
        trial(f"t{i}", recipe, score, domain="", cost_usd=usd)
        for i in range(12)
        for recipe, score, usd in (("a", 0.3 + i / 50, 0.001), ("b", 0.6, 0.002))
    ]
    made = rule_of(write_run(tmp_path / "run", rows, simulated=True), 0.01)
    assert made.run.simulated is True
    assert words(made).startswith("SIMULATED")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ("[]", r"r\.json: a list, where keys with values belong"),
        ('{"format": "fusion-eval rule", "version": 2, "otherwise": {"recipe": "a"}}', "version 2"),
        ('{"rules": []}', "otherwise"),
        ('{"otherwise": {"recipe": "a"}, "extra": 1}', "extra"),
        ('{"otherwise": {"recipe": "a"}, "rules": [{"when": {"dom": 1}, "recipe": "a"}]}', "dom"),
        ('{"otherwise": {"recipe": "a", "probability": 2}}', "probability"),
    ],
    ids=["json", "list", "version", "otherwise", "extra", "when", "probability"],
)
def test_a_rule_file_that_cannot_be_read_names_what_is_wrong(tmp_path, text, problem):
    """A rule that is skipped in silence routes to the wrong recipe."""
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InputError, match=problem):
        load_rule_file(tmp_path / "r.json")


@given(text=st.text(max_size=40), domain=st.sampled_from(["", "Law", "law", "x"]))
def test_the_first_rule_that_holds_decides(text, domain):
    """Two rules that both hold would be a coin toss."""
    rule = RuleFile.model_validate(
        {
            "rules": [
                {"when": {"domain": "Law", "max_characters": 10}, "recipe": "a"},
                {"when": {"any_words": ["Prove", "x"]}, "recipe": "b"},
                {"when": {"min_characters": 20, "code": False}, "recipe": "c"},
            ],
            "otherwise": {"recipe": "d"},
        }
    )
    asked = Features(text=text, domain=domain)
    expected = (
        "a"
        if domain.lower() == "law" and len(text) <= 10
        else "b"
        if "prove" in text.casefold() or "x" in text.casefold()
        else "c"
        if len(text) >= 20 and "```" not in text
        else "d"
    )
    assert rule.choose(asked).recipe == expected
    assert RuleFile.model_validate_json(rule_text(rule)) == rule


def test_conditions_that_are_absent_hold():
    """An empty condition would never route anything."""
    assert When().holds(Features(text=""))
