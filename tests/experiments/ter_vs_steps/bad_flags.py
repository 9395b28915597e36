"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--languages", "text:/nowhere/tale.txt"], "/nowhere/tale.txt"),
    (["--steps", "0"], "steps"),
    (["--samples", "1000000000"], "--samples must be at most about", "of memory"),
    (["--steps", "100000000000"], "--steps must be at most about", "of memory"),
    (["--samples", "1"], "samples"),
    (["--recipe", "none"], "recipe"),
    (["--models", "gpt"], "models"),
    (["--models", "none", "mdm"], "--models must be none alone"),
]
