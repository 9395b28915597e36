"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--languages", "5-grams"], "5-grams"),
    (["--languages", "hmm:stats=4"], "stats=4"),
    (["--languages", "text:/nowhere/tale.txt"], "/nowhere/tale.txt"),
    (["--lengths", "0"], "lengths"),
    (["--steps", "0"], "steps"),
    (["--samples", "1"], "samples"),
    (["--recipe", "none"], "recipe"),
    (["--preset", "papers"], "papers"),
    (["--models", "gpt"], "models"),
    (["--seed", "-1"], "seed"),
]
