"""The theorem ledger: published and derived statements held against exact numbers."""

from mdmtheory.bounds.entry import Comparison, Entry, Verdict, claimed
from mdmtheory.bounds.ledger import LEDGER, run_ledger
from mdmtheory.bounds.total_correlation import dual_total_correlation_sizes, total_correlation_sizes

__all__ = [
    "LEDGER",
    "Comparison",
    "Entry",
    "Verdict",
    "claimed",
    "dual_total_correlation_sizes",
    "run_ledger",
    "total_correlation_sizes",
]
