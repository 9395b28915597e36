"""`python -m experiments.laws`."""

import sys

from experiments.laws import EXPERIMENT, main

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
