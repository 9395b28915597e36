"""Answers to what users ask, with the best number there is: exact where a method serves, else estimated."""

from mdmtheory.answers.steps import StepsNeeded, steps_needed

__all__ = ["StepsNeeded", "steps_needed"]
