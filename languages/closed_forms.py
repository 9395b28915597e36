"""What is known of a language without any recursion on its states."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from languages.budget import check_budget
from languages.checks import check_count, check_fraction
from languages.reveals import reveal_probabilities, revealed_before

FloatArray = NDArray[np.float64]

_CURVE = ("total_correlation", "dual_total_correlation", "bernoulli_curve", "path_kl")
_FORMS = ("entropy", "log_support_size", "information_curve", *_CURVE, "sequence_error_rate", "marginal_kl")
_CHUNK = 1 << 22
_MOST_TERMS = 1e9


class ClosedForms:
    """Formulas of a language, each a function of the length L; all information is in nats.

    A construction overrides the underscored twin of what it knows. From the information curve follow the total
    correlations and the path KL, for every Bernoulli schedule. What nobody knows in closed form raises
    `NotImplementedError`, which names what is known (`known`).

    `reveal` is (N,), the probabilities w_k with which a position is revealed in round k (zeros allowed). "Marginal law"
    is the law p(x) = E_τ p(x | τ) of the sequences that the N-round sampler with the exact denoiser puts out, τ the
    rounds of the positions; "path law" is that of (x, τ).
    """

    def entropy(self, length: int) -> float:
        """Entropy H(X_1 … X_L) of the language."""
        return float(self._entropy(check_count("length", length)))

    def log_support_size(self, length: int) -> float:
        """Natural log of the number of sequences of positive probability."""
        return float(self._log_support_size(check_count("length", length)))

    def information_curve(self, length: int) -> Float[Tensor, " L"]:
        """Z_j = E I(X_i; X_S) over random S of size j − 1 and random i outside S, for j = 1 … L (0 = Z_1 ≤ … ≤ Z_L).

        Source: Chen, Cong, Li 2511.04647.
        """
        return torch.from_numpy(self._information_curve(check_count("length", length)))

    def total_correlation(self, length: int) -> float:
        """TC = Σ_i H(X_i) − H(X) = Σ_j Z_j."""
        return float(self._total_correlation(check_count("length", length)))

    def dual_total_correlation(self, length: int) -> float:
        """DTC = H(X) − Σ_i H(X_i | all others) = L·Z_L − TC."""
        return float(self._dual_total_correlation(check_count("length", length)))

    def bernoulli_curve(self, length: int, t: object) -> Float[Tensor, " T"]:
        """h(t) = Σ_i E I(X_i; X_S), S holding every other position with probability t: L Σ_j Bin(L−1, t)(j) Z_{j+1}.

        Args:
            length: L ≥ 1.
            t: (T,) revealed fractions in [0, 1].

        Raises:
            ValueError: A fraction outside [0, 1].
        """
        fractions = np.array([check_fraction("t", value) for value in np.asarray(t, dtype=np.float64).reshape(-1)])
        return torch.from_numpy(self._bernoulli_curve(check_count("length", length), fractions))

    def path_kl(self, length: int, reveal: object) -> float:
        """KL of the path law: what an N-round NELBO exceeds the entropy by; TC − Σ_k w_k h(t_{k−1}).

        Source: Wainwright 2608.13520, ledger `bernoulli-exact`, with ∫₀¹ h = TC.
        """
        return max(0.0, float(self._path_kl(check_count("length", length), check_reveal(reveal))))

    def sequence_error_rate(self, length: int, reveal: object) -> float:
        """SER of the marginal law: the probability of a sequence outside the support."""
        return float(self._sequence_error_rate(check_count("length", length), check_reveal(reveal)))

    def marginal_kl(self, length: int, reveal: object) -> float:
        """KL(q ‖ p) to the marginal law p."""
        return float(self._marginal_kl(check_count("length", length), check_reveal(reveal)))

    @property
    def known(self) -> tuple[str, ...]:
        """Names of the forms that this language has."""
        own = {name for name in _FORMS if getattr(type(self), f"_{name}") is not getattr(ClosedForms, f"_{name}")}
        if "information_curve" in own:
            own.update(_CURVE)
        return tuple(name for name in _FORMS if name in own)

    def _unknown(self, name: str) -> NotImplementedError:
        known = ", ".join(self.known) or "nothing"
        return NotImplementedError(f"no closed form of {name} is known for {self!r}; known: {known}")

    # What a construction overrides: arguments are checked, `reveal` is float64 without zeros. -------------------------

    def _entropy(self, length: int) -> float:
        raise self._unknown("entropy")

    def _log_support_size(self, length: int) -> float:
        raise self._unknown("log_support_size")

    def _information_curve(self, length: int) -> FloatArray:
        raise self._unknown("information_curve")

    def _total_correlation(self, length: int) -> float:
        return self._information_curve(length).sum()

    def _dual_total_correlation(self, length: int) -> float:
        curve = self._information_curve(length)
        return (curve[-1] - curve).sum()

    def _bernoulli_curve(self, length: int, t: FloatArray) -> FloatArray:
        check_budget(
            f"the closed form of the curve at length={length} and {len(t)} revealed fractions",
            f"take up to {int(_MOST_TERMS / length)} steps",
            operations=len(t) * length,
            most=_MOST_TERMS,
        )
        curve = self._information_curve(length)
        before = np.arange(length)
        blocks = np.array_split(t, max(1, -(-len(t) * length // _CHUNK)))
        return np.concatenate(
            [length * stats.binom.pmf(before, length - 1, block[:, None]) @ curve for block in blocks]
        )

    def _path_kl(self, length: int, reveal: FloatArray) -> float:
        before = revealed_before(torch.from_numpy(reveal)).numpy()
        return self._total_correlation(length) - float(reveal @ self._bernoulli_curve(length, before))

    def _sequence_error_rate(self, length: int, reveal: FloatArray) -> float:
        raise self._unknown("sequence_error_rate")

    def _marginal_kl(self, length: int, reveal: FloatArray) -> float:
        raise self._unknown("marginal_kl")


def check_reveal(reveal: object) -> FloatArray:
    """Return reveal probabilities as float64 (N,), without the rounds that reveal nothing.

    Raises:
        ValueError: Not one-dimensional, negative, or not summing to one.
    """
    weights = reveal_probabilities(reveal).detach().numpy()  # type: ignore[arg-type]
    return weights[weights > 0]


def having(forms: ClosedForms | None, name: str) -> ClosedForms | None:
    """These closed forms if the one of this name is among those known, else None."""
    return forms if forms is not None and name in forms.known else None
