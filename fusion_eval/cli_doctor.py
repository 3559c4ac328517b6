"""`fusion-eval doctor`: what will not work, said before a run."""

from __future__ import annotations

import json
from typing import Annotated

from typer import Exit, Option

_MARKS = {True: "good ", None: "doubt", False: "BAD  "}


def doctor(
    bench: Annotated[
        str, Option("--bench", envvar="FUSION_EVAL_BENCH", help="Bench file, or a preset (demo).")
    ] = "demo",
    call: Annotated[
        bool, Option("--call", help="Also ask each model once; a few tokens, and paid for.")
    ] = False,
    as_json: Annotated[
        bool, Option("--json", envvar="FUSION_EVAL_JSON", help="One JSON document on stdout.")
    ] = False,
) -> None:
    """Check keys, endpoints, models and prices of a bench; exit 2 where a run would fail.

    Example: fusion-eval doctor --bench my-bench.yaml --call
    """
    import asyncio
    from dataclasses import asdict

    from fusion_eval.bench.configure import configure
    from fusion_eval.bench.doctor import examine

    found = asyncio.run(examine(configure(bench, None), call=call))
    if as_json:
        print(json.dumps({"findings": [asdict(one) for one in found]}, indent=2))
    else:
        for one in found:
            print(f"{_MARKS[one.good]}  {one.about}: {one.text}")
    if any(one.good is False for one in found):
        raise Exit(2)
