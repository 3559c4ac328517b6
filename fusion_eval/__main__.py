"""`python -m fusion_eval`."""

from fusion_eval.cli import main

main()
