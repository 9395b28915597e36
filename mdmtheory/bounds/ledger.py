"""The theorem ledger: every statement about parallel sampling that this project relies on, as something to check.

from mdmtheory.bounds import LEDGER, run_ledger
LEDGER["ser-kl"].check(language, length=5, sampler=Bernoulli.uniform(3))
verdicts = run_ledger()
"""

from __future__ import annotations

from collections.abc import Iterable

from mdmtheory.bounds.bernoulli import BernoulliExact, LinearBernoulli, SqrtRule, Ugc
from mdmtheory.bounds.conflicts import ConflictLaw, Exponent
from mdmtheory.bounds.entry import Entry, Verdict
from mdmtheory.bounds.feng import FengSerLower, FengSerUpper, FengTer
from mdmtheory.bounds.hidden import DmitrievMask, HmmDtc
from mdmtheory.bounds.laws import Fhs, PathOverMarginal, SerKl
from mdmtheory.bounds.policies import ConfidenceCost, FastDllm, WenAdaptive, WenBisection, WenScan
from mdmtheory.bounds.total_correlation import CclDtc, CclExact, CclTc, LiCai

ENTRIES: tuple[Entry, ...] = (
    FengTer(),
    FengSerUpper(),
    FengSerLower(),
    SerKl(),
    CclExact(),
    CclTc(),
    CclDtc(),
    LiCai(),
    BernoulliExact(),
    LinearBernoulli(),
    Ugc(),
    SqrtRule(),
    ConflictLaw(),
    Exponent(),
    PathOverMarginal(),
    WenAdaptive(),
    WenBisection(),
    WenScan(),
    ConfidenceCost(),
    FastDllm(),
    HmmDtc(),
    DmitrievMask(),
    Fhs(),
)

LEDGER: dict[str, Entry] = {entry.id: entry for entry in ENTRIES}
"""Entries by their id."""


def run_ledger(ids: Iterable[str] | None = None) -> list[Verdict]:
    """Check entries on their default instances.

    Args:
        ids: Which entries; None for all.

    Raises:
        ValueError: An id that is not in the ledger.
    """
    wanted = list(LEDGER) if ids is None else list(ids)
    unknown = [name for name in wanted if name not in LEDGER]
    if unknown:
        raise ValueError(f"ids: {unknown[0]!r} is not in the ledger; it has {', '.join(LEDGER)}")
    return [verdict for name in wanted for verdict in LEDGER[name].verdicts()]
