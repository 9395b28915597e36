"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--steps", "0"], "steps"),
    (["--lengths", "10000000"], "--lengths must be at most about", "years"),
    (["--sequences", "1"], "sequences"),
    (["--languages", "hmm"], "marginal law of 'hmm'"),
    (["--languages", "3-gram"], "3-gram"),
]
