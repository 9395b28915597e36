"""The theorem ledger: published and derived statements held against exact numbers."""

from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entries.correlation_sizes import dual_total_correlation_sizes, total_correlation_sizes
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.ledger import LEDGER, run_ledger
from mdmtheory.bounds.verdict import Verdict

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
