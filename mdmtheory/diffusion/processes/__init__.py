"""Noise processes on tokens: absorbing (masks) and uniform."""

from mdmtheory.diffusion.processes.absorbing import Absorbing
from mdmtheory.diffusion.processes.levels import Level
from mdmtheory.diffusion.processes.process import Process
from mdmtheory.diffusion.processes.uniform import Uniform

__all__ = ["Absorbing", "Level", "Process", "Uniform"]
