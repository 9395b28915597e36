"""How far a run is: by its steps alone, unless they take so long that its time limit moves the end."""

from __future__ import annotations

from typing import NamedTuple

PATIENCE = 0.25
"""Share of the time limit that is spent before steps are judged: the first ones say little of the rest."""
SLACK = 0.25
"""Share of the time limit that must be left over before an end that was moved is moved back."""
DIGITS = 3
"""Binary digits of the numbers of steps at which and by which an end is moved."""


class Cut(NamedTuple):
    """An earlier end that the time limit gave a run, or a later one than that after all.

    Attributes:
        step: Steps done when it was decided.
        end: Steps after which the run ends.
    """

    step: int
    end: int


class Pace:
    """Where the end of a run is, and how far it has come: a function of steps and of the recorded cuts.

    The clock is asked at steps 1, 2, … 8, 10, 12, 14, 16, 20, … alone. If the steps that are left would take more
    time than is left, their number is cut to what fits, rounded down to three binary digits, and what is left of the
    learning rate's fall is spread over them. If steps then prove faster, the end moves back, but never beyond that of
    the settings. So runs that the limit does not cut are the same to the last bit, and
    cuts are few, coarse and on record.

    Args:
        total_steps: Steps of the whole run.
        limit: Seconds that it may take; None for as long as it takes.
        cuts: What was decided so far.
    """

    def __init__(self, total_steps: int, limit: float | None, cuts: tuple[Cut, ...] = ()) -> None:
        self.total_steps, self.limit, self.cuts = total_steps, limit, cuts
        self._begun: tuple[int, float] | None = None
        self._entered = False

    @property
    def end(self) -> int:
        """Steps after which the run ends, as things are."""
        return self.cuts[-1].end if self.cuts else self.total_steps

    def part(self, step: int) -> float:
        """Fraction of the run that is done, in [0, 1]: linear in steps from one cut to the next."""
        begin, done, end = 0, 0.0, self.total_steps
        for cut in self.cuts:
            if step < cut.step:
                break
            begin, done, end = cut.step, done + (1 - done) * (cut.step - begin) / (end - begin), cut.end
        return done + (1 - done) * (step - begin) / (end - begin) if end > begin else 1.0

    def review(self, step: int, seconds: float) -> None:
        """Look at the clock before a step and move the end if the run is behind.

        Args:
            step: Steps done.
            seconds: Training time spent, over all sessions.
        """
        if self.limit is None or step >= self.end:
            return
        if seconds >= self.limit:
            self.cuts += (Cut(step, step),)
            return
        if not self._entered or self._begun is None:
            # Steps are timed from the second of a session on: the first may compile, or wait for a device.
            self._begun = (step, seconds) if self._entered else None
            self._entered = True
            return
        if seconds < PATIENCE * self.limit or step != coarse(step):
            return
        since, then = self._begun
        per_step = (seconds - then) / (step - since)
        needed = seconds + (self.end - step) * per_step
        fits = min(step + coarse(int((self.limit - seconds) / per_step)), self.total_steps)
        if needed > self.limit or (needed < (1 - SLACK) * self.limit and fits > self.end):
            self.cuts += (Cut(step, fits),)


def coarse(number: int) -> int:
    """A whole number rounded down to its first three binary digits."""
    shift = max(number.bit_length() - DIGITS, 0)
    return number >> shift << shift
