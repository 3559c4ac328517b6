"""Everything that fusion_eval raises on purpose.

FusionEvalError
├── InputError                   something the user gave cannot be used (exit 2)
│   ├── TaskFileError
│   ├── BenchFileError
│   ├── TableError               a table to import, or a run directory, that cannot be read
│   │   └── DamagedReplyError    one reply of a ledger that is not as it was written
│   └── EndpointError            a key is missing, or nobody answers, before the first call
├── CallFailedError              one call has no reply, after every attempt
├── DeadEndpointError            an endpoint stopped answering while a run was going on (exit 5)
├── NotInLedgerError             `--replay` met a call that was never made
├── NoAnswerError                a strategy has nothing left to answer with
├── StrategyError                a user's own strategy raised, or returned no reply (exit 2)
├── BudgetError                  the next call could cost more than is left (exit 4)
└── StatisticsError
    ├── MissingScoresError       decide first what an ungraded answer counts as
    ├── UnpairedTasksError       a task was answered under only one of two recipes
    ├── ProtocolsDifferError     scores were made under different protocols of grading
    └── TooFewTasksError         no interval exists for so few tasks
"""

from __future__ import annotations

import difflib
import errno
import importlib.metadata
import platform
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path


class FusionEvalError(Exception):
    """Base of all; catching it catches nothing that is a bug of ours."""


class InputError(FusionEvalError):
    """Something the user gave cannot be used. Holds *all* problems, each `where: what; way out`."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class TaskFileError(InputError):
    """A task file cannot be read as tasks."""


class BenchFileError(InputError):
    """A bench file cannot be read, or names things that do not exist."""


class TableError(InputError):
    """A table of verdicts or scores, or a run directory, cannot be read."""


class DamagedReplyError(TableError):
    """A reply of the ledger is not as it was written. `key` says which call it belongs to."""

    def __init__(self, where: object, key: str, run: str, why: str) -> None:
        self.key = key
        self.why = why
        super().__init__(
            f"{where}: reply {key[:12]} of run {run}: {why}; `fusion-eval ledger forget "
            f"{key[:12]}` removes it and the next run asks again, or restore a copy of the ledger"
        )


class EndpointError(InputError):
    """An endpoint cannot be used: no key, nobody listens, or it refuses us."""


class CallFailedError(FusionEvalError):
    """One call has no reply. `failure` is the word that goes into the tables, `key` the call's."""

    def __init__(self, failure: str, detail: str = "", attempts: Sequence[object] = ()) -> None:
        self.failure = failure
        self.detail = detail
        self.attempts = tuple(attempts)
        self.key: str | None = None
        super().__init__(f"{failure}: {detail}" if detail else failure)


class DeadEndpointError(FusionEvalError):
    """Nothing comes back from an endpoint any more, so nothing more is sent to it.

    Not a failed call: what was not tried has no outcome.
    """


class NotInLedgerError(FusionEvalError):
    """A replay met a call that is not in the ledger, and replay never calls.

    Not a failed call: nothing is known about its outcome, so no strategy may step down for it.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"call {key[:12]} was never made; run without --replay")


class NoAnswerError(FusionEvalError):
    """Every seat stayed empty, so there is nothing to answer with. `failure` says why."""

    def __init__(self, failure: str, detail: str = "every seat stayed empty") -> None:
        self.failure = failure
        super().__init__(detail)


class StrategyError(FusionEvalError):
    """A user's own strategy raised something, or returned something that is no reply."""


class BudgetError(FusionEvalError):
    """The worst case of the next call does not fit into what is left of the budget."""


class StatisticsError(FusionEvalError):
    """An estimate was asked for that the data cannot give."""


class MissingScoresError(StatisticsError):
    """A score is missing; decide first what an ungraded answer counts as."""


class UnpairedTasksError(StatisticsError):
    """A task was answered under only one of the two recipes."""


class ProtocolsDifferError(StatisticsError):
    """Scores were made under different protocols of grading."""


class TooFewTasksError(StatisticsError):
    """Fewer tasks than the method needs, so no interval exists."""


def ends_a_run(error: Exception) -> bool:
    """Whether it concerns more than one trial: an error that is said in words, or the disk."""
    disk = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    return disk or isinstance(error, FusionEvalError)


def bug_line(bug: BaseException) -> str:
    """All that is needed to find a bug of ours, on one line, without the texts that it met."""
    own = Path(__file__).parent
    steps = traceback.extract_tb(bug.__traceback__)
    ours = [step for step in steps if Path(step.filename).is_relative_to(own)]
    places = [f"{Path(s.filename).relative_to(own)}:{s.lineno}" for s in reversed(ours[-4:])]
    return (
        f"this is a bug of fusion-eval; please report this line: {type(bug).__name__} at "
        f"{' < '.join(places)} (fusion-eval {importlib.metadata.version('fusion-eval')}, "
        f"Python {platform.python_version()}; FUSION_EVAL_TRACEBACK=1 shows all of it)"
    )


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "known") -> str:
    """The way out of a wrong name: the closest one there is, or all of them, as `known: …`."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"{otherwise}: {', '.join(names)}"
