"""What is known of a family of samplers, as data."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Properties:
    """Mathematical properties of a family, and where it comes from.

    Attributes:
        exact: When an exact denoiser gives the exact law.
        calls: Network calls a row.
        revises: Whether a token, once written, may change.
        needs_time: Whether the step depends on the noise level beyond the tokens and the denoiser's answer.
        literature: Its names in the literature.
        source: Papers, by arXiv number.
    """

    exact: str
    calls: str
    revises: bool
    needs_time: bool
    literature: str
    source: str
