"""`python -m experiments.ledger`."""

import sys

from experiments.ledger import EXPERIMENT, main

if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
