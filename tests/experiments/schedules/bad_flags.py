"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--steps", "0"], "steps"),
    (["--shown", "0"], "shown"),
    (["--ser", "1"], "ser"),
    (["--ter_increase", "0"], "--ter-increase"),
    (["--sequences", "1"], "sequences"),
]
