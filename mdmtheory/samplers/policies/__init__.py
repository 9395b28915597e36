"""Policies: the next positions are picked from what the denoiser says, not fixed beforehand.

Most are deterministic: the same state and the same log-probabilities give the same positions. Then a sequence x has one
path, S_1, S_2, … with C_t = S_1 ∪ … ∪ S_{t−1}, and its probability is a product along it (Wen, Liang and Lu
2608.25505),

    p_π(x) = Π_t Π_{i∈S_t} p(x_i | x_{C_t}).

Those under the names of public code rank the tokens that were drawn, and throw away the draws that lose: no product
(`Policy.ranks_drawn`). Scores that the precision of the answer cannot tell apart are ties; they go to the position
further left, or to one by lot (`ties="random"`): what a policy does must not hang on the last bit of a logarithm.
"""

from mdmtheory.samplers.policies.confidence import Confidence, LowConfidenceRemasking
from mdmtheory.samplers.policies.entropy import Entropy
from mdmtheory.samplers.policies.entropy_budget import EntropyBudget
from mdmtheory.samplers.policies.factor import Factor, FastDLLMFactor
from mdmtheory.samplers.policies.margin import Margin
from mdmtheory.samplers.policies.paths import policy_log_prob, policy_rounds
from mdmtheory.samplers.policies.policy import Policy, chosen_positions
from mdmtheory.samplers.policies.threshold import FastDLLMThreshold, Threshold

__all__ = [
    "Confidence",
    "Entropy",
    "EntropyBudget",
    "Factor",
    "FastDLLMFactor",
    "FastDLLMThreshold",
    "LowConfidenceRemasking",
    "Margin",
    "Policy",
    "Threshold",
    "chosen_positions",
    "policy_log_prob",
    "policy_rounds",
]
