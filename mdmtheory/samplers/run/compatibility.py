"""Which denoiser goes with which sampler."""

from __future__ import annotations

from languages import Language
from mdmtheory.denoisers.ask import check_denoiser
from mdmtheory.denoisers.oracle import Oracle
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.denoisers.traits import traits_of
from mdmtheory.denoisers.uniform_oracle import UniformOracle
from mdmtheory.samplers.kernels import Kernel, LeaveOneOut


def check_fits(denoiser: Denoiser, sampler: object) -> None:
    """Refuse a kernel over another number of tokens, and a denoiser of another noise.

    One that does not say what noise it reads is taken at its word.

    Args:
        denoiser: Any denoiser.
        sampler: A plan, a scheme, a policy or a kernel.

    Raises:
        ValueError: They do not fit, or what is to be the denoiser is none.
    """
    check_denoiser(denoiser)
    if isinstance(sampler, Kernel) and sampler.process.vocab_size != denoiser.vocab_size:
        raise ValueError(f"process is {sampler.process!r}, but the denoiser writes {denoiser.vocab_size} tokens")
    uniform = isinstance(sampler, Kernel) and not sampler.absorbing
    said = traits_of(denoiser)
    if said.noise == "absorbing" and uniform:
        raise ValueError(f"denoiser must read noisy tokens for {sampler!r}, as UniformOracle does")
    if said.noise == "uniform":
        if not uniform:
            raise ValueError(f"denoiser must take tokens as clean for {sampler!r}, as Oracle does")
        if said.leave_one_out and not isinstance(sampler, LeaveOneOut):
            raise ValueError(
                f"denoiser must answer p(x_0 | x_t) for {sampler!r}; leave_one_out=True is for LeaveOneOut"
            )


def exact_denoiser(language: Language, sampler: object) -> Denoiser:
    """The oracle of a language that goes with a sampler: clean tokens and holes, or uniform noise.

    Args:
        language: The language.
        sampler: A plan, a scheme, a policy or a kernel.
    """
    if isinstance(sampler, Kernel) and not sampler.absorbing:
        return UniformOracle(language, leave_one_out=isinstance(sampler, LeaveOneOut))
    return Oracle(language)
