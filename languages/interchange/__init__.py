"""Languages in and out: files, hmmlearn's models, tables of pandas; and what tells one from another."""

from languages.interchange.digest import language_digest
from languages.interchange.files import load, save
from languages.interchange.frames import to_frame
from languages.interchange.hmmlearn_models import from_hmmlearn, to_hmm, to_hmmlearn
from languages.interchange.states import State, register

__all__ = ["State", "from_hmmlearn", "language_digest", "load", "register", "save", "to_frame", "to_hmm", "to_hmmlearn"]
