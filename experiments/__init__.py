"""One folder per table or figure; `python -m experiments.NAME --preset smoke|demo|paper` runs it."""
