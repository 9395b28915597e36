"""Policies: the next positions are picked from what the denoiser says, not fixed beforehand.

A policy is deterministic: the same state and the same log-probabilities give the same positions. So a sequence x has
one path, S_1, S_2, … with C_t = S_1 ∪ … ∪ S_{t−1}, and its probability is a product along it (Wen, Liang and Lu
2608.25505),

    p_π(x) = Π_t Π_{i∈S_t} p(x_i | x_{C_t}).

Scores that differ by less than about 1e−9 are ties, and a tie goes to the position further left: what a policy does
must not hang on the last bit of a logarithm.
"""

from mdmtheory.samplers.policies.confidence import Confidence
from mdmtheory.samplers.policies.entropy import Entropy
from mdmtheory.samplers.policies.entropy_budget import EntropyBudget
from mdmtheory.samplers.policies.factor import Factor
from mdmtheory.samplers.policies.margin import Margin
from mdmtheory.samplers.policies.paths import policy_log_prob, policy_rounds
from mdmtheory.samplers.policies.policy import Policy, chosen_positions
from mdmtheory.samplers.policies.threshold import Threshold

__all__ = [
    "Confidence",
    "Entropy",
    "EntropyBudget",
    "Factor",
    "Margin",
    "Policy",
    "Threshold",
    "chosen_positions",
    "policy_log_prob",
    "policy_rounds",
]
