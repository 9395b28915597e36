"""`python -m mdmtheory`: the console command."""

from __future__ import annotations

import sys

from mdmtheory.command import main

if __name__ == "__main__":
    sys.exit(main())
