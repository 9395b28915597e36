"""Total error = sampling error + learning error, on trained networks; and the schedule a network recommends by itself.

Networks that differ in width, depth or training tokens, one knob at a time, on languages whose law is known: their
ε_learning, on average, at most, and by revealed fraction; TER and SER predicted from the exact law and ε against TER
and SER measured; and the information curve that a network's own losses give, with the schedule it recommends, judged by
the truth. `python -m experiments.learning_error` takes a few minutes on two CPU cores.

The column `source` says how a number was come by. TER and path KL: "exact denoiser", "predicted" (that, plus the
learning part: an identity), "measured". SER: "exact denoiser", "first order" (an approximation), "reweighted" (an
identity), "bound", "measured"; see `experiments.learning_error.measures`. Schedules: see
`experiments.learning_error.schedules`.
"""

from experiments.harness import main
from experiments.learning_error.config import PRESETS, Config
from experiments.learning_error.experiment import EXPERIMENT

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
