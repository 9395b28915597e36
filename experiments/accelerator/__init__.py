"""Everything that only an accelerator can tell, in one command of a few minutes."""
