"""The public runs on DRACO as docs/draco-in-public.md tells of them: read and computed once."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

import fusion_eval as fe
from fusion_eval.core import Estimate
from fusion_eval.stats import mean_cost

DATA = Path(__file__).parents[1] / "results" / "draco-public"
SELF = {f"M3 ×{runs}": runs for runs in range(2, 11)}
WRITERS = [
    f"frontier → {who}" for who in ("GLM", "M3", "Opus", "Kimi", "DeepSeek", "GPT-5.5", "Gemma")
]
CAPABLE = WRITERS[:-1]
KINDS = {
    "frontier": "frontier panel", "open": "open panel", "budget": "budget panel",
    "MiniMax-M3": "self-fusion", "Opus 4.8": "self-fusion",
}  # fmt: skip


@cache
def systems() -> pd.DataFrame:
    """Name, panel, writer, published mean and dollars of every system, as published."""
    return pd.read_csv(DATA / "systems.csv")


@cache
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trials and verdicts, through the door that everybody uses, under readable names."""
    with tempfile.TemporaryDirectory() as folder:
        run = fe.import_verdicts(
            DATA / "verdicts.parquet", criteria=DATA / "criteria.parquet",
            answers=DATA / "answers.parquet", output_dir=folder,
        )  # fmt: skip
        trials, verdicts = fe.trials(run), fe.verdicts(run)
    known = systems().set_index("system")
    kind = trials["recipe"].map(known["panel"]).map(KINDS)
    trials = trials.assign(strategy=kind, recipe=trials["recipe"].map(known["name"]))
    return trials, verdicts.assign(recipe=verdicts["recipe"].map(known["name"]))


def trials(*recipes: str) -> pd.DataFrame:
    """All trials, or those of some recipes."""
    every = tables()[0]
    return every[every["recipe"].isin(recipes)] if recipes else every


@cache
def ranked() -> pd.DataFrame:
    """The systems with 99 or more graded tasks, on the tasks that all of them have."""
    return fe.common_tasks(trials(), 99)


@cache
def pairs() -> pd.DataFrame:
    """All pairs of `ranked`."""
    return fe.compare(ranked())


def uncut(*recipes: str) -> pd.DataFrame:
    """Their answers that were not cut off."""
    rows = trials(*recipes)
    return rows[rows["finish"] != "length"]


def pair(a: str, b: str, rows: pd.DataFrame | None = None, **options: object) -> pd.Series:
    """One comparison by itself, a - b."""
    every = trials() if rows is None else rows
    both = every[every["recipe"].isin([a, b])]
    return fe.compare(both, reference=b, **options).iloc[0]


@cache
def scaled() -> pd.DataFrame:
    """Self-fusion of MiniMax-M3 by number of runs, with the dollars that were measured."""
    known = systems().dropna(subset="total_usd").set_index("name")["total_usd"] / 100
    return fe.scaling(trials(), SELF, usd=known.to_dict())


@cache
def criteria() -> pd.DataFrame:
    """What each criterion tells about the systems of `ranked`."""
    rows = tables()[1]
    kept = rows["recipe"].isin(ranked()["recipe"]) & rows["task"].isin(ranked()["task"])
    return fe.items(rows[kept])


@cache
def claimed() -> pd.DataFrame:
    """The list of published claims, checked."""
    return fe.claims(trials(), pd.read_csv(DATA / "claims.csv"))


@cache
def printed() -> pd.DataFrame:
    """The published means, checked."""
    listed = systems().dropna(subset="published")
    table = pd.DataFrame(
        {
            "claim": listed["name"],
            "says": "score",
            "a": listed["name"],
            "points": listed["published"],
        }
    )
    return fe.claims(trials(), table)


def where_cut(writer: str) -> pd.DataFrame:
    """All trials on the tasks on which this writer was cut off."""
    own = trials(writer)
    return trials()[trials()["task"].isin(own.loc[own["finish"] == "length", "task"])]


def research() -> pd.Series:
    """Ten runs of M3 against two, by the dollars of research alone, at the mean of the ten."""
    run = float(systems().set_index("name").loc["M3 ×10", "research_usd"]) / 1000
    usd = {name: run * SELF[name] for name in ("M3 ×2", "M3 ×10")}
    return fe.scaling(trials(), {name: SELF[name] for name in usd}, usd=usd).iloc[-1]


def writing() -> Estimate:
    """US$ of the writer's call of M3 ×10 per task, from its tokens at the list price."""
    own = trials("M3 ×10")
    usd = (0.30 * own["tokens_in"] + 1.20 * own["tokens_out"]) / 1e6
    return mean_cost(usd, rng=np.random.default_rng(0))
