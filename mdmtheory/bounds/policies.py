"""Adaptive and ordered parallel decoding: what batches cost, and which orders cost nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from torch import Tensor

from languages import Estimate, Language, NGramLanguage, language_from
from languages.checks import check_count, check_distributions
from languages.constructions import random_walk
from mdmtheory.bounds.entry import Comparison, Entry, Verdict, claimed
from mdmtheory.bounds.sides import SMALL_CHAIN, SMALL_HMM, affordable, describe, enumerated_path_kl
from mdmtheory.denoisers import Oracle
from mdmtheory.exact import enumeration
from mdmtheory.samplers.policies import Confidence, EntropyBudget, Margin, Policy, Threshold, policy_rounds
from mdmtheory.samplers.schemes import Bisection, FixedSizes


class WenAdaptive(Entry):
    """A deterministic policy has one path a sequence, and pays the total correlation of what it reveals together."""

    id = "wen-adaptive"
    statement = "deterministic adaptive policy: KL(q||p) = E_q sum_t TC(X_{S_t} | x_{C_t})"
    citation = "Wen, Liang, Lu 2608.25505; DUEL 2603.01367"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "V^L small enough to enumerate; a deterministic policy with the exact denoiser"

    def check(self, language: Language, length: int, policy: Policy) -> Verdict:
        """KL of the enumerated law of what comes out against the total correlation of batches in the table of q.

        Args:
            language: Any language.
            length: L.
            policy: What picks the next positions.
        """
        self.require(isinstance(policy, Policy) and policy.one_path, f"{policy!r} is no deterministic policy")
        self.require(affordable(language, length), f"V={language.vocab_size}, L={length} is too large to enumerate")
        left = enumeration.law(Oracle(language), length, policy).kl(language)
        words = enumeration.sequences(language.vocab_size, length)
        probs = language.log_prob(words.to(language.device)).exp().cpu()
        words, probs = words[probs > 0], probs[probs > 0]
        rounds = policy_rounds(Oracle(language), policy, words.to(language.device)).cpu()
        value = _expected_total_correlation(words, probs, rounds)
        part = Comparison("KL(q||p)", left, "==", Estimate.exact(value, law="marginal", unit="nats"))
        mean = float(probs @ (rounds.amax(1) + 1).double())
        return self.verdict(describe(language, length, policy), part, notes=[f"{mean:.4g} rounds on average"])

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain, hidden = language_from(SMALL_CHAIN), language_from(SMALL_HMM)
        for policy in (Confidence(2), Margin(2), Threshold(0.5), EntropyBudget(0.7)):
            yield {"language": chain, "length": 5, "policy": policy}
        yield {"language": hidden, "length": 5, "policy": Confidence(2)}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for policy in (Confidence(2), Threshold(0.5), EntropyBudget(0.7)):
            yield {"language": language, "length": length, "policy": policy}


class WenBisection(Entry):
    """On a chain of known order the right order costs nothing and takes logarithmically many rounds."""

    id = "wen-bisection"
    statement = "order-m Markov, L >= m: bisection by m-blocks is exact, in at most m(ceil(log2(L/m)) + 1) rounds"
    citation = "Wen, Liang, Lu 2608.25505"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "an n-gram (m = n - 1, at least 1), L >= m"

    def check(self, language: Language, length: int) -> Verdict:
        """KL by enumeration where the language is small enough, and the number of rounds at any length.

        Args:
            language: An n-gram.
            length: L ≥ m.
        """
        self.require(isinstance(language, NGramLanguage), f"{language.name} is no n-gram")
        assert isinstance(language, NGramLanguage)
        order = max(1, language.order - 1)
        self.require(check_count("length", length) >= order, f"L = {length} is less than m = {order}")
        scheme, parts, notes = Bisection(order), [], []
        if affordable(language, length):
            left = enumeration.law(Oracle(language), length, scheme).kl(language)
            parts.append(Comparison("KL(q||p)", left, "==", Estimate.exact(0.0, law="marginal", unit="nats")))
        else:
            notes.append(f"V={language.vocab_size}, L={length} is too large to enumerate: rounds only")
        rounds = Estimate.exact(scheme.num_rounds(length), unit="rounds")
        most = order * (math.ceil(math.log2(length / order)) + 1)
        parts.append(Comparison("rounds R(L)", rounds, "==", Estimate.exact(_rounds(length, order), unit="rounds")))
        parts.append(Comparison("rounds in closed form", rounds, "<=", claimed(most, unit="rounds")))
        return self.verdict(describe(language, length, scheme), *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"language": language_from(SMALL_CHAIN), "length": 7}
        yield {"language": language_from("3-gram:vocab=2,seed=0,prune=0"), "length": 8}
        yield {"language": language_from("4-gram:vocab=2,seed=0,prune=0"), "length": 8}
        yield {"language": language_from("4-gram:vocab=3,seed=0,prune=0.1"), "length": 1000}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language, "length": length}


class WenScan(Entry):
    """From left to right, few rounds are dear: on a walk each block pays for all it cannot see."""

    id = "wen-scan"
    statement = "left-to-right blocks on a random walk, R rounds: KL >= (L/2) log2(L/R) - 1.3 L bits"
    citation = "Wen, Liang, Lu 2608.25505"
    trust = ("P", "D")
    kind = "bound"
    assumptions = "the walk with fair increments of one up or down"

    def check(self, length: int, size: int) -> Verdict:
        """Exact KL of blocks from powers of the walk's transition, and from its closed form.

        Args:
            length: L.
            size: Positions a round, so that R = ⌈L/size⌉.
        """
        length, size = check_count("length", length), check_count("size", size)
        walk = random_walk(2 * length + 1, start=0)
        rounds = -(-length // size)
        cost = _block_kl(walk, length, size) / math.log(2)
        bound = length / 2 * math.log2(length / rounds) - 1.3 * length
        left = Estimate.exact(cost, law="marginal", unit="bits")
        forms: Any = walk.closed_forms
        closed = Estimate.exact(forms.block_kl(length, size) / math.log(2), law="marginal", unit="bits")
        parts = (
            Comparison("KL(q||p)", left, ">=", claimed(bound, law="marginal", unit="bits")),
            Comparison("KL(q||p), closed form", left, "==", closed),
        )
        return self.verdict(f"fair walk, L={length}, R={rounds} blocks of {size}", *parts)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        for length, size in ((64, 1), (64, 8), (64, 64), (100, 33)):
            yield {"length": length, "size": size}


class ConfidenceCost(Entry):
    """Revealing the surest tokens together often costs more than revealing random ones."""

    id = "confidence-cost"
    statement = "confidence top-k pays more total correlation than random order at equal rounds (reported 3-11x)"
    citation = "2608.25505; 0.17-5x measured here, on languages small enough to enumerate"
    trust = ("P", "D")
    kind = "observation"
    assumptions = "V^L small enough to enumerate"

    def check(self, language: Language, length: int, size: int) -> Verdict:
        """Path KL of confidence beside that of uniformly random positions, `size` a round for both.

        Args:
            language: Any language.
            length: L.
            size: Positions a round.
        """
        self.require(affordable(language, length), f"V={language.vocab_size}, L={length} is too large to enumerate")
        size = min(check_count("size", size), check_count("length", length))
        sizes = [min(size, length - done) for done in range(0, length, size)]
        sure = enumerated_path_kl(language, length, Confidence(size))
        random = enumerated_path_kl(language, length, FixedSizes(sizes))
        part = Comparison("path KL of confidence beside random order", sure, "beside", random)
        note = f"{part.ratio:.3g} times as much" if random.value > 1e-12 else "neither pays anything"
        return self.verdict(describe(language, length, f"{size} a round"), part, notes=[note])

    def instances(self) -> Iterator[Mapping[str, Any]]:
        for seed in range(3):
            yield {"language": language_from(f"2-gram:vocab=3,seed={seed},prune=0.2"), "length": 6, "size": 2}
        yield {"language": language_from(SMALL_HMM), "length": 6, "size": 2}
        yield {"language": language_from("walk:values=5,start=0"), "length": 4, "size": 2}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for size in (2, 4):
            yield {"language": language, "length": length, "size": size}


class FastDllm(Entry):
    """Where all marginals are sure, the product of marginals is nearly the joint law."""

    id = "fast-dllm"
    statement = "n >= 2 marginals > 1-eps, (n+1) eps <= 1: same argmax; KL < (n-1)(H_b(eps) + eps ln(V-1))"
    citation = "2505.22618, Theorem 1"
    trust = ("P", "D")
    kind = "bound"
    assumptions = "n >= 2 positions whose most likely tokens have probability above 1 - eps, (n+1) eps <= 1, V >= 2"

    def check(self, table: ArrayLike | Tensor, *, epsilon: float | None = None, name: str = "table") -> Verdict:
        """KL(joint ‖ product of marginals) and both most likely sequences.

        Args:
            table: (V,)·n joint law of the positions that are revealed together.
            epsilon: ε; None for 1/(n + 1), the largest one allowed.
            name: What the instance is called.
        """
        raw = torch.as_tensor(np.asarray(table) if not isinstance(table, Tensor) else table)
        joint = check_distributions("table", raw, axes=raw.dim())
        n, vocab_size = joint.dim(), joint.shape[0]
        self.require(n >= 2 and vocab_size >= 2, f"n >= 2 and V >= 2 are needed, got n = {n}, V = {vocab_size}")
        eps = 1 / (n + 1) if epsilon is None else float(epsilon)
        self.require(eps > 0 and (n + 1) * eps <= 1 + 1e-12, f"(n+1) epsilon = {(n + 1) * eps:.4g} exceeds one")
        marginals = [joint.sum(dim=[j for j in range(n) if j != i]) for i in range(n)]
        least = min(float(marginal.max()) for marginal in marginals)
        self.require(least > 1 - eps, f"a marginal is sure to {least:.4g} only, not above {1 - eps:.4g}")
        product = torch.ones(())
        for marginal in marginals:
            product = product[..., None] * marginal
        value = float(torch.where(joint > 0, joint * (joint / product).log(), 0.0).sum())
        binary = -(eps * math.log(eps) + (1 - eps) * math.log1p(-eps))
        bound = (n - 1) * (binary + eps * math.log(vocab_size - 1))
        best = tuple(int(marginal.argmax()) for marginal in marginals)
        others = joint.clone()
        others[best] = -1.0
        unit = "probability"
        parts = (
            Comparison("KL(joint||product)", Estimate.exact(value, unit="nats"), "<", claimed(bound, unit="nats")),
            Comparison(
                "argmax of the product, against any other",
                Estimate.exact(float(joint[best]), unit=unit),
                ">",
                Estimate.exact(float(others.max()), unit=unit),
            ),
        )
        return self.verdict(f"{name}, n={n}, V={vocab_size}, epsilon={eps:.4g}", *parts)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        rng = np.random.default_rng(0)
        for n, vocab_size, share in ((2, 4, 0.34), (3, 3, 0.26)):
            noise = rng.dirichlet(np.full(vocab_size**n, 0.2)).reshape((vocab_size,) * n)
            table = share * noise
            table[(0,) * n] += 1 - share
            yield {"table": table, "name": "mixture of one word and noise"}
        # All the doubt in one place at a time: the case nearest to where the argmax changes.
        table = np.zeros((2, 2, 2))
        table[0, 0, 0] = 0.28
        table[1, 0, 0] = table[0, 1, 0] = table[0, 0, 1] = 0.24
        yield {"table": table, "name": "one doubt at a time"}


def _expected_total_correlation(
    words: Int[Tensor, "S L"], probs: Float[Tensor, " S"], rounds: Int[Tensor, "S L"]
) -> float:
    """E_q Σ_t TC(X_{S_t} | x_{C_t}), nats: batches of words that share their past, each from the words alone."""
    total = 0.0
    for step in range(int(rounds.max()) + 1):
        before, now = rounds < step, rounds == step
        past = torch.where(before, words, -1)
        _, group = torch.cat([past, now.long()], 1).unique(dim=0, return_inverse=True)
        for index in range(int(group.max()) + 1):
            rows = group == index
            batch, law = words[rows][:, now[rows][0]], probs[rows]
            if batch.shape[1] < 2:
                continue
            singles = [_entropy(batch[:, [i]], law) for i in range(batch.shape[1])]
            total += float(law.sum()) * (sum(singles) - _entropy(batch, law))
    return total


def _entropy(words: Int[Tensor, "S K"], weights: Float[Tensor, " S"]) -> float:
    """Entropy (nats) of weighted words, whose weights are normalised first."""
    _, which = words.unique(dim=0, return_inverse=True)
    law = torch.zeros(int(which.max()) + 1, dtype=torch.float64).index_add_(0, which, weights / weights.sum())
    return float(torch.special.entr(law).sum())


def _rounds(length: int, order: int) -> int:
    """R(l) = l if l ≤ m, else m + R(⌈(l − m)/2⌉)."""
    return length if length <= order else order + _rounds(-(-(length - order) // 2), order)


def _block_kl(language: NGramLanguage, length: int, size: int) -> float:
    """KL (nats) of left-to-right blocks on a first-order chain: Σ_blocks [Σ_j H(X_{s+j} | X_s) − H(block | X_s)]."""
    start, transition = (tensor.cpu().numpy() for tensor in language.first_order())
    marginal, total = None, 0.0
    for begin in range(0, length, size):
        ahead = start[None] if marginal is None else transition
        weights = np.ones(1) if marginal is None else marginal
        for _ in range(min(size, length - begin)):
            total += float(weights @ _row_entropies(ahead))
            marginal = weights @ ahead
            ahead = ahead @ transition
    return total - language.entropy(length)


def _row_entropies(rows: np.ndarray) -> np.ndarray:
    """Entropy of each row, nats."""
    return -np.sum(rows * np.log(np.where(rows > 0, rows, 1.0)), axis=1)
