"""`fusion-eval doctor`: what will not work, said before a run."""

from __future__ import annotations

from typing import Annotated

from typer import Exit, Option

from fusion_eval.cli.options import BenchOption, JsonOption
from fusion_eval.cli.shared import print_json
from fusion_eval.core import inert

_MARKS = {True: "good ", None: "doubt", False: "BAD  "}


def doctor(
    bench: BenchOption = "demo",
    call: Annotated[
        bool,
        Option(
            "--call", help="Also ask each model: a schema, a tool, a stream; some tokens, paid for."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check keys, endpoints, models and prices of a bench; exit 2 where a run would fail.

    Example: fusion-eval doctor --bench my-bench.yaml --call
    """
    from dataclasses import asdict

    import fusion_eval as fe

    found = fe.doctor(bench, call=call)
    if as_json:
        print_json({"findings": [asdict(one) for one in found]})
    else:
        for one in found:
            print(inert(f"{_MARKS[one.good]}  {one.about}: {one.text}"))
    if any(one.good is False for one in found):
        raise Exit(2)
