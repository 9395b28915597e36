"""Kernels: steps of a Markov chain from noise to data, each a product over positions."""

from mdmtheory.samplers.kernels.ancestral import Ancestral
from mdmtheory.samplers.kernels.euler import Euler
from mdmtheory.samplers.kernels.forward_backward import ForwardBackward
from mdmtheory.samplers.kernels.kernel import Kernel
from mdmtheory.samplers.kernels.leave_one_out import LeaveOneOut
from mdmtheory.samplers.kernels.overshoot import Overshoot
from mdmtheory.samplers.kernels.predictor_corrector import PredictorCorrector
from mdmtheory.samplers.kernels.remasking import Remasking
from mdmtheory.samplers.kernels.remdm import ReMDMCap, ReMDMRescale
from mdmtheory.samplers.kernels.remdm_confidence import ReMDMConfidence
from mdmtheory.samplers.kernels.remdm_loop import ReMDMLoop
from mdmtheory.samplers.kernels.renoising import Renoising, RenoisingCorrector
from mdmtheory.samplers.kernels.step import Step
from mdmtheory.samplers.kernels.tweedie import Tweedie

__all__ = [
    "Ancestral",
    "Euler",
    "ForwardBackward",
    "Kernel",
    "LeaveOneOut",
    "Overshoot",
    "PredictorCorrector",
    "ReMDMCap",
    "ReMDMConfidence",
    "ReMDMLoop",
    "ReMDMRescale",
    "Remasking",
    "Renoising",
    "RenoisingCorrector",
    "Step",
    "Tweedie",
]
