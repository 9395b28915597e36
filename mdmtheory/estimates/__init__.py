"""Certified estimates: every one an `Estimate` with its interval, its method and its law."""

from languages.estimate import Estimate
from mdmtheory.estimates.generative import estimate_generative_log_ter
from mdmtheory.estimates.learning import estimate_learning_error
from mdmtheory.estimates.network_curve import NetworkCurve, learning_error_curve, network_information_curve
from mdmtheory.estimates.path_curve import estimate_path_kl
from mdmtheory.estimates.path_log_probs import path_log_prob
from mdmtheory.estimates.sequence_error import estimate_sequence_error_rate
from mdmtheory.estimates.surviving import estimate_surviving_sequence_error_rate
from mdmtheory.exact.learning_error import LearningError
from mdmtheory.exact.sandwich import marginal_kl_bracket

__all__ = [
    "Estimate",
    "LearningError",
    "NetworkCurve",
    "estimate_generative_log_ter",
    "estimate_learning_error",
    "estimate_path_kl",
    "estimate_sequence_error_rate",
    "estimate_surviving_sequence_error_rate",
    "learning_error_curve",
    "marginal_kl_bracket",
    "network_information_curve",
    "path_log_prob",
]
