"""The line `controls:` of a bench file: which controls, of which recipes, paid to whom."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from fusion_eval.core.value import Value

COMPUTED = ("best-member", "oracle", "union-oracle")
"""Controls without a call: worked out from the verdicts of the members."""
STANDARD = (
    "alone",
    "writer-alone",
    *COMPUTED,
    "random-member",
    "random-ranker",
    "copies",
    "other-question",
    "no-drafts",
    "irrelevant-personas",
    "no-personas",
    "self-consistency",
    "best-of-n",
    "more-tokens",
)
"""What `controls: standard` stands for; each where it applies."""
CONTROLS = (*STANDARD, "more-effort")
"""All names. More effort is not standard: many endpoints refuse `reasoning_effort`."""


class ControlsOf(Value):
    """The controls of one recipe, by the names of the recipes that stand for them."""

    members: list[str] = Field(default_factory=list)
    writer: str | None = None
    called: list[str] = Field(default_factory=list)
    computed: list[str] = Field(default_factory=list)


class ControlsEntry(Value):
    """`standard`, a list of names, or both with more: see docs/studies.md.

    `of` are the recipes that get controls (all that combine something); `member` is who spends
    the dollars in the equal-dollar arms (the writer). `settled` is what became of the line in the
    resolved file of a run.
    """

    use: list[str] = Field(default_factory=lambda: ["standard"])
    of: list[str] | None = None
    member: str | None = None
    settled: dict[str, ControlsOf] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"use": [value]}
        return {"use": value} if isinstance(value, list) else value

    @property
    def names(self) -> list[str]:
        """The controls that are wanted, each once, `standard` spelled out."""
        each = [STANDARD if name == "standard" else (name,) for name in self.use]
        return list(dict.fromkeys(name for names in each for name in names))
