"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--ratios", "0"], "ratios"),
    (["--ratios", "nan"], "ratios"),
    (["--steps", "0"], "steps"),
    (["--sample-steps", "-1"], "sample_steps"),
    (["--ratio-lengths", "0"], "ratio_lengths"),
    (["--samples", "1"], "samples"),
    (["--conflict-samples", "1"], "conflict_samples"),
    (["--exponent-steps", "0"], "exponent_steps"),
    (["--long-length", "0"], "long_length"),
    (["--sampled-up-to", "-1"], "sampled_up_to"),
]
