"""Ways of combining models: one coroutine per file, listed here. A user's own needs no entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fusion_eval.core import Reply
from fusion_eval.strategies.agreement_router import agreement_router
from fusion_eval.strategies.best_of_n import best_of_n
from fusion_eval.strategies.cascade import cascade
from fusion_eval.strategies.consortium import consortium
from fusion_eval.strategies.copies import copies
from fusion_eval.strategies.council import council
from fusion_eval.strategies.cross_refine import cross_refine
from fusion_eval.strategies.debate import debate
from fusion_eval.strategies.external import external
from fusion_eval.strategies.fallbacks import fallbacks
from fusion_eval.strategies.mixture_of_agents import mixture_of_agents
from fusion_eval.strategies.no_drafts import no_drafts
from fusion_eval.strategies.other_question import other_question
from fusion_eval.strategies.pairwise_rank import pairwise_rank
from fusion_eval.strategies.panel import panel
from fusion_eval.strategies.random_member import random_member
from fusion_eval.strategies.random_ranker import random_ranker
from fusion_eval.strategies.random_subset import random_subset
from fusion_eval.strategies.ranked import ranked
from fusion_eval.strategies.review_loop import review_loop
from fusion_eval.strategies.role_panel import role_panel
from fusion_eval.strategies.router import router
from fusion_eval.strategies.self_consistency import self_consistency
from fusion_eval.strategies.self_fusion import self_fusion
from fusion_eval.strategies.self_moa import self_moa
from fusion_eval.strategies.self_refine import self_refine
from fusion_eval.strategies.solo import solo
from fusion_eval.strategies.universal_self_consistency import universal_self_consistency
from fusion_eval.strategies.vote import vote

Strategy = Callable[..., Awaitable[Reply]]
"""`async def name(question, ask, *, parameters) -> Reply`; the parameters are its schema."""

STRATEGIES: dict[str, Strategy] = {
    "solo": solo,
    "self_fusion": self_fusion,
    "panel": panel,
    "role_panel": role_panel,
    "debate": debate,
    "vote": vote,
    "self_consistency": self_consistency,
    "universal_self_consistency": universal_self_consistency,
    "best_of_n": best_of_n,
    "ranked": ranked,
    "pairwise_rank": pairwise_rank,
    "mixture_of_agents": mixture_of_agents,
    "self_moa": self_moa,
    "self_refine": self_refine,
    "cross_refine": cross_refine,
    "review_loop": review_loop,
    "council": council,
    "consortium": consortium,
    "cascade": cascade,
    "router": router,
    "fallbacks": fallbacks,
    "agreement_router": agreement_router,
    "external": external,
    # controls and placebos
    "copies": copies,
    "no_drafts": no_drafts,
    "other_question": other_question,
    "random_member": random_member,
    "random_ranker": random_ranker,
    "random_subset": random_subset,
}
