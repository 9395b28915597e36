"""An instance that does not fulfil the assumptions of a statement is refused, with the reason."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from languages import HMMLanguage, NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.constructions import deterministic_cycle, parity_blocks, repeated_symbol
from mdmtheory.bounds import LEDGER, dual_total_correlation_sizes, total_correlation_sizes
from mdmtheory.denoisers import Oracle, PerturbedOracle
from mdmtheory.samplers.policies import Confidence
from mdmtheory.samplers.schemes import Bernoulli, Blocks, FixedSizes

CHAIN, FULL, HIDDEN = random_ngram(2, 3, seed=0, prune_below=0.2), random_ngram(2, 3, seed=0), random_hmm(2, 3, seed=0)
LARGE, LARGE_HIDDEN = random_ngram(2, 8, seed=0), random_hmm(8, 8, seed=0)


class Timed:
    """A denoiser that may look at the time."""

    vocab_size = mask_id = 3
    device = torch.device("cpu")

    def __call__(self, tokens, time=None, at=None):
        return Oracle(CHAIN)(tokens, time, at)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("feng-ter", {"language": HIDDEN, "length": 4, "epsilon": 0.2}, "is no n-gram"),
        ("feng-ter", {"language": NGramLanguage([0.5, 0.5]), "length": 4, "epsilon": 0.2}, "1-gram"),
        ("feng-ter", {"language": NGramLanguage([[1.0]]), "length": 4, "epsilon": 0.2}, "one token alone"),
        ("feng-ter", {"language": CHAIN, "length": 4, "epsilon": 0.0}, "epsilon"),
        ("feng-ter", {"language": CHAIN, "length": 4, "epsilon": 1e-3}, "steps"),
        ("feng-ser-upper", {"language": CHAIN, "length": 4, "delta": 1.0}, "delta"),
        ("feng-ser-upper", {"language": CHAIN, "length": 4, "delta": 1e-6}, "asks for"),
        ("feng-ser-upper", {"language": LARGE, "length": 40, "delta": 0.1}, "too large to enumerate"),
        (
            "feng-ser-upper",
            {"language": FULL, "length": 4, "delta": 0.2, "denoiser": PerturbedOracle(FULL, 0.03)},
            "eps_learning is 0.03, at most 0.02789",
        ),
        ("feng-ser-lower", {"constant": 0.6764, "length": 8}, "beyond 0.676263"),
        ("feng-ser-lower", {"constant": 0.676, "length": 8, "epsilon": 1 / 128}, "beyond 0.675329"),
        ("feng-ser-lower", {"constant": 0.6, "length": 7}, "odd"),
        ("feng-ser-lower", {"constant": 0.6, "length": 8, "epsilon": 0.01}, "epsilon"),
        ("feng-ser-lower", {"constant": 0.1, "length": 8}, "less than one step"),
        ("feng-ser-lower", {"constant": 0.3, "length": 8, "reveal": [0.3, 0.3, 0.4]}, "3 steps are more"),
        ("feng-ser-lower", {"constant": 0.1, "length": 8, "num_symbols": 1}, "one symbol"),
        ("ser-kl", {"language": LARGE, "length": 40, "sampler": Blocks(1)}, "too large to enumerate"),
        ("ccl-exact", {"language": LARGE, "length": 40, "sizes": [40]}, "too large to enumerate"),
        ("ccl-tc", {"language": CHAIN, "length": 5, "epsilon": 0.1, "upper": 0.1}, "no upper bound of the TC"),
        ("ccl-dtc", {"language": CHAIN, "length": 5, "epsilon": 0.1, "upper": 0.1}, "no upper bound of the DTC"),
        ("ccl-tc", {"language": CHAIN, "length": 5, "epsilon": 0.0}, "epsilon"),
        (
            "li-cai",
            {"language": LARGE, "length": 40, "sizes": [40], "denoiser": PerturbedOracle(LARGE, 0.1)},
            "too large to enumerate",
        ),
        (
            "bernoulli-exact",
            {"language": LARGE_HIDDEN, "length": 5, "reveal": [1.0]},
            "neither small nor a first-order",
        ),
        ("linear-bernoulli", {"language": LARGE_HIDDEN, "length": 5, "reveal": [1.0]}, "neither small nor"),
        ("ugc", {"language": CHAIN, "length": 4, "low": 0.5, "high": 0.5, "steps": 3}, "low < high"),
        ("ugc", {"language": CHAIN, "length": 4, "low": 0.0, "high": 0.5, "steps": 3}, "low < high"),
        ("ugc", {"language": CHAIN, "length": 4, "low": 0.01, "high": 0.99, "steps": 9}, "N = 9 is below"),
        ("sqrt-rule", {"language": parity_blocks(4), "length": 4}, "h' falls"),
        ("conflict-law", {"language": FULL, "length": 4}, "contradict"),
        ("conflict-law", {"language": parity_blocks(4), "length": 4, "steps": 0}, "steps"),
        ("conflict-law", {"language": copy_pairs(3), "length": 4, "steps": 2}, "N = 2 is few: SER is 0.556"),
        (
            "conflict-law",
            {"language": random_hmm(3, 3, seed=5, prune_below=0.3), "length": 8},
            "too large to enumerate",
        ),
        ("exponent", {"language": HIDDEN}, "no first-order chain"),
        ("exponent", {"language": deterministic_cycle(3)}, "periodic"),
        ("exponent", {"language": repeated_symbol(3)}, "reducible"),
        ("exponent", {"language": FULL}, "contradict"),
        ("path-over-marginal", {"language": CHAIN, "length": 1, "scheme": Bernoulli.uniform(2)}, "L = 1"),
        ("path-over-marginal", {"language": CHAIN, "length": 4, "scheme": Bernoulli([0.0, 1.0])}, "one path"),
        ("path-over-marginal", {"language": CHAIN, "length": 4, "scheme": Blocks(2)}, "neither Bernoulli nor"),
        ("wen-adaptive", {"language": CHAIN, "length": 4, "policy": Blocks(1)}, "no deterministic policy"),
        ("wen-adaptive", {"language": LARGE, "length": 40, "policy": Confidence(1)}, "too large to enumerate"),
        ("wen-bisection", {"language": HIDDEN, "length": 4}, "is no n-gram"),
        ("wen-bisection", {"language": random_ngram(4, 2, seed=0), "length": 2}, "less than m = 3"),
        ("confidence-cost", {"language": LARGE, "length": 40, "size": 2}, "too large to enumerate"),
        ("fast-dllm", {"table": [0.5, 0.5]}, "n >= 2"),
        ("fast-dllm", {"table": np.diag([0.5, 0.5])}, "sure to 0.5 only"),
        ("fast-dllm", {"table": np.diag([0.9, 0.1]), "epsilon": 0.5}, "exceeds one"),
        ("fast-dllm", {"table": np.diag([0.9, 0.1]), "epsilon": 0.1}, "not above 0.9"),
        ("hmm-dtc", {"language": CHAIN, "length": 4}, "no hidden Markov"),
        (
            "hmm-dtc",
            {"language": HMMLanguage([1.0, 0.0], [[0.9, 0.1], [0.6, 0.4]], np.eye(2)), "length": 3},
            "exceeds 1 - 1/K",
        ),
        ("hmm-dtc", {"language": copy_pairs(2), "length": 4, "switch": 0.2}, "more than p"),
        ("dmitriev-mask", {"language": CHAIN, "length": 4, "step": 0.0}, "step"),
        ("dmitriev-mask", {"language": CHAIN, "length": 4, "step": 0.1, "stop": 9.0}, "stop < start"),
        ("dmitriev-mask", {"language": CHAIN, "length": 4, "step": 0.1, "schedule": "cosine"}, "unknown"),
        ("fhs", {"language": CHAIN, "length": 4, "denoiser": Timed()}, "may look at the time"),
        ("fhs", {"language": LARGE, "length": 40}, "too large to enumerate"),
    ],
)
def test_refused(name, arguments, reason):
    with pytest.raises(ValueError, match=reason) as refusal:
        LEDGER[name].check(**arguments)
    if reason not in ("steps", "step", "delta"):
        assert str(refusal.value).startswith(f"{name} does not apply: ")


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: LEDGER["ccl-exact"].check(CHAIN, 4, [1, 2]), "sizes sum to 3"),
        (lambda: LEDGER["li-cai"].check(CHAIN, 4, [1, 2]), "sizes sum to 3"),
        (lambda: LEDGER["bernoulli-exact"].check(CHAIN, 4, [0.5, 0.6]), "reveal"),
        (lambda: LEDGER["wen-scan"].check(0, 1), "length"),
        (lambda: LEDGER["wen-scan"].check(4, 0), "size"),
        (lambda: LEDGER["ccl-tc"].check_curve([0.0, 1.0, 0.5], 1.0), "rises"),
        (lambda: LEDGER["ccl-tc"].check_curve([0.5, 1.0], 1.0), "starts at zero"),
        (lambda: LEDGER["fast-dllm"].check([[0.5, 0.6], [0.0, 0.0]]), "table"),
        (lambda: total_correlation_sizes(1.0, 0.0, 4), "epsilon"),
        (lambda: total_correlation_sizes(-1.0, 1.0, 4), "total_correlation"),
        (lambda: dual_total_correlation_sizes(-1.0, 1.0, 4), "dual_total_correlation"),
        (lambda: total_correlation_sizes(1.0, 1.0, 0), "length"),
        (lambda: LEDGER["path-over-marginal"].check(CHAIN, 4, FixedSizes([3])), "sizes sum to 3"),
    ],
)
def test_bad_input(call, culprit):
    with pytest.raises(ValueError, match=culprit):
        call()
