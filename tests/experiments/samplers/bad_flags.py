"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--budgets", "1"], "budgets"),
    (["--budgets", "600"], "budgets"),
    (["--sequences", "1"], "sequences"),
    (["--samplers", "remdm"], "--samplers: 'remdm'", "did you mean remdm-"),
    (["--seed", str(1 << 31)], "--seed", "2^31"),
    (["--shown", "0"], "shown"),
]
