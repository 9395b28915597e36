"""Leave-one-out steps under uniform noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from languages import Estimate, Language, NGramLanguage, language_from
from languages.information import information_curve
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.convergence import ORDER_TOLERANCE, limiting, measured_order
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import describe
from mdmtheory.bounds.kernel_sides import require_enumerable
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Denoiser, Oracle, UniformOracle
from mdmtheory.diffusion.processes import Absorbing, Uniform
from mdmtheory.exact import enumeration
from mdmtheory.samplers.kernels import Ancestral, Kernel, LeaveOneOut, ReMDMRescale


class LooUniform(Entry):
    """Samplers that may revise tokens converge as fast as masking; who is ahead depends on the grid."""

    id = "loo-uniform"
    statement = "leave-one-out steps under uniform noise: KL <= eps in O~(DTC/eps) steps, so KL is of order 1/N"
    citation = "2608.23554 (constants hidden there); its remasking schedule is not ours, comparisons derived here"
    trust = ("P", "D")
    kind = "rate"
    assumptions = (
        "n-gram or HMM, V >= 2; (V+1)^(2L) small enough to enumerate; steps N >= 2, at least two numbers of them"
    )

    def check(
        self, language: Language, length: int, *, steps: Sequence[int] = (8, 16, 32), scale: float = 0.5
    ) -> Verdict:
        """Order in 1/N of the exact marginal KL on the linear grid, beside that of remasking and of masking.

        Args:
            language: An n-gram or a hidden Markov model.
            length: L.
            steps: N, 2N, 4N, …
            scale: Of the remasking, σ = scale · σ_max.
        """
        require_enumerable(self, language, length)
        self.require(min(steps, default=0) >= 2, f"N >= 2 is needed, got {tuple(steps)}")
        self.require(len(steps) >= 2, f"two numbers of steps show an order, got {tuple(steps)}")
        masks, noise = Absorbing(language.vocab_size), Uniform(language.vocab_size)
        one_out = UniformOracle(language, leave_one_out=True)

        def divergences(denoiser: Denoiser, kernels: Sequence[Kernel]) -> list[float]:
            return [enumeration.law(denoiser, length, kernel).kl(language).value for kernel in kernels]

        masking = divergences(Oracle(language), [Ancestral(masks, n) for n in steps])
        uniform = divergences(one_out, [LeaveOneOut(noise, n) for n in steps])
        remasking = divergences(Oracle(language), [ReMDMRescale(masks, n, scale=scale) for n in steps])
        least = claimed(1 - ORDER_TOLERANCE, unit="order", law="marginal")
        parts = []
        order, beside = (
            limiting(measured_order(values), unit="order", law="marginal") for values in (uniform, remasking)
        )
        parts.append(Comparison("order of the KL, leave-one-out", order, ">=", least))
        parts.append(Comparison("order of the KL, remasking", beside, "beside", least))
        # At time 1 uniform noise knows no position from another, so a grid from time 1 on wastes its first step.
        late = divergences(one_out, [LeaveOneOut(noise, 2, start=0.4)])
        rivals = divergences(Oracle(language), [Ancestral(masks, 2)])
        for what, of_noise, of_masks in zip(
            ["N=2 from time 0.4", *(f"N={n}" for n in steps)], late + uniform, rivals + masking, strict=True
        ):
            left, right = (Estimate.exact(kl, law="marginal", unit="nats") for kl in (of_noise, of_masks))
            parts.append(Comparison(f"KL at {what}, uniform noise against masking", left, "beside", right))
        dtc = information_curve(language, length).dual_total_correlation
        notes = [f"DTC {dtc:.4g} nats"]
        notes += [f"N={n}: KL of remasking {kl:.4g}" for n, kl in zip(steps, remasking, strict=True)]
        return self.verdict(describe(language, length, f"N={tuple(steps)}"), *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        switch = 1 / 3  # 2/L
        yield {"language": NGramLanguage([[1 - switch, switch], [switch, 1 - switch]], name="chain p=2/L"), "length": 6}
        yield {"language": language_from("hmm:states=3,vocab=2,seed=1,prune=0.3,concentration=1"), "length": 4}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language, "length": length}
