"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--steps", "0"], "steps"),
    (["--sample-steps", "0"], "--sample-steps"),
    (["--samples", "1"], "samples"),
    (["--path-samples", "1"], "--path-samples"),
    (["--kl-samples", "1"], "--kl-samples"),
]
