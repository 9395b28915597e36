"""What networks are trained to do, one description an objective: only what goes together can be written.

    MDM     a masked model by the number of masks, or their share; needs no time    AnyOrder
    MDLM    a masked model by time                                                   Subs
    D3PM    a model of N discrete steps, masks or uniform noise                      DiscreteTime
    SEDD    score entropy, masks or uniform noise                                    DenoisingScoreEntropy
    AR      an autoregressive model                                                  Autoregressive

On the right the loss in `mdmtheory.diffusion.losses` that minimises it; an objective is that loss before the vocabulary
is known, together with what the network is told and what its output means.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count
from languages.language import Language
from languages.next_token import next_token_log_probs
from mdmtheory.denoisers import Oracle, UniformOracle
from mdmtheory.diffusion.losses import (
    AnyOrder,
    Autoregressive,
    DenoisingScoreEntropy,
    DiffusionLoss,
    DiscreteTime,
    Loss,
    Network,
    Subs,
    TimeSampling,
)
from mdmtheory.diffusion.parametrisations import Parametrisation
from mdmtheory.diffusion.processes import Absorbing, Process, Uniform
from mdmtheory.diffusion.schedules import schedule_from
from mdmtheory.networks.causal import CausalLanguageModel
from mdmtheory.networks.config import TimeInput
from mdmtheory.networks.masked import MaskedNetwork
from mdmtheory.networks.transformer import Transformer
from mdmtheory.networks.uniform import UniformNetwork
from mdmtheory.training.settings import one_of, optional, settle, within

Noise = Literal["absorbing", "uniform"]
Targets = Literal["samples", "exact"]


class Objective(abc.ABC):
    """What a network is trained to do, for any vocabulary.

    Attributes:
        targets: "samples", the tokens that were drawn, as everywhere else; or "exact", their law under the language
            given what the network sees: the same mean of the loss and of its gradient with less spread. It asks the
            language at every step.
    """

    name: ClassVar[str]
    causal: ClassVar[bool] = False
    parametrisation: Parametrisation = "posterior"
    targets: Targets = "samples"

    @property
    def told_time(self) -> TimeInput | None:
        """In which form the network is told the noise level; None if it is not."""
        return None

    @property
    def sees_masks(self) -> bool:
        """Whether the network reads rows with masks, in the end masks alone."""
        return False

    @abc.abstractmethod
    def loss(self, vocab_size: int) -> Loss:
        """The loss over a vocabulary."""

    @abc.abstractmethod
    def model(self, network: Transformer) -> MaskedNetwork | UniformNetwork | CausalLanguageModel:
        """A trained network as a sampler takes it: a denoiser of masks or of uniform noise, or a causal model."""

    def losses(
        self,
        network: Network,
        tokens: Int[Tensor, "B L"],
        vocab_size: int,
        generator: torch.Generator | None = None,
        truth: Network | None = None,
    ) -> Float[Tensor, " B"]:
        """Loss of each sequence of a batch, nats per token, from one draw of times and noise.

        Args:
            network: Called once.
            tokens: (B, L) complete sequences.
            vocab_size: V.
            generator: Source of times and noise, on the device of the tokens.
            truth: What `truth` returned for the language of the tokens.
        """
        loss = self.loss(vocab_size)
        model = loss.reading(network, self.parametrisation)
        return loss.estimate(model, tokens, generator=generator, truth=truth)

    def truth(self, language: Language, device: torch.device | str = "cpu") -> Network | None:
        """What answers with the exact law of the tokens where targets are exact; see `Loss.estimate`. Else None.

        Args:
            language: Where the tokens come from.
            device: Where it answers.

        Raises:
            ValueError: A language whose law under this noise is not known.
        """
        return self._exact_targets(language.to(device)) if self.targets == "exact" else None

    @abc.abstractmethod
    def _exact_targets(self, language: Language) -> Network: ...


@final
@dataclasses.dataclass(frozen=True)
class AR(Objective):
    """−log p(x), p(x) = Π p(x_i | x_1 … x_{i−1}), of a causal network."""

    name: ClassVar[str] = "ar"
    causal: ClassVar[bool] = True
    targets: Targets = "samples"

    def __post_init__(self) -> None:
        settle(self, targets=one_of(Targets))

    def loss(self, vocab_size: int) -> Autoregressive:
        return Autoregressive(vocab_size)

    def model(self, network: Transformer) -> CausalLanguageModel:
        return CausalLanguageModel(network)

    def _exact_targets(self, language: Language) -> Network:
        return functools.partial(next_token_log_probs, language)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Diffusion(Objective):
    """What all diffusion objectives have.

    Attributes:
        time: In which form the network is told the noise level; see `TransformerConfig.time_input`. None tells it, as a
            fraction, where its answer depends on it (under uniform noise, and for plain scores) and else nothing: the
            exact posterior of masks does not depend on the level.
        sampling: How the noise levels of a batch cover [0, 1]; see `diffusion.losses.times`.
        targets: See `Objective`.
    """

    time: TimeInput | None = None
    sampling: TimeSampling = "stratified"
    targets: Targets = "samples"

    @property
    def noise(self) -> Noise:
        """What corrupts the tokens."""
        return "absorbing"

    def __post_init__(self) -> None:
        settle(self, time=optional(one_of(TimeInput)), sampling=one_of(TimeSampling), targets=one_of(Targets))
        self.loss(2)  # the rest is checked by those who use it

    @abc.abstractmethod
    def loss(self, vocab_size: int) -> DiffusionLoss: ...

    @property
    def told_time(self) -> TimeInput | None:
        needed = self.noise == "uniform" or self.parametrisation == "score"
        return self.time or ("fraction" if needed else None)

    def model(self, network: Transformer) -> MaskedNetwork | UniformNetwork:
        if self.noise == "uniform":
            return UniformNetwork(network, self.parametrisation)
        return MaskedNetwork(network)  # at masks a score is the posterior up to a factor

    def _exact_targets(self, language: Language) -> Network:
        return Oracle(language) if self.noise == "absorbing" else UniformOracle(language)

    @property
    def sees_masks(self) -> bool:
        return self.noise == "absorbing"

    def process(self, vocab_size: int) -> Process:
        """The noise over a vocabulary."""
        return Absorbing(vocab_size) if self.noise == "absorbing" else Uniform(vocab_size)


@final
@dataclasses.dataclass(frozen=True)
class MDM(Diffusion):
    """The masked NELBO by the number of masks: every reveal order alike, no schedule, no clock; see `AnyOrder`.

    Attributes:
        skew: Exactly k positions are hidden, k spread over 1 … L; above 1, rows with few holes come more often and
            weigh less. None hides each position with one probability per row instead, as MDLM does: the same mean, a
            higher variance.
    """

    name: ClassVar[str] = "mdm"
    skew: float | None = 2.0

    def __post_init__(self) -> None:
        settle(self, skew=optional(within(1.0)))
        super().__post_init__()

    def loss(self, vocab_size: int) -> AnyOrder:
        if self.skew is None:
            return AnyOrder(vocab_size, masking="bernoulli", sampling=self.sampling)
        return AnyOrder(vocab_size, skew=self.skew, sampling=self.sampling)


@final
@dataclasses.dataclass(frozen=True)
class MDLM(Diffusion):
    """The masked NELBO by time; see `Subs`.

    Attributes:
        schedule: α(t) by name; see `mdmtheory.diffusion.schedule_from`.
        steps: N discrete steps instead of continuous time.
    """

    name: ClassVar[str] = "mdlm"
    schedule: str = "linear"
    steps: int | None = None

    def __post_init__(self) -> None:
        settle(self, steps=optional(check_count))
        super().__post_init__()

    def loss(self, vocab_size: int) -> Subs:
        return Subs(vocab_size, schedule_from(self.schedule), num_steps=self.steps, sampling=self.sampling)


@final
@dataclasses.dataclass(frozen=True)
class D3PM(Diffusion):
    """The bound of N discrete steps; see `DiscreteTime`.

    Attributes:
        steps: N.
        noise: "absorbing" (masks) or "uniform".
        parametrisation: What the network's output means; see `mdmtheory.diffusion.parametrisations`.
        schedule: α(t) by name.
    """

    name: ClassVar[str] = "d3pm"
    steps: int
    noise: Noise = "absorbing"
    parametrisation: Literal["posterior", "leave-one-out"] = "posterior"
    schedule: str = "linear"

    def __post_init__(self) -> None:
        kinds = Literal["posterior", "leave-one-out"]
        settle(self, steps=check_count, noise=one_of(Noise), parametrisation=one_of(kinds))
        super().__post_init__()

    def loss(self, vocab_size: int) -> DiscreteTime:
        schedule = schedule_from(self.schedule)
        return DiscreteTime(self.process(vocab_size), self.steps, schedule, sampling=self.sampling)


@final
@dataclasses.dataclass(frozen=True)
class SEDD(Diffusion):
    """Denoising score entropy; see `DenoisingScoreEntropy`.

    Attributes:
        noise: "absorbing" (masks) or "uniform".
        parametrisation: What the network's output means; see `mdmtheory.diffusion.parametrisations`.
        schedule: α(t) by name.
    """

    name: ClassVar[str] = "sedd"
    noise: Noise = "absorbing"
    parametrisation: Parametrisation = "posterior"
    schedule: str = "linear"

    def __post_init__(self) -> None:
        settle(self, noise=one_of(Noise), parametrisation=one_of(Parametrisation))
        super().__post_init__()

    def loss(self, vocab_size: int) -> DenoisingScoreEntropy:
        schedule = schedule_from(self.schedule)
        return DenoisingScoreEntropy(self.process(vocab_size), schedule, sampling=self.sampling)
