"""Errors that the tests must notice: planted one at a time in a copy of the checkout, each must turn one red."""

from .catalogue import ROOMS, faults
from .fault import Fault

__all__ = ["ROOMS", "Fault", "faults"]
