"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--steps", "0"], "steps"),
    (["--sequences", "1"], "sequences"),
    (["--languages", "hmm"], "marginal law of 'hmm'"),
    (["--languages", "3-gram"], "3-gram"),
]
