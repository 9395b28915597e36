"""The theorem ledger: every statement about parallel sampling that this project relies on, held against exact numbers.

`python -m experiments.ledger` checks each entry of `mdmtheory.bounds.LEDGER` on small instances of its own, prints
statement, both sides, slack and verdict, and exits 1 if a bound, an identity or a rate is violated. With `--languages`
the entries are held against languages of your choice.
"""

from experiments.harness import main
from experiments.ledger.config import PRESETS, Config
from experiments.ledger.experiment import EXPERIMENT

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
