"""Runs inside of the sandbox, as its whole program: an answer's code, then expressions over it.

Nothing of fusion_eval is there. Standard input holds one JSON object: `code` (blocks that run one
after another, in one namespace), `expressions`, `limits` (name of a resource limit -> value) and
`longest` (characters of a value). One JSON line goes out for each expression; what the code itself
prints goes nowhere.
"""

import json
import os
import re
import resource
import sys

DEFINES = re.compile(r"(?m)^(?:async def|def|class) \w|^\w+ = ")


def main() -> None:
    """Take limits upon this process, run the code, and say what each expression is worth."""
    job = json.load(sys.stdin)
    out = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    for name, value in job["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    space: dict[str, object] = {"__name__": "answer"}
    if failed := failure(job["code"], space):
        say(out, failed=failed)
        return
    for number, expression in enumerate(job["expressions"]):
        try:
            value = repr(eval(compile(expression, "test", "eval"), space))
        except BaseException as problem:
            say(out, number=number, failed=described(problem))
        else:
            say(out, number=number, value=value[: job["longest"]])


def failure(blocks: list[str], space: dict[str, object]) -> str:
    """Run the blocks; why the code failed, or nothing.

    A block that defines nothing, such as an example of use, may fail beside others; of those that
    define something the last one may not, because it replaces what came before.
    """
    failed = ""
    for block in blocks:
        try:
            exec(compile(block, "answer.py", "exec"), space)
        except BaseException as problem:
            if len(blocks) == 1 or DEFINES.search(block):
                failed = described(problem)
        else:
            failed = "" if DEFINES.search(block) else failed
    return failed


def say(out: int, **what: object) -> None:
    """One line of JSON."""
    os.write(out, json.dumps(what).encode() + b"\n")


def described(problem: BaseException) -> str:
    """`ZeroDivisionError: division by zero`, not longer than a line."""
    return f"{type(problem).__name__}: {problem}"[:200]


if __name__ == "__main__":
    main()
