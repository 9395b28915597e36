"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--steps", "0"], "steps"),
    (["--sample-steps", "0"], "sample_steps"),
    (["--samples", "1"], "samples"),
    (["--path-samples", "1"], "path_samples"),
    (["--kl-samples", "1"], "kl_samples"),
]
