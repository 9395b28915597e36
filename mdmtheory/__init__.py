"""The masked-diffusion core and the theory: samplers, networks, exact laws, estimates and bounds."""

from languages.estimate import Estimate

__all__ = ["Estimate"]
