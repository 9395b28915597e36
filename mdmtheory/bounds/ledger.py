"""The theorem ledger: every statement about parallel sampling that this project relies on, as something to check.

from mdmtheory.bounds import LEDGER, run_ledger
LEDGER["ser-kl"].check(language, length=5, sampler=Bernoulli.uniform(3))
verdicts = run_ledger()
"""

from __future__ import annotations

from collections.abc import Iterable

from languages import Language
from mdmtheory.bounds.bernoulli import BernoulliExact, LinearBernoulli, SqrtRule, Ugc
from mdmtheory.bounds.conflicts import ConflictLaw, Exponent
from mdmtheory.bounds.entry import Entry, Verdict
from mdmtheory.bounds.feng import FengSerLower, FengSerUpper, FengTer
from mdmtheory.bounds.hidden import DmitrievMask, HmmDtc
from mdmtheory.bounds.kernels import LooUniform, RemdmMarginals, TweedieIsAncestral
from mdmtheory.bounds.laws import Fhs, PathOverMarginal, SerKl
from mdmtheory.bounds.policies import ConfidenceCost, FastDllm, WenAdaptive, WenBisection, WenScan
from mdmtheory.bounds.single_precision import Gumbel32
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
    LooUniform(),
    Fhs(),
    Gumbel32(),
    TweedieIsAncestral(),
    RemdmMarginals(),
)

LEDGER: dict[str, Entry] = {entry.id: entry for entry in ENTRIES}
"""Entries by their id."""


def run_ledger(
    ids: Iterable[str] | None = None, *, language: Language | None = None, length: int | None = None
) -> list[Verdict]:
    """Check entries on their default instances, or on a language at a length.

    Args:
        ids: Which entries; None for all, on a language for all that apply to it.
        language: A language of the reader's choice.
        length: L; goes with a language.

    Raises:
        ValueError: An id that is not in the ledger, or a language that an entry named refuses.
    """
    wanted = list(LEDGER) if ids is None else list(ids)
    unknown = [name for name in wanted if name not in LEDGER]
    if unknown:
        raise ValueError(f"ids: {unknown[0]!r} is not in the ledger; it has {', '.join(LEDGER)}")
    verdicts: list[Verdict] = []
    for name in wanted:
        try:
            verdicts += LEDGER[name].verdicts(language, length)
        except ValueError:
            if ids is not None or language is None or length is None:
                raise
    return verdicts
