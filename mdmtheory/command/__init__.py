"""The console command `mdmtheory`: one module a subcommand, each with `NAME`, `HELP`, `add` and `run`."""

from mdmtheory.command.main import main

__all__ = ["main"]
