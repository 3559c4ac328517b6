"""Is the grader any good? All that a run can say about it, and what it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval import frames
from fusion_eval.errors import StatisticsError
from fusion_eval.report.cleaning import clean
from fusion_eval.report.kin import families
from fusion_eval.stats import audit, effects, labels, selfpreference
from fusion_eval.stats.agreement import agreement
from fusion_eval.stats.committee import committee
from fusion_eval.stats.difference import two_readings
from fusion_eval.stats.readings import TRIAL, judged, raters
from fusion_eval.store import Run, read_json, read_lines, read_run

LEVEL = 0.95
_VERDICT = ["task_hash", "recipe", "repeat", "criterion"]


def grader_report(
    run: Run | str | Path, *others: Run | str | Path, padded: Run | str | Path | None = None
) -> dict[str, Any]:
    """Everything about the grader of a run, for programs; scores are 0 to 1, unknown is None.

    `others` are gradings of the same answers, as `fusion-eval grade` makes them: their verdicts
    are laid beside those of `run`, answer by answer. `padded` is a grading of the same answers
    with neutral text added (`report.padding`).

    `graders`, `flips` (between passes), `agreement` (between graders), `differences` (of score,
    between graders or protocols), `position`, `length`, `self_preference`, `heavy`, `unread`,
    `labels` (None where none were drawn), and `missing`: what this run cannot say, and how to get
    it. Makes no call.
    """
    opened = _open(run)
    trials, verdicts = frames.trials(opened), frames.verdicts(opened)
    rows = _with_others(trials, judged(verdicts), [_open(other) for other in others])
    recipes, models = families(opened)
    found: dict[str, Any] = {
        "run_id": opened.id,
        "simulated": opened.simulated,
        "graders": _graders(rows),
        "flips": _flips(agreement(rows, "pass", LEVEL)),
        "agreement": agreement(rows, "grader", LEVEL).to_dict("records"),
        **_differences(trials, rows),
        "position": effects.position_effect(rows, LEVEL),
        "length": effects.length_effect(trials, answer_lengths(opened), LEVEL),
        "padding": None if padded is None else _padding(trials, rows, _open(padded)),
        "self_preference": _self_preference(trials, rows, recipes, models),
        "heavy": audit.heavy_criteria(rows).to_dict("records"),
        "unread": audit.unread(rows, LEVEL).to_dict("records"),
        "labels": _labels(opened, trials, verdicts, recipes, models),
    }
    found["missing"] = [{"what": what, "how": how} for what, how in _missing(found)]
    cleaned: dict[str, Any] = clean(found)
    return cleaned


def labels_report(run: Run | str | Path) -> dict[str, Any] | None:
    """The part `labels` of `grader_report` alone: what people say; None where none were drawn."""
    opened = _open(run)
    recipes, models = families(opened)
    trials, verdicts = frames.trials(opened), frames.verdicts(opened)
    cleaned: dict[str, Any] | None = clean(_labels(opened, trials, verdicts, recipes, models))
    return cleaned


def _open(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else read_run(run)


def _with_others(trials: pd.DataFrame, rows: pd.DataFrame, others: list[Run]) -> pd.DataFrame:
    """The verdicts with those of other runs on the same answers, each once."""
    answers = trials[["task_hash", "recipe", "repeat", "answer_hash"]].dropna()
    parts = [rows]
    for other in others:
        same = frames.trials(other).merge(answers, on=list(answers.columns))
        if same.empty:
            raise StatisticsError(f"{other.id} graded no answer of this run; give one that did")
        keys = same[["task_hash", "recipe", "repeat"]].drop_duplicates()
        parts.append(judged(frames.verdicts(other)).merge(keys, on=list(keys.columns)))
    if len(parts) == 1:
        return rows
    whole = pd.concat(parts, ignore_index=True)
    names = [*_VERDICT, "grader", "grader_pass"]
    names += ["protocol"] if "protocol" in whole else []
    return whole.drop_duplicates(names)


def _padding(trials: pd.DataFrame, rows: pd.DataFrame, padded: Run) -> dict[str, Any]:
    """What neutral text added to an answer changes: `score` (padded minus plain) and `flips`."""
    again = judged(frames.verdicts(padded)).assign(grader="padded", protocol="padded")
    both = pd.concat([rows.assign(grader="plain", protocol="plain"), again], ignore_index=True)
    both = both.assign(grader_pass=0).drop_duplicates([*_VERDICT, "grader"])
    both = both.drop(columns="protocol")
    table = effects.rater_differences(trials, both, LEVEL)
    raw = agreement(both, "grader", LEVEL)
    if table.empty:
        raise StatisticsError(f"{padded.id} graded no answer of this run; give one that did")
    row = table.iloc[0]
    change = {"value": -row["difference"], "low": -row["high"], "high": -row["low"], "n": row["n"]}
    return {"score": {**change, "level": LEVEL}, "flips": _flips(raw)}


def answer_lengths(run: Run) -> pd.Series:
    """Characters of each answer, index TRIAL; empty where the run holds no texts."""
    trials, path = frames.trials(run), run.path / "answers.jsonl"
    hashes = dict(zip(trials["task"].astype(str), frames.task_key(trials), strict=True))
    sizes = {}
    if path.exists():
        for row in read_lines(path):
            if row.get("answer"):
                key = (hashes.get(row["task"], row["task"]), row["recipe"], int(row["repeat"]))
                sizes[key] = float(len(row["answer"]))
    index = pd.MultiIndex.from_tuples(list(sizes), names=TRIAL) if sizes else None
    return pd.Series(list(sizes.values()), index=index, dtype=float)


def _graders(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Who graded, how often and how much."""
    each = rows.groupby(raters(rows), sort=False)
    return [
        {
            "rater": str(name),
            "grader": str(part["grader"].iloc[0]),
            "passes": int(part["grader_pass"].nunique()),
            "verdicts": len(part),
            "read": float(part["value"].notna().mean()),
        }
        for name, part in each
    ]


def _flips(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The share of pairs of passes that contradict each other: 1 - raw agreement."""
    raw = table[table["measure"] == "raw"]
    return [
        {
            "of": row["between"].removeprefix("passes of "), "sign": row["sign"],
            "value": 1 - row["value"], "low": 1 - row["high"], "high": 1 - row["low"],
            "n": row["n"], "units": row["units"], "level": LEVEL,
        }
        for row in raw.to_dict("records")
    ]  # fmt: skip


def _differences(trials: pd.DataFrame, rows: pd.DataFrame) -> dict[str, Any]:
    """Of score, between raters; none under a policy whose scores are no sums."""
    try:
        table = effects.rater_differences(trials, rows, LEVEL)
    except StatisticsError as problem:
        return {"differences": [], "differences_note": str(problem)}
    return {"differences": table.to_dict("records"), "differences_note": None}


def _self_preference(
    trials: pd.DataFrame,
    rows: pd.DataFrame,
    recipes: Mapping[str, set[str]],
    models: Mapping[str, str],
) -> dict[str, Any]:
    named = dict(zip(raters(rows), rows["grader"].astype(str), strict=True))
    graders = {rater: models[name] for rater, name in named.items() if name in models}
    known = {name: held for name, held in recipes.items() if name in set(trials["recipe"])}
    empty: dict[str, Any] = {"double_differences": [], "ranks": {}}
    if len(set(graders.values())) > 1:
        scores = effects.scores_by_rater(trials, rows)
        table = selfpreference.double_differences(scores, known, graders, LEVEL)
        ranks = selfpreference.without_family(scores, graders)
        empty = {
            "double_differences": table.to_dict("records"),
            "ranks": {str(name): row.to_dict() for name, row in ranks.iterrows()},
        }
    return {"families": graders, "kin": selfpreference.related(known, graders), **empty}


def _labels(
    run: Run,
    trials: pd.DataFrame,
    verdicts: pd.DataFrame,
    recipes: Mapping[str, set[str]],
    models: Mapping[str, str],
) -> dict[str, Any] | None:
    """What people say; None where no labels were drawn."""
    drawn = frames.labels(run)
    if drawn is None:
        return None
    second = labels.second_reading(drawn)
    plan = read_json(run, "labels/design.json")
    found: dict[str, Any] = {
        "drawn": len(second),
        "given": int(second["value"].notna().sum()),
        "enough": labels.ENOUGH,
        "people": sorted(drawn["person"].dropna().astype(str).unique()),
        "between_people": _people(drawn).to_dict("records"),
        "committee": committee(verdicts, drawn, LEVEL),
        "error_rates": labels.error_rates(trials, verdicts, drawn, LEVEL).to_dict("records"),
        "scores": [], "differences": [], "favour": {}, "note": None,
    }  # fmt: skip
    try:
        both = two_readings(trials, verdicts, second, tasks=plan["tasks"])
    except StatisticsError as problem:
        return found | {"note": str(problem)}
    tables = (trials, verdicts, drawn, LEVEL)
    found["scores"] = labels.corrected_scores(*tables, tasks=plan["tasks"]).to_dict("records")
    found["differences"] = labels.corrected_differences(*tables, tasks=plan["tasks"]).to_dict(
        "records"
    )
    if all(row["labels"] >= labels.ENOUGH for row in found["scores"]):
        for grader in dict.fromkeys(judged(verdicts)["grader"].astype(str)):
            kin = [n for n, held in recipes.items() if models.get(grader) in held]
            found["favour"][grader] = selfpreference.favour(both, kin, LEVEL)
    return found


def _people(drawn: pd.DataFrame) -> pd.DataFrame:
    """Agreement between people, where several labelled the same."""
    said = drawn.dropna(subset=["person", "value"]).drop_duplicates(["label", "person"])
    rows = said.assign(grader=said["person"], grader_pass=0, section="", verdict="met")
    return agreement(rows, "grader", LEVEL)


def _missing(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(what cannot be said, how to get it)."""
    if not found["graders"]:
        yield "anything: no answer was graded by a model", "grade tasks that have criteria"
        return
    if not found["flips"]:
        yield (
            "how often the grader contradicts itself: there is one pass",
            "grade again with more passes, and report on that: fusion-eval grade RUN --passes 3",
        )
    if len({row["grader"] for row in found["graders"]}) < 2:
        yield (
            "whether another grader would agree: there is one grader",
            "grade again with another, and lay both beside each other: fusion-eval grade RUN "
            "--grader OTHER, fusion-eval grader-report RUN --and ITS_RUN",
        )
    graders = len({row["grader"] for row in found["graders"]})
    if graders > 1 and not (found["labels"] or {}).get("committee"):
        yield (
            f"how many independent votes the {graders} graders are worth: where they err together "
            "is not known",
            "label some of their verdicts: fusion-eval label RUN",
        )
    if found["position"] is None:
        yield (
            "whether the place of a criterion matters: none was asked in different places",
            "a protocol with several criteria per call in shuffled order, and two passes",
        )
    if found["length"] is None:
        yield "whether length matters: no answer texts, or no variation", "keep the run's answers"
    if found["padding"] is None:
        yield (
            "whether padding alone moves it",
            "fusion-eval grader-report RUN --write-padded FILE, grade FILE, --padded ITS_RUN",
        )
    if not found["self_preference"]["families"]:
        yield "whether the grader's family is on a panel: no bench file", "a run made by `run`"
    elif not found["self_preference"]["double_differences"]:
        yield (
            "whether the grader prefers its family: that needs graders of two families, and "
            "recipes of each without the other",
            "grade again with a grader of another maker, or label",
        )
    if found["labels"] is None:
        yield "whether people would agree: there are no labels", "fusion-eval label RUN"
