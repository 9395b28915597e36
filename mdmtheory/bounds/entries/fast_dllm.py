"""Fast-dLLM 2505.22618: sure marginals and their joint law."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from languages import Estimate
from languages.checks import check_distributions
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.verdict import Verdict


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
        # One token says all, and its doubt is as large and as spread as is allowed: KL is (n - 1) times its entropy.
        for n, vocab_size in ((2, 4), (3, 3)):
            table = np.zeros((vocab_size,) * n)
            doubt = (1 - 1e-6) / (n + 1)
            for token in range(vocab_size):
                table[(token,) * n] = 1 - doubt if token == 0 else doubt / (vocab_size - 1)
            yield {"table": table, "name": "one token repeated"}
        # All the doubt in one place at a time: the case nearest to where the argmax changes.
        table = np.zeros((2, 2, 2))
        table[0, 0, 0] = 0.28
        table[1, 0, 0] = table[0, 1, 0] = table[0, 0, 1] = 0.24
        yield {"table": table, "name": "one doubt at a time"}
