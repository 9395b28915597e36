"""`python -m experiments.ser_vs_steps`."""

import sys

from experiments.ser_vs_steps import EXPERIMENT, main

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
