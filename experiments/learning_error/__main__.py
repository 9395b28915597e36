"""`python -m experiments.learning_error`."""

import sys

from experiments.learning_error import EXPERIMENT, main

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
