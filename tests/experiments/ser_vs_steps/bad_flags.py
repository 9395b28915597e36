"""Flags that cannot work, and what the refusal says."""

BAD_FLAGS = [
    (["--ratios", "0"], "ratios"),
    (["--ratios", "nan"], "ratios"),
    (["--steps", "0"], "steps"),
    (["--sample-steps", "-1"], "--sample-steps"),
    (["--ratio-lengths", "0"], "--ratio-lengths"),
    (["--samples", "1"], "samples"),
    (["--conflict-samples", "1"], "--conflict-samples"),
    (["--exponent-steps", "0"], "--exponent-steps"),
    (["--long-length", "0"], "--long-length"),
    (["--sampled-up-to", "-1"], "--sampled-up-to"),
]
