"""Names that other projects and papers have for our strategies, with a warning where one misleads.

An alias is spelled out before a recipe is read: tables and reports know only our names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Alias:
    """What a name stands for: a strategy with some parameters, and what is misleading about it."""

    strategy: str
    params: Mapping[str, Any] = field(default_factory=dict)
    misleads: str = ""


_COUNTS_NOTHING = (
    "counts no votes: in opencode-llm-fusion one call that does not see the question names the "
    "best answer, which is `ranked`; `vote` counts"
)
_BLIND = "is a panel whose writer never sees the question, as opencode-llm-fusion ships it"

_UNSEEN: Mapping[str, Any] = {"question_blind": True, "named": True}

ALIASES: Mapping[str, Alias] = {
    # opencode-llm-fusion
    "majority_vote": Alias("ranked", {"fallback": "first", **_UNSEEN}, _COUNTS_NOTHING),
    "single_judge": Alias("panel", _UNSEEN, _BLIND),
    # openfusion, OpenFusion, fusionHarness
    "single_verify": Alias("panel", {"named": True}),
    "persona_panel": Alias("panel"),
    # the literature, shorter or older names
    "plurality": Alias("vote"),
    "usc": Alias("universal_self_consistency"),
    "bon": Alias("best_of_n"),
    "pairrm": Alias("pairwise_rank"),
    "llm_blender": Alias("pairwise_rank", {"keep": 3}),
    "fusion_of_n": Alias("self_fusion"),
    "generative_self_aggregation": Alias("self_fusion"),
    "panel_judge": Alias("panel"),
    "panel_judge_synth": Alias("panel"),
    "moa": Alias("mixture_of_agents"),
    "self_moa_seq": Alias("self_moa", {"window": 6}),
    "multi_agent_debate": Alias("debate"),
    "llm_council": Alias("council"),
    "llm_consortium": Alias("consortium"),
    "self_review": Alias("review_loop"),
    "frugal_gpt": Alias("cascade"),
}


def told(entry: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """A recipe's entry under our name for its strategy, and what misleads about the other name."""
    name = entry.get("strategy")
    alias = ALIASES.get(name) if isinstance(name, str) else None
    if alias is None:
        return dict(entry), ""
    note = f"the name {name!r} misleads: it {alias.misleads}" if alias.misleads else ""
    return {**alias.params, **entry, "strategy": alias.strategy}, note
