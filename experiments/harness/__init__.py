"""What every experiment shares: a frozen config becomes resumable cells, a tidy table, figures and a report.

Importing this package is cheap (no torch, no pandas), so that `--help` answers at once. An experiment keeps
it so by importing torch, `languages` and `mdmtheory` inside its functions. Drawing and printing live in
`experiments.harness.figures` and `experiments.harness.report`.
"""

from experiments.harness.cells import Cell
from experiments.harness.command_line import main
from experiments.harness.config import ExperimentConfig
from experiments.harness.experiment import Experiment
from experiments.harness.rows import COLUMNS, Row
from experiments.harness.standing import Results
from experiments.harness.telling import tell

__all__ = ["COLUMNS", "Cell", "Experiment", "ExperimentConfig", "Results", "Row", "main", "tell"]
