"""`python -m experiments.schedules`."""

import sys

from experiments.schedules import EXPERIMENT, main

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
