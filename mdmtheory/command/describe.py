"""`mdmtheory describe`: what a language is."""

from __future__ import annotations

import argparse

from mdmtheory.command.arguments import add_language

HELP = "What a language is: its support and its entropy at a length."


def add(parser: argparse.ArgumentParser) -> None:
    """Language and length."""
    add_language(parser)


def run(arguments: argparse.Namespace) -> None:
    """Print what the language knows exactly, and estimates where it does not."""
    from languages import Estimate, language_from
    from languages.checks import check_count
    from mdmtheory.exact.supported import supports_everything

    language, length = language_from(arguments.language), check_count("length", arguments.length)
    print(language)
    try:
        density = language.support_density(length)
        print(f"support at L = {length}: log |support| / (L log V) = {density:.6g} (exact)")
        if supports_everything(language, length):
            print("it supports every sequence: SER is 0 for any model")
    except ValueError as error:
        print(f"support at L = {length}: not counted ({error})")
    try:
        entropy = Estimate.exact(language.entropy(length), unit="nats")
    except NotImplementedError:
        entropy = language.estimate_entropy(length)
    print(f"entropy at L = {length}: {entropy}; {entropy.value / length:.6g} nats a token")
