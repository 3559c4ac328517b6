"""Chance that anyone can draw again: uniforms that follow from a key and from nothing else.

BLAKE2b in counter mode. No state and no order: the same key gives the same numbers on every
machine, after any history, which is what lets a reply be repeated and a run be resumed. Generator
distributions of numpy may change between versions, so only uniforms are drawn and the rest is
arithmetic (deps.md, part 18).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from statistics import NormalDist
from struct import unpack

_BLOCK = 8  # uniforms in one digest of 64 bytes
quantile = NormalDist().inv_cdf


def key(*parts: str) -> bytes:
    """16 bytes for a list of texts; different lists give different keys."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def uniforms(seed: bytes, count: int) -> list[float]:
    """`count` numbers strictly between 0 and 1."""
    blocks = -(-count // _BLOCK)
    raw = b"".join(blake2b(seed + i.to_bytes(4, "little")).digest() for i in range(blocks))
    return [((word >> 12) + 0.5) * 2.0**-52 for word in unpack(f"<{blocks * _BLOCK}Q", raw)[:count]]


def normals(seed: bytes, count: int, sd: float = 1.0) -> list[float]:
    """`count` normal numbers with mean 0."""
    return [sd * quantile(u) for u in uniforms(seed, count)] if sd else [0.0] * count


def uniform(*parts: str) -> float:
    """One uniform for a list of texts."""
    return uniforms(key(*parts), 1)[0]


def normal(sd: float, *parts: str) -> float:
    """One normal number for a list of texts."""
    return normals(key(*parts), 1, sd)[0]


def pick(weights: Sequence[float], u: float) -> int:
    """Index drawn in proportion to `weights`, from one uniform."""
    left = u * math.fsum(weights)
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return index
    return len(weights) - 1


def phi(x: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-x * 0.7071067811865476)


def probit(p: float) -> float:
    """Normal quantile; infinite at 0 and 1."""
    return quantile(p) if 0 < p < 1 else math.copysign(math.inf, p - 0.5)


def logit(p: float) -> float:
    """Logistic quantile; infinite at 0 and 1. Of a uniform, a logistic number."""
    return math.log(p / (1.0 - p)) if 0 < p < 1 else math.copysign(math.inf, p - 0.5)
