"""Verbs around serving: serve, and rule, which writes what `auto` routes by."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from fusion_eval.cli.options import JsonOption, OutputOption, RecipesOption, SeedOption
from fusion_eval.cli.shared import found_run, names, print_json
from fusion_eval.core import inert
from fusion_eval.errors import InputError
from fusion_eval.loopback import check_port


def serve(
    bench: Annotated[str, Option("--bench", help="Bench file, or a preset.")],
    recipes: RecipesOption = None,
    tasks: Annotated[
        list[str] | None, Option("--tasks", help="Task file that a simulator in the bench knows.")
    ] = None,
    host: Annotated[str, Option("--host", help="Another than loopback needs keys.")] = "127.0.0.1",
    port: Annotated[int, Option("--port", min=1, max=65535)] = 8080,
    usd_per_day: Annotated[
        float | None, Option("--usd-per-day", min=0, help="US$ per UTC day; paid models need it.")
    ] = None,
    per_minute: Annotated[
        int | None, Option("--per-minute", min=1, help="Requests per key and minute (429).")
    ] = None,
    max_requests: Annotated[
        int, Option("--max-requests", min=1, help="Requests answered at once (503).")
    ] = 64,
    max_body_kb: Annotated[
        int, Option("--max-body-kb", min=1, help="Kilobytes of one request (413).")
    ] = 4096,
    tools_to: Annotated[
        str | None,
        Option("--tools-to", help="Model that answers requests with tools, images, JSON forms."),
    ] = None,
    members: Annotated[
        bool, Option("--members", help="Serve each model of the file alone, too.")
    ] = False,
    rule: Annotated[
        Path | None, Option("--rule", help="Rule file that model `auto` routes by.")
    ] = None,
    ledger: Annotated[
        str | None,
        Option("--ledger", help="Answer equal requests from this ledger, a file or a URL."),
    ] = None,
    record: Annotated[
        Path | None, Option("--record", help="Keep requests as tasks in this .jsonl file.")
    ] = None,
    ping: Annotated[
        float, Option("--ping", min=0.05, help="Seconds between comments in a silent stream.")
    ] = 10.0,
    seed: SeedOption = None,
) -> None:
    """Serve every recipe of a bench file as a model that OpenAI clients can use.

    Keys of the server are in FUSION_EVAL_SERVE_KEYS, separated by commas.

    Example: fusion-eval serve --bench my-bench.yaml --usd-per-day 5
    """
    from fusion_eval.bench.configure import configure, override
    from fusion_eval.engine.place import place_of
    from fusion_eval.loading.rule import load_rule_file
    from fusion_eval.loading.tasks import load_task_files

    try:
        from fusion_eval.serving import app as serving
    except ModuleNotFoundError as missing:
        raise InputError(f"serve needs {missing.name}: pip install 'fusion-eval[serve]'") from None
    from fusion_eval.serving.settings import KEYS, Settings, keys_in

    chosen = load_task_files(tasks) if tasks else None
    settings = Settings(
        host=host,
        port=port,
        keys=keys_in(os.environ.get(KEYS, "")),
        max_requests=max_requests,
        per_minute=per_minute,
        usd_per_day=usd_per_day,
        max_body=max_body_kb * 1024,
        ping_s=ping,
        tools_to=tools_to,
        members=members,
        ledger=place_of(ledger) if ledger else None,
        record=record,
        rule=load_rule_file(rule) if rule else None,
    )
    ready = override(configure(bench, names(recipes), chosen), seed=seed)

    def say(note: str) -> None:
        print(inert(note), file=sys.stderr, flush=True)

    app = serving.build(ready, settings, chosen, say)
    check_port(host, port)
    say(serving.greeting(ready, settings))
    serving.serve(app, settings)


def rule(
    run: Annotated[str, Argument(help="Run directory, run id, or results/latest.")],
    point: Annotated[
        float, Option("--point", min=0, help="US$ that one point of score is worth per answer.")
    ],
    to: Annotated[Path, Option("--to", help="Where the rule file goes.")] = Path("rule.json"),
    recipes: RecipesOption = None,
    output_dir: OutputOption = Path("results"),
    as_json: JsonOption = False,
) -> None:
    """Write the rule file that `serve --rule` routes by: the best recipe of each domain.

    Example: fusion-eval rule results/latest --point 0.01 --to rule.json
    """
    from fusion_eval.files import write_text
    from fusion_eval.ruling import rule_of, rule_text, words

    made = rule_of(found_run(run, output_dir), point, names(recipes))
    write_text(to, rule_text(made))
    if as_json:
        print_json({"path": str(to), **made.model_dump(exclude_none=True)})
    else:
        print(words(made))
        print(f"wrote {to}: fusion-eval serve --bench BENCH --rule {to}")
