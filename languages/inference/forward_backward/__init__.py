"""Forward–backward with hidden positions: in torch operations for any chain, in compiled loops for the CPU."""
