"""`python -m experiments.samplers`."""

import sys

from experiments.samplers import EXPERIMENT, main

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
