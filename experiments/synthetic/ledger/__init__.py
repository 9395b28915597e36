"""The theorem ledger as an experiment: its cells, report and figure."""
