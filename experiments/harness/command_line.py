"""The command line of an experiment: one preset, every field of the configuration as a flag, clear errors."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shlex
import sys
import textwrap
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from experiments.harness.config import ExperimentConfig
from experiments.harness.report import list_files
from experiments.harness.runner import BACKENDS, WorkerDied

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from experiments.harness.experiment import Experiment

C = TypeVar("C", bound=ExperimentConfig)


def main(experiment: Experiment[C], argv: Sequence[str] | None = None) -> int:
    """Run an experiment as a command and return its exit code.

    Lists take values separated by spaces, `--languages 2-gram hmm:states=4,prune=0.05`, for a specification may
    hold commas itself. An underscore in a flag may be written as a dash.

    Args:
        experiment: What to run.
        argv: Arguments without the program's name; None for those of the process.

    Returns:
        0; 1 if a cell failed (the others are kept) or its results violate what ought to be true; 2 for arguments that
        cannot work; 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    program = _program()
    try:
        return _run(experiment, arguments, program)
    except KeyboardInterrupt:
        # Without --fresh, which would throw away what is finished.
        command = f"{program} {shlex.join(word for word in arguments if word != '--fresh')}"
        print(f"interrupted: finished cells are kept, go on from there with: {command}", file=sys.stderr)
        return 130
    except (ValueError, OSError, WorkerDied) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        if isinstance(error, WorkerDied):
            print("finished cells are kept, and the same command goes on from there", file=sys.stderr)
        return 1 if isinstance(error, WorkerDied) else 2


def _run(experiment: Experiment[C], arguments: list[str], program: str) -> int:
    preset = _preset(experiment, arguments)
    config = experiment.presets[preset]
    parser = build_parser(experiment, preset, program)
    try:
        flags = vars(parser.parse_args([_dashed(word) for word in arguments]))
    except SystemExit:  # --help
        return 0
    except Exception as error:  # jsonargparse raises several kinds
        raise ValueError(f"{_plain_error(str(error))} (see --help)") from None
    given = {field.name: flags[field.name] for field in dataclasses.fields(config)}
    changes: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    config = dataclasses.replace(config, **changes)
    out = Path(flags["out"])
    if flags["dry_run"]:
        print(experiment.plan(config, out, jobs=flags["jobs"], fresh=flags["fresh"]))
        return 0
    results = experiment.run(config, out, jobs=flags["jobs"], backend=flags["backend"], fresh=flags["fresh"])
    if len(results.table):
        print(experiment.table(results.table, config))
    print(list_files(results.files))
    for failure in results.failures:
        print(f"failed: {failure.label}: {failure.error}", file=sys.stderr)
        if flags["debug"]:
            print(failure.trace, file=sys.stderr)
    if results.failures:
        print(
            f"{len(results.failures)} cells failed (tracebacks in {out / 'errors'}); the others are kept, and the "
            "same command tries again",
            file=sys.stderr,
        )
    for violation in results.violations:
        print(violation, file=sys.stderr)
    return 1 if results.failures or results.violations else 0


def build_parser(experiment: Experiment[C], preset: str, program: str) -> ArgumentParser:
    """The parser of an experiment, with the fields of one preset as defaults."""
    from jsonargparse import ActionYesNo, ArgumentParser

    config = experiment.presets[preset]
    parser = ArgumentParser(prog=program, description=experiment.description, exit_on_error=False, allow_abbrev=False)
    parser.add_argument(
        "--preset",
        choices=list(experiment.presets),
        default=preset,
        help="configuration to start from; the flags below override it",
    )
    parser.add_argument(
        "--out",
        type=str,
        default=f"results/{experiment.name}/{preset}",
        help="results folder; finished cells found there are not run again",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the cells with their estimated time and memory, and write nothing"
    )
    parser.add_argument(
        "--jobs",
        type=int | None,
        default=None,
        help="cells that run at once; null: one per core, but one alone on an accelerator or if the work is short",
    )
    parser.add_argument("--backend", choices=BACKENDS, default=BACKENDS[0], help="where cells run")
    parser.add_argument(
        "--fresh", action="store_true", help="delete the stored results of the cells wanted here and run them all"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    group = parser.add_argument_group(f"configuration (defaults of preset {preset}; lists are separated by spaces)")
    hints, helps = get_type_hints(type(config)), field_help(type(config))
    for field in dataclasses.fields(config):
        flag, hint, default = f"--{field.name.replace('_', '-')}", hints[field.name], getattr(config, field.name)
        text = helps.get(field.name, " ")
        if get_origin(hint) is tuple:
            group.add_argument(flag, nargs="+", type=get_args(hint)[0], default=list(default), help=text)
        elif hint is bool:
            group.add_argument(flag, action=ActionYesNo(yes_prefix="", no_prefix="no-"), default=default, help=text)
        else:
            group.add_argument(flag, type=hint, default=default, help=text)
    return parser


def field_help(config_class: type) -> dict[str, str]:
    """The entries under "Attributes:" in the docstrings of a class and its bases, by field name."""
    helps: dict[str, str] = {}
    for base in reversed(config_class.__mro__):
        _, _, section = textwrap.dedent("    " + (base.__doc__ or "")).partition("Attributes:\n")
        section = textwrap.dedent(section.split("\n\n")[0])
        for entry in re.split(r"\n(?=\S)", section):
            name, colon, text = entry.partition(":")
            if colon and name.strip().isidentifier():
                helps[name.strip()] = " ".join(text.split())
    return helps


def _preset(experiment: Experiment[C], arguments: list[str]) -> str:
    """The preset asked for; it is needed before the parser, whose defaults it sets."""
    preset = experiment.default_preset
    for word, following in itertools.zip_longest(arguments, arguments[1:], fillvalue=""):
        if word == "--preset" or word.startswith("--preset="):
            preset = word.partition("=")[2] or following
    if preset not in experiment.presets:
        raise ValueError(f"--preset must be one of {', '.join(experiment.presets)}, got {preset!r}")
    return preset


def _program() -> str:
    """How this process was called, as a person would type it again."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is None:
        return f"python {sys.argv[0]}"
    return f"python -m {spec.name.removesuffix('.__main__')}"


def _dashed(word: str) -> str:
    """`--train_steps=3` as `--train-steps=3`; values are left alone."""
    name, equals, value = word.partition("=")
    return f"{name.replace('_', '-')}{equals}{value}" if word.startswith("--") else word


def _plain_error(message: str) -> str:
    """A message of the parser in one line, in the words of the command line."""
    line = " ".join(message.split())
    line = re.sub(r'Parser key "(\w+)"', lambda match: f"--{match[1].replace('_', '-')}", line)
    return re.sub(r"Expected an? (?:<class '(\w+)'>|typing\.(\S+\]))\.", lambda m: f"expected {m[1] or m[2]}.", line)
