"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--budgets", "1"], "budgets"),
    (["--budgets", "600"], "budgets"),
    (["--sequences", "1"], "sequences"),
    (["--samplers", "remdm"], "remdm"),
    (["--shown", "0"], "shown"),
]
