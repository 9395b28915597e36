"""What positions tell about each other: entropies, information and conflict curves, exact where they can be."""

from languages.information.conflict import ConflictCurve, conflict_curve
from languages.information.curve import InformationCurve, information_curve
from languages.information.dependence import excess_entropy, information_with_rest
from languages.information.entropies import (
    entropy_bounds,
    entropy_rate,
    entropy_rate_bounds,
)
from languages.information.entropy_estimates import estimate_entropy_rate
from languages.information.estimates import (
    SampledConflictCurve,
    SampledInformationCurve,
    estimate_conflict_curve,
    estimate_information_curve,
    estimate_z,
)
from languages.information.pairs import is_first_order, mutual_information, pair_information
from languages.information.position_information import position_information
from languages.information.protocol import Curve, InformationLaw
from languages.information.sampled_curve import SampledCurve

__all__ = [
    "ConflictCurve",
    "Curve",
    "InformationCurve",
    "InformationLaw",
    "SampledConflictCurve",
    "SampledCurve",
    "SampledInformationCurve",
    "conflict_curve",
    "entropy_bounds",
    "entropy_rate",
    "entropy_rate_bounds",
    "estimate_conflict_curve",
    "estimate_entropy_rate",
    "estimate_information_curve",
    "estimate_z",
    "excess_entropy",
    "information_curve",
    "information_with_rest",
    "is_first_order",
    "mutual_information",
    "pair_information",
    "position_information",
]
