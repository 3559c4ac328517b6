"""Which specialists a prompt calls for, and how complex and risky it looks: OpenFusion's rules.

Signs are words of the prompt, counted; weights and thresholds are those that OpenFusion ships.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["fast", "reasoner", "coder", "verifier", "writer"]
Way = Literal["fast-single", "smart-single", "single-verify", "fusion-panel"]

ROLES: tuple[Role, ...] = ("fast", "reasoner", "coder", "verifier", "writer")
_WORDS: Mapping[str, tuple[str, str]] = {
    "coder": (
        "code bug debug test typescript javascript python react node api patch refactor "
        "stack_trace",
        "报错 代码 测试 接口 修复 调试 重构",
    ),
    "reasoner": (
        "compare decide tradeoff architecture design plan why prove math reason",
        "比较 取舍 架构 方案 推理 证明 为什么",
    ),
    "verifier": (
        "verify risk security review audit failure safe eval edge_case",
        "验证 风险 安全 边界 审查 评估",
    ),
    "writer": (
        "write rewrite summarize email readme docs copy blog translate",
        "写 改写 总结 文档 邮件 翻译 readme",
    ),
    "critical": (
        "production critical incident outage migration compliance auth payment privacy data_loss",
        "生产 严重 事故 迁移 合规 认证 支付 隐私 数据丢失",
    ),
}


def _pattern(words: str, *, whole: bool) -> re.Pattern[str]:
    either = "|".join(
        re.escape(word.replace("_", " ")) for word in sorted(words.split(), key=len, reverse=True)
    )
    return re.compile(rf"\b(?:{either})\b" if whole else either, re.IGNORECASE | re.ASCII)


_PATTERNS = {
    name: (_pattern(english, whole=True), _pattern(chinese, whole=False))
    for name, (english, chinese) in _WORDS.items()
}
_FUSES_FROM, _RISKY_FROM, _VERIFIES_FROM = 0.72, 0.84, 0.55


@dataclass(frozen=True, slots=True)
class Looks:
    """What a prompt looks like: signs of each kind, complexity and risk (0 to 1), who leads."""

    signs: Mapping[str, int]
    complexity: float
    risk: float
    leads: Role


def panel_of(prompt: str, least: int = 2, most: int = 4) -> list[Role]:
    """The roles that a prompt calls for, the most called for first.

    Two points for each of a role's two lists of words of which one is there; `fast` and `verifier`
    have a point in any case. Equal points stand in the order of the alphabet.
    """
    points = dict.fromkeys(ROLES, 0)
    for role in ROLES:
        points[role] += sum(2 for pattern in _PATTERNS.get(role, ()) if pattern.search(prompt))
    points["fast"] += 1
    points["verifier"] += 1
    ranked = sorted(ROLES, key=lambda role: (-points[role], role))
    chosen = [role for role in ranked if points[role]][:most]
    others = [role for role in ROLES if role not in chosen]
    return chosen + others[: max(0, least - len(chosen))]


def looks_of(prompt: str) -> Looks:
    """Complexity and risk of a prompt, from its words and its length."""
    text = prompt.lower()
    signs = {
        name: sum(len(pattern.findall(text)) for pattern in patterns)
        for name, patterns in _PATTERNS.items()
    }
    kinds = sum(1 for count in signs.values() if count)
    complexity = (
        signs["reasoner"] * 0.17 + signs["coder"] * 0.08 + signs["verifier"] * 0.08
        + signs["critical"] * 0.12 + kinds * 0.11 + min(1.0, len(prompt) / 2400) * 0.28
    )  # fmt: skip
    risk = (
        signs["verifier"] * 0.18 + signs["critical"] * 0.22 + signs["coder"] * 0.06
        + 0.18 * ("security" in text or "安全" in text) + 0.08 * ("test" in text or "测试" in text)
    )  # fmt: skip
    return Looks(signs, min(1.0, complexity), min(1.0, risk), _leader(prompt, signs))


def way_of(prompt: str) -> Way:
    """How OpenFusion's auto mode has a prompt answered."""
    looks = looks_of(prompt)
    roles = [role for role in panel_of(prompt) if role != "fast"]
    broad = len(roles) >= 3 or {"reasoner", "verifier"} <= set(roles)
    if (
        looks.complexity >= _FUSES_FROM
        or (looks.risk >= _RISKY_FROM and looks.complexity >= 0.48)
        or (looks.risk >= _VERIFIES_FROM and broad and looks.complexity >= 0.5)
    ):
        return "fusion-panel"
    if looks.risk >= _VERIFIES_FROM or ("verifier" in roles and looks.signs["verifier"]):
        return "single-verify"
    return "fast-single" if looks.leads == "fast" else "smart-single"


def _leader(prompt: str, signs: Mapping[str, int]) -> Role:
    """The role with most signs; a verifier does not lead."""
    counts = {role: signs.get(role, 0) for role in ROLES}
    first = min(ROLES, key=lambda role: (-counts[role], role))
    if counts[first] and first != "verifier":
        return first
    if counts[first] and not signs["coder"] and not signs["reasoner"]:
        return "reasoner"
    return next((role for role in panel_of(prompt) if role != "verifier"), "fast")
