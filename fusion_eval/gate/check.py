"""A run against its baseline, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from fusion_eval.errors import InputError
from fusion_eval.gate import rules, samples
from fusion_eval.gate.baseline import Baseline, read_baseline, taken
from fusion_eval.gate.comparable import differences, refusals
from fusion_eval.gate.context import context
from fusion_eval.gate.difference import difference
from fusion_eval.gate.guards import guards
from fusion_eval.gate.noise import floor
from fusion_eval.gate.notes import notes
from fusion_eval.gate.rules import Sides
from fusion_eval.gate.values import (
    Beats,
    Checked,
    Coverage,
    Factor,
    Failures,
    Outcome,
    Policy,
    Quality,
)
from fusion_eval.report.measured import losses, sentences
from fusion_eval.store import Run, read_run


def gate(
    run: Run | str | Path, baseline: Baseline | str | Path, policy: Policy | None = None
) -> Checked:
    """Compare a run with a baseline.

    All rules must pass, so each is tested at the policy's alpha (intersection-union). What does not
    pass fails where it is clearly worse than the baseline: the p values of "nothing got worse" are
    adjusted over all rules and guards (Holm), so that an unchanged system goes red by luck in at
    most alpha of all runs.

    Raises InputError where the two cannot be compared: other prompts, graders, protocols or tasks
    that the policy does not allow, recipes that are not there, or nothing in the run.
    """
    opened = run if isinstance(run, Run) else read_run(run)
    chosen = policy or Policy()
    old = baseline if isinstance(baseline, Baseline) else read_baseline(baseline)
    new = taken(opened)
    found = differences(new, old)
    _refuse(found, new, old, chosen)
    sides = Sides(new=new, old=old, policy=chosen)
    recipes, outcomes = _recipes(sides), judge(sides)
    lost = losses(opened.manifest, recipes)
    return Checked(
        run_id=new.run_id,
        baseline_id=old.run_id,
        simulated=new.simulated or old.simulated,
        outcomes=tuple(outcomes),
        notes=(
            *sentences([row for row in lost if not row["unusable"]]),
            *notes(sides, recipes, found, outcomes),
        ),
        floors={name: _floor(name, sides) for name in recipes},
        inconclusive=chosen.inconclusive,
        incomplete=opened.manifest.get("status") not in (None, "finished"),
        not_measured=tuple(sentences([row for row in lost if row["unusable"]])),
        nothing_new=all(samples.same_answers(new, old, name) for name in recipes),
        context=context(opened, sides, recipes),
    )


def judge(sides: Sides) -> list[Outcome]:
    """The outcomes of all rules, and of those guards that went off."""
    asked = list(_outcomes(sides))
    watched = list(guards(sides, _recipes(sides)))
    worded = _worded([*asked, *watched], sides.policy.alpha)
    return [*worded[: len(asked)], *(o for o in worded[len(asked) :] if o.word != "pass")]


def _refuse(found: dict[str, list[str]], new: Baseline, old: Baseline, policy: Policy) -> None:
    if not len(new.trials):
        raise InputError(f"{new.run_id}: the run has no trial, so there is nothing to check")
    problems = refusals(found, policy.allow)
    named = {r.recipe for r in policy.rules if r.recipe} | set(policy.recipes or ())
    named |= {name for r in policy.rules if isinstance(r, Beats) for name in r.others}
    for side, what in ((new, "run"), (old, "baseline")):
        known = set(side.trials["recipe"].astype(str))
        for name in sorted(named - known):
            problems.append(f"the policy names {name!r}, which the {what} has not: {sorted(known)}")
    if not set(new.trials["task_hash"]) & set(old.trials["task_hash"]):
        problems.append("run and baseline have no task in common; give the baseline of these tasks")
    if problems:
        raise InputError(list(dict.fromkeys(problems)))


def _recipes(sides: Sides) -> list[str]:
    if sides.policy.recipes is not None:
        return list(sides.policy.recipes)
    there = set(sides.new.trials["recipe"].astype(str))
    return [name for name in dict.fromkeys(sides.old.trials["recipe"].astype(str)) if name in there]


def _outcomes(sides: Sides) -> Iterator[Outcome]:
    for rule in sides.policy.rules:
        if isinstance(rule, Beats):
            yield rules.beats(rule, sides)
            continue
        for recipe in [rule.recipe] if rule.recipe else _recipes(sides):
            if isinstance(rule, Quality):
                yield rules.quality(rule, recipe, sides)
            elif isinstance(rule, Factor):
                yield rules.factor(rule, recipe, sides)
            elif isinstance(rule, Failures):
                yield rules.failures(rule, recipe, sides)
            elif isinstance(rule, Coverage):
                yield rules.coverage(rule, recipe, sides)


def _worded(outcomes: Sequence[Outcome], alpha: float) -> list[Outcome]:
    """The words: `pass` at alpha each, else `fail` at alpha over all together (Holm 1979)."""
    tested = sorted((o.p_fail, k) for k, o in enumerate(outcomes) if o.p_fail is not None)
    failing: set[int] = set()
    for place, (p, k) in enumerate(tested):
        if p * (len(tested) - place) >= alpha:
            break
        failing.add(k)
    made = []
    for k, outcome in enumerate(outcomes):
        if outcome.p_pass is not None and outcome.p_pass < alpha:
            worse = WORSE_WITHIN if k in failing else ""
            why = "; ".join(text for text in (outcome.why, worse) if text)
            made.append(replace(outcome, word="pass", needs="", why=why))
        else:
            made.append(replace(outcome, word="fail", needs="") if k in failing else outcome)
    return made


def _floor(recipe: str, sides: Sides) -> float | None:
    new, old = (samples.by_task(samples.scores(s, recipe)) for s in (sides.new, sides.old))
    tasks = samples.common(new, old) if new and old else []
    if not tasks:
        return None
    policy = sides.policy
    days = samples.by_day(sides.old, samples.scores(sides.old, recipe))
    mean = difference(new, old, tasks, policy.estimand, margin=policy.margin / 100, days=days)
    return floor(mean, policy.alpha)


WORSE_WITHIN = "worse than the baseline beyond chance, by less than the limit"
