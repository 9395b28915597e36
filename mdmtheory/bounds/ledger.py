"""The theorem ledger: every statement about parallel sampling that this project relies on, as something to check.

from mdmtheory.bounds import LEDGER, run_ledger
LEDGER["ser-kl"].check(language, length=5, sampler=Bernoulli.uniform(3))
verdicts = run_ledger()
"""

from __future__ import annotations

from collections.abc import Iterable

from languages import Language
from mdmtheory.bounds.entries.bernoulli_exact import BernoulliExact
from mdmtheory.bounds.entries.ccl_exact import CclExact
from mdmtheory.bounds.entries.ccl_schedules import CclDtc, CclTc
from mdmtheory.bounds.entries.confidence_cost import ConfidenceCost
from mdmtheory.bounds.entries.conflict_law import ConflictLaw
from mdmtheory.bounds.entries.dmitriev_mask import DmitrievMask
from mdmtheory.bounds.entries.exponent import Exponent
from mdmtheory.bounds.entries.fast_dllm import FastDllm
from mdmtheory.bounds.entries.feng_ser_lower import FengSerLower
from mdmtheory.bounds.entries.feng_ser_upper import FengSerUpper
from mdmtheory.bounds.entries.feng_ter import FengTer
from mdmtheory.bounds.entries.fhs import Fhs
from mdmtheory.bounds.entries.gumbel32 import Gumbel32
from mdmtheory.bounds.entries.hmm_dtc import HmmDtc
from mdmtheory.bounds.entries.li_cai import LiCai
from mdmtheory.bounds.entries.linear_bernoulli import LinearBernoulli
from mdmtheory.bounds.entries.loo_uniform import LooUniform
from mdmtheory.bounds.entries.path_over_marginal import PathOverMarginal
from mdmtheory.bounds.entries.remdm_marginals import RemdmMarginals
from mdmtheory.bounds.entries.ser_kl import SerKl
from mdmtheory.bounds.entries.sqrt_rule import SqrtRule
from mdmtheory.bounds.entries.tweedie_is_ancestral import TweedieIsAncestral
from mdmtheory.bounds.entries.ugc import Ugc
from mdmtheory.bounds.entries.wen_adaptive import WenAdaptive
from mdmtheory.bounds.entries.wen_bisection import WenBisection
from mdmtheory.bounds.entries.wen_scan import WenScan
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.verdict import Verdict

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
