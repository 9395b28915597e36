"""The command line of an experiment: one preset, every field of the configuration as a flag, clear errors."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import re
import shlex
import signal
import sys
import textwrap
import traceback
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from experiments.harness.config import ExperimentConfig
from experiments.harness.report import list_files
from experiments.harness.runner import BACKENDS, WorkerDied
from experiments.harness.signals import Ended, ending_like_ctrl_c
from languages.suggestions import unknown

if TYPE_CHECKING:
    from experiments.harness.experiment import Experiment

C = TypeVar("C", bound=ExperimentConfig)


def main(experiment: Experiment[C], argv: Sequence[str] | None = None, *, program: str | None = None) -> int:
    """Run an experiment as a command and return its exit code.

    Lists take values separated by spaces, `--languages 2-gram hmm:states=4,prune=0.05`, for a specification may
    hold commas itself. An underscore in a flag may be written as a dash.

    Args:
        experiment: What to run.
        argv: Arguments without the program's name; None for those of the process.
        program: How it was called; None to find out.

    Returns:
        0; 1 if a cell failed (the others are kept), a file could not be written, or the results violate what ought to
        be true; 2 for arguments that cannot work; 130 after Ctrl-C, 143 after SIGTERM and 129 after SIGHUP.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    program = program or _program()
    try:
        with ending_like_ctrl_c():
            return _run(experiment, arguments, program)
    except KeyboardInterrupt as end:
        # Without --fresh, which would throw away what is finished.
        command = f"{program} {shlex.join(word for word in arguments if word != '--fresh')}"
        why = f"ended by {end}" if isinstance(end, Ended) else "interrupted"
        with contextlib.suppress(OSError):  # the terminal may be gone
            print(f"{why}: finished cells are kept, go on from there with: {command}", file=sys.stderr)
        return 128 + (end.number if isinstance(end, Ended) else signal.SIGINT)
    except (ValueError, OSError, WorkerDied) as error:
        if "--debug" in arguments:
            traceback.print_exc()
        print(f"error: {_as_typed(str(error), experiment)}", file=sys.stderr)
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
    given = {field.name: flags[field.name] for field in dataclasses.fields(config)}
    changes: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    config = experiment.fitted(dataclasses.replace(config, **changes))
    if not flags["out"].strip():
        raise ValueError("--out must name a folder, got ''")
    out = Path(flags["out"])
    how = {"jobs": flags["jobs"], "fresh": flags["fresh"], "trust_old": flags["trust_old_cells"]}
    if flags["dry_run"]:
        print(experiment.plan(config, out, **how))
        return 0
    results = experiment.run(config, out, backend=flags["backend"], **how)
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
    for cell in results.skipped:
        print(f"{cell.label}: {cell.error}", file=sys.stderr)
    for line in (*results.violations, *(f"error: {reason}" for reason in results.unwritten)):
        print(line, file=sys.stderr)
    return 1 if results.failures or results.violations or results.unwritten else 0


class Parser(argparse.ArgumentParser):
    """A parser whose errors are exceptions, so that `main` prints all errors alike."""

    def error(self, message: str) -> NoReturn:
        """Refuse arguments.

        Raises:
            ValueError: Always, with the parser's message.
        """
        message = message.removeprefix("argument ").removeprefix("unrecognized arguments: ")
        word = message.split()[0].partition("=")[0]
        flags = sorted(self._option_string_actions)
        if word.startswith("--") and not word.endswith(":") and word not in flags:
            message = unknown(word, flags)
        raise ValueError(f"{message} (see --help)")


def build_parser(experiment: Experiment[C], preset: str, program: str) -> Parser:
    """The parser of an experiment, with the fields of one preset as defaults."""
    config = experiment.presets[preset]
    parser = Parser(prog=program, description=experiment.description, allow_abbrev=False)
    add = parser.add_argument
    add(
        "--preset",
        choices=list(experiment.presets),
        default=preset,
        help="configuration to start from; the flags below override it",
    )
    add(
        "--out",
        default=f"results/{experiment.name}/{preset}",
        help="results folder; finished cells found there are not run again (default: %(default)s)",
    )
    add("--dry-run", action="store_true", help="print the cells with their time and memory, and write nothing")
    jobs = "cells that run at once; null: one per core, but one alone on an accelerator or if the work is short"
    add("--jobs", type=_reader(int | None), help=jobs)
    add("--backend", choices=BACKENDS, default=BACKENDS[0], help="where cells run (default: %(default)s)")
    add("--fresh", action="store_true", help="delete the stored results of the cells wanted here and run them all")
    trust = "reuse stored cells that other code made than there is now; they run again otherwise"
    add("--trust-old-cells", action="store_true", help=trust)
    add("--debug", action="store_true", help="show the traceback of an error")
    group = parser.add_argument_group(f"configuration (defaults of preset {preset}; lists are separated by spaces)")
    hints, helps = get_type_hints(type(config)), field_help(type(config))
    for field in dataclasses.fields(config):
        flag, hint, default = f"--{field.name.replace('_', '-')}", hints[field.name], getattr(config, field.name)
        options: dict[str, Any] = {"default": list(default) if isinstance(default, tuple) else default}
        shown = "null" if default is None else " ".join(map(str, default)) if isinstance(default, tuple) else default
        options["help"] = f"{helps.get(field.name, '')} (default: {shown})".replace("%", "%%")
        if hint is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            several = get_origin(hint) is tuple
            one = get_args(hint)[0] if several else hint
            options.update({"nargs": "+"} if several else {}, type=_reader(one))
            options.update({"choices": get_args(one)} if get_origin(one) is Literal else {})
            options.setdefault("metavar", None if "choices" in options else options["type"].__name__.upper())
        group.add_argument(flag, **options)
    return parser


def _as_typed(message: str, experiment: Experiment[C]) -> str:
    """The first line of an error, with the flag that was typed in the place of the field that it sets."""
    first, *more = message.splitlines()
    names = {field.name for preset in experiment.presets.values() for field in dataclasses.fields(preset)}
    word, *_ = re.split(r"\W", first, maxsplit=1)
    if word in {*names, "jobs", "backend"}:
        first = f"--{word.replace('_', '-')}{first.removeprefix(word)}"
    return " ".join(first.split()) + (" (--debug says more)" if more else "")


def _reader(hint: Any) -> Callable[[str], Any]:
    """What reads one value of a type: str, int, float, a Literal of strings, or one of them or null."""
    if get_origin(hint) is Literal:
        return str
    if not isinstance(hint, types.UnionType):
        return hint
    (kind,) = (part for part in get_args(hint) if part is not type(None))

    def read(word: str) -> Any:
        return None if word in ("null", "none", "None") else kind(word)

    read.__name__ = kind.__name__  # argparse names it in its errors
    return read


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
