"""`python -m experiments.accelerator`."""

import sys

from experiments.accelerator import EXPERIMENT, main

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
