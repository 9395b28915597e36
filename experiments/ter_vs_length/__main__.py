"""`python -m experiments.ter_vs_length`."""

import sys

from experiments.ter_vs_length import EXPERIMENT, main

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
