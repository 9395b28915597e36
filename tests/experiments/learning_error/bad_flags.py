"""Flags that cannot work, and what the refusal says."""

from experiments.learning_error import PRESETS

BAD_FLAGS = [
    (["--width", "0"], "width"),
    (["--width", "17"], "--width 17 with depth"),
    (["--recipe", "quick"], "recipe"),
    (["--revealed", "1.5"], "revealed"),
    (["--sequences", "1"], "sequences"),
    (["--schedule_steps", "0"], "--schedule-steps"),
    (["--small_length", "30"], "enumerating"),
    (["--small_language", "2-grams"], "2-grams"),
    (["--small_language", PRESETS["smoke"].languages[0], "--small_length", "8"], "--small-language"),
]
