"""`python -m fusion_eval`."""

import sys

try:
    from fusion_eval.cli import main
except ModuleNotFoundError as problem:
    if (problem.name or "").startswith("fusion_eval"):
        raise
    print(
        f"fusion-eval needs {problem.name}, which this Python ({sys.executable}) does not have; "
        "start it with the Python that it was installed for, such as .venv/bin/python",
        file=sys.stderr,
    )
    sys.exit(2)

main()
