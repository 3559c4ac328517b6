"""Each rule of a policy, held against a run and its baseline: pass, fail or inconclusive.

A rule passes when the data exclude, one-sided at alpha, that it is broken, and fails when they
exclude that it is kept. What lies between is inconclusive and says what would decide it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv, stdtr

from fusion_eval.gate import samples
from fusion_eval.gate.baseline import Baseline
from fusion_eval.gate.noise import needed
from fusion_eval.gate.samples import Samples, common
from fusion_eval.gate.values import Beats, Coverage, Factor, Failures, Outcome, Policy, Quality
from fusion_eval.stats.equivalence import noninferiority_p
from fusion_eval.stats.estimates import t_quantile
from fusion_eval.stats.means import Mean
from fusion_eval.stats.ratio import positive_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The run and what it is held against, and the policy's way of looking."""

    new: Baseline
    old: Baseline
    policy: Policy


def title(rule: Quality, margin: float) -> str:
    """`score not worse by 2`; a section and the whole score are two rules. margin : 0 to 1"""
    part = {"section": rule.section, "domain": rule.domain}
    named = next((f"{what} {name}" for what, name in part.items() if name), "score")
    return f"{named} not worse by {100 * margin:g}"


def quality(rule: Quality, recipe: str, sides: Sides) -> Outcome:
    """Score, whole or of a section or domain, not worse than the baseline by the margin."""
    part = {"section": rule.section, "domain": rule.domain}
    held = [samples.scores(side, recipe, **part) for side in (sides.new, sides.old)]
    new, old = (samples.by_task(one) for one in held)
    margin = (sides.policy.margin if rule.margin is None else rule.margin) / 100
    tasks = common(new, old) if new and old else []
    name = title(rule, margin)
    if not tasks:
        return _open("quality", name, recipe, -margin, "no task has such a score in both")
    if samples.same_answers(sides.new, sides.old, recipe):
        mean = samples.regraded(held[0], held[1])
    else:
        mean = samples.difference(new, old, tasks, sides.policy.estimand)
    left = len(set(new) | set(old)) - len(tasks)
    why = f"{left} tasks without a score in both are left out" if left else ""
    why = "; ".join(text for text in (why, mean.how if mean.how == samples.NOISIER else "") if text)
    return _of_mean(name, "quality", recipe, mean, -margin,
                    sides.policy, why, max(len(new[t]) for t in tasks))  # fmt: skip


def _of_mean(
    name: str,
    kind: str,
    recipe: str,
    mean: Mean,
    limit: float,
    policy: Policy,
    why: str,
    repeats: int,
) -> Outcome:
    """A mean that must lie above a limit."""
    p_pass = noninferiority_p(mean, -limit)
    if math.isnan(p_pass):
        said = "one repeat on either side: nothing shows how much answers vary"
        needs = "a baseline with repeats (run it with --repeats 3), or `estimand: new tasks`"
        return _open(kind, name, recipe, limit, said, needs=needs, value=mean.value, n=mean.n)
    if mean.se == 0:
        why = "; ".join(text for text in (why, "no repeat differs from another") if text)
    half = _half(mean, policy.alpha)
    needs = needed(mean, -limit, policy.alpha, repeats=repeats, estimand=policy.estimand)
    p_fail = 1 - p_pass if mean.se > 0 else float(mean.value >= limit)
    return Outcome(
        rule=name, kind=kind, recipe=recipe, word="inconclusive", value=mean.value,
        low=mean.value - half, high=mean.value + half, limit=limit, n=mean.n, why=why, needs=needs,
        p_pass=p_pass, p_fail=p_fail,
    )  # fmt: skip


def _half(mean: Mean, alpha: float) -> float:
    return mean.t_quantile(1 - 2 * alpha) * mean.se if mean.se > 0 else 0.0


def factor(rule: Factor, recipe: str, sides: Sides) -> Outcome:
    """Mean cost or latency at most `factor` times the baseline's; tasks are the sampling unit."""
    name = {"cost": "cost_usd", "latency": "latency_s"}[rule.kind]
    new, old = (samples.column(side, recipe, name) for side in (sides.new, sides.old))
    title = f"{rule.kind} at most {rule.factor:g} ×"
    tasks = common(new, old) if new and old else []
    a, b = (np.array([side[t].mean() for t in tasks]) for side in (new, old))
    if not len(tasks) or np.isnan([*a, *b]).any():
        said = f"{rule.kind} is not known for every answer"
        return _open(rule.kind, title, recipe, rule.factor, said, n=len(tasks),
                     needs="prices for all models, or leave this rule out")  # fmt: skip
    if b.mean() <= 0 or a.mean() <= 0 or len(tasks) < 2:
        said = "nothing to divide by" if b.mean() <= 0 < a.mean() else "too little to compare"
        if a.mean() > 0:
            return _open(rule.kind, title, recipe, rule.factor, said, n=len(tasks))
        free = "costs nothing" if rule.kind == "cost" else "takes no time"
        return _fact(rule.kind, title, recipe, 0.0, rule.factor, len(tasks), good=True, why=free)
    ratio = positive_ratio(a, b, 1 - 2 * sides.policy.alpha)
    quantile = t_quantile(1 - 2 * sides.policy.alpha, len(tasks) - 1)
    se = math.log(ratio.high / ratio.value) / quantile
    distance = math.log(rule.factor / ratio.value)
    p_pass = float(stdtr(len(tasks) - 1, -distance / se)) if se > 0 else float(distance < 0)
    return Outcome(
        rule=title, kind=rule.kind, recipe=recipe, word="inconclusive", value=ratio.value,
        low=ratio.low, high=ratio.high, limit=rule.factor, n=len(tasks), why="",
        needs="more tasks", p_pass=p_pass, p_fail=1 - p_pass if se > 0 else float(distance >= 0),
    )  # fmt: skip


def failures(rule: Failures, recipe: str, sides: Sides) -> Outcome:
    """Share of failed answers below a limit, by exact binomial bounds (Clopper and Pearson 1934).

    Repeats of one task count as separate answers: failures are taken for independent.
    """
    rows = sides.new.trials[sides.new.trials["recipe"].astype(str) == recipe]
    n, k = len(rows), int(rows["failure"].notna().sum())
    alpha, title = sides.policy.alpha, f"failures at most {rule.at_most:.1%}"
    if not n:
        return _open("failures", title, recipe, rule.at_most, "no answer")
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - alpha))
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, alpha))
    p_pass = 1.0 if k == n else float(1 - betainc(k + 1, n - k, rule.at_most))
    p_fail = 1.0 if k == 0 else float(betainc(k, n - k + 1, rule.at_most))
    clean = math.ceil(math.log(alpha) / math.log1p(-rule.at_most)) if rule.at_most < 1 else 1
    return Outcome(
        rule=title, kind="failures", recipe=recipe, word="inconclusive", value=k / n, low=low,
        high=high, limit=rule.at_most, n=n, why=f"{k} of {n} answers failed",
        needs=f"more answers: {clean} without a failure would show it",
        p_pass=p_pass, p_fail=p_fail,
    )  # fmt: skip


def coverage(rule: Coverage, recipe: str, sides: Sides) -> Outcome:
    """Share of verdicts that were read in this run: a fact, not an estimate."""
    rows = sides.new.trials[sides.new.trials["recipe"].astype(str) == recipe]
    known = rows.loc[rows["failure"].isna(), "coverage"].astype(float)
    value = float(known.mean()) if known.notna().any() else None
    good = None if value is None else value >= rule.at_least
    title, why = f"verdicts read at least {rule.at_least:.1%}", "" if known.size else "no answer"
    n = len(known)
    return _fact("coverage", title, recipe, value, rule.at_least, n, good=good, why=why)


def beats(rule: Beats, sides: Sides) -> Outcome:
    """Above each of the others within this run; all of them must be beaten (intersection-union)."""
    title = f"above {', '.join(rule.others)}"
    own = samples.by_task(samples.scores(sides.new, rule.recipe))
    found = [
        (name, _ahead(own, samples.by_task(samples.scores(sides.new, name)), sides.policy))
        for name in rule.others
    ]
    if missing := [name for name, mean in found if mean is None]:
        return _open("beats", title, rule.recipe, 0.0, f"no common task with {', '.join(missing)}")
    means = [(name, mean) for name, mean in found if mean is not None]
    worst, mean = min(means, key=lambda item: item[1].value)
    made = [_of_mean(title, "beats", rule.recipe, m, 0.0, sides.policy, "", 1) for _, m in means]
    if any(one.p_pass is None for one in made):
        return next(one for one in made if one.p_pass is None)
    closest = made[[name for name, _ in means].index(worst)]
    return Outcome(
        rule=title, kind="beats", recipe=rule.recipe, word="inconclusive", value=mean.value,
        low=closest.low, high=closest.high, limit=0.0, n=mean.n, why=f"closest: {worst}",
        needs=closest.needs, p_pass=max(one.p_pass or 0.0 for one in made),
        p_fail=min(1.0, len(made) * min(1.0 if one.p_fail is None else one.p_fail for one in made)),
    )  # fmt: skip


def _ahead(own: Samples, other: Samples, policy: Policy) -> Mean | None:
    tasks = common(own, other) if own and other else []
    if not tasks:
        return None
    mean = samples.difference(own, other, tasks, policy.estimand)
    return samples.difference(own, other, tasks, "new tasks") if math.isnan(mean.se) else mean


def _open(
    kind: str, name: str, recipe: str, limit: float, why: str, *,
    needs: str = "", value: float | None = None, n: int = 0,
) -> Outcome:  # fmt: skip
    return Outcome(rule=name, kind=kind, recipe=recipe, word="inconclusive", value=value, low=None,
                   high=None, limit=limit, n=n, why=why, needs=needs)  # fmt: skip


def _fact(
    kind: str, name: str, recipe: str, value: float | None, limit: float, n: int, *,
    good: bool | None, why: str,
) -> Outcome:  # fmt: skip
    """A rule that is kept or broken as a matter of fact; `good` None where nothing is known."""
    certain = None if good is None else float(not good)
    return Outcome(
        rule=name, kind=kind, recipe=recipe, word="inconclusive", value=value, low=None, high=None,
        limit=limit, n=n, why=why, p_pass=certain, p_fail=None if certain is None else 1 - certain,
    )  # fmt: skip
