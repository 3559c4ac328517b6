"""Worlds in which recipes truly differ by so much, and what a recommendation there is worth."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from fusion_eval.stats.decision import ranges
from fusion_eval.stats.points import Points
from fusion_eval.stats.stakes import at_stake

SPREADS = (0.0, 0.01, 0.03, 0.06)
"""Standard deviation of the true means, equally often: 0, 1, 3 and 6 points."""
PRICES = (0.1, 0.5, 1.2)
"""Standard deviation of the logarithm of the true costs, equally often."""
RECIPES = (5, 20)
TASKS = (8, 30, 100)
DRAWS = 400


def world(n, recipes, spread, prices, rng):
    """(scores, costs) of n tasks, and true points and costs."""
    lead = rng.normal(0, spread, recipes)
    price = 0.01 * np.exp(rng.normal(0, prices, recipes))
    level = 0.55 + rng.normal(0, 0.10, (n, 1))
    score = np.clip(level + lead + rng.normal(0, 0.075, (n, recipes)), 0, 1)
    return score, price * rng.lognormal(-0.18, 0.6, (n, recipes)), 100 * (0.55 + lead), price


class Posterior:
    """What is known of the truth by somebody who knows how the worlds are made, as draws.

    The loss of a choice that is expected under it has the mean of the true loss over worlds, and a
    fraction of its variance (Rao-Blackwell). Scores are not cut to 0 to 1 here, which one in a
    thousand is.
    """

    def __init__(self, score, cost, rng, draws=DRAWS):
        n, k = score.shape
        z = rng.normal(size=(2, draws, k))
        means, centre = score.mean(axis=0), 0.55
        noise, level = 0.075**2 / n, 0.10**2 / n
        apart = means - means.mean()
        spread = _draw(
            SPREADS, draws, rng,
            lambda tau2: -(k - 1) / 2 * np.log(tau2 + noise) - (apart**2).sum() / 2 / (tau2 + noise)
            + _normal(means.mean() - centre, (tau2 + noise) / k + level),
        )  # fmt: skip
        share = spread / (spread + noise)
        self.points = 100 * (share * apart + np.sqrt(share * noise) * z[0])
        logs, middle, noise = np.log(cost).mean(axis=0) + 0.18, np.log(0.01), 0.6**2 / n
        spread = _draw(
            PRICES, draws, rng, lambda tau2: _normal(logs - middle, tau2 + noise).sum()
        )  # fmt: skip
        share = spread / (spread + noise)
        self.price = np.exp(middle + share * (logs - middle) + np.sqrt(share * noise) * z[1])

    def loss(self, taken, at):
        """Expected loss of a recipe, US$ per 1,000 answers."""
        worth = at * self.points - self.price
        return 1_000 * float((worth.max(axis=1) - worth[:, taken]).mean())


def _draw(sds, draws, rng, log_density):
    """Variances by their posterior, shape (draws, 1); sds are equally likely before."""
    logs = np.array([log_density(sd**2) for sd in sds])
    weights = np.exp(logs - logs.max())
    return rng.choice(np.array(sds) ** 2, size=(draws, 1), p=weights / weights.sum())


def _normal(x, variance):
    return -np.log(variance) / 2 - x**2 / 2 / variance


def recommended(n, count, seed, recipes=RECIPES):
    """One row per recommendation, in `count` experiments of each world.

    `said`, `right`: probability beside it, and whether it is the best at a value drawn from its
    range. `at_right`, `regret`, `lost`: the same at the value that the table names, with the regret
    it prints and the true loss there (US$ per 1,000 answers); `expected`: the loss there that is
    expected given the data, whose mean is that of `lost`. `inside`: whether the true threshold
    to the next recipe lies in its limits. `extreme`: a point is worth more than ten answers.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for k, spread, prices in product(recipes, SPREADS, PRICES):
        for experiment in range(count):
            score, cost, points, price = world(n, k, spread, prices, rng)
            names = [str(j) for j in range(k)]
            known = at_stake(Points(names, score, cost, np.ones(k, bool)), 0, DRAWS)
            found, truth = ranges(known), Posterior(score, cost, rng)
            for one, after in zip(found, [*found[1:], None], strict=True):
                rows.append(
                    {
                        "n": n,
                        "recipes": k,
                        "spread": 100 * spread,
                        "prices": prices,
                        "experiment": experiment,
                    }
                    | _judged(one, after, points, price, rng)
                    | {"expected": truth.loss(int(one["recipe"]), one["at_"])}
                )
    return pd.DataFrame(rows)


def _judged(one, after, points, price, rng):
    taken = int(one["recipe"])
    low, high = one["from_"], one["to_"]
    if not low and np.isinf(high):
        low, high = price.mean() / 10, price.mean() * 10
    low, high = low or high / 10, high if np.isfinite(high) else 10 * low
    drawn = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    at = one["at_"]
    worth = at * points - price
    row = {
        "said": one["probability"], "right": int((drawn * points - price).argmax()) == taken,
        "at_right": int(worth.argmax()) == taken, "regret": one["regret_"],
        "lost": 1_000 * float(worth.max() - worth[taken]), "extreme": at > 10 * price.max(),
        "inside": np.nan,
    }  # fmt: skip
    if after is not None:
        other = int(after["recipe"])
        gain, dearer = points[other] - points[taken], price[other] - price[taken]
        true = max(dearer, 0.0) / gain if gain > 0 else np.inf
        row["inside"] = float(one["to_low_"] <= true <= one["to_high_"])
    return row


def regret_ratio(rows):
    """Printed mean regret over the mean loss that is expected given the data, with standard error.

    Delta method; rows of one experiment are one observation.
    """
    keys = ["recipes", "spread", "prices", "experiment"]
    sums = rows.groupby(keys)[["regret", "expected"]].sum()
    ratio = sums["regret"].sum() / sums["expected"].sum()
    rest = sums["regret"] - ratio * sums["expected"]
    return ratio, float(rest.std() * np.sqrt(len(sums)) / sums["expected"].sum())


def by_bin(rows, edges=(0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.01)):
    """Said against true by bin, with the standard error of the share that is right."""
    parts = rows.groupby(pd.cut(rows["said"], list(edges), right=False), observed=True)
    table = parts.agg(said=("said", "mean"), right=("right", "mean"),
                      at_right=("at_right", "mean"), count=("said", "size"))  # fmt: skip
    return table.assign(se=np.sqrt(table["right"] * (1 - table["right"]) / table["count"]))
