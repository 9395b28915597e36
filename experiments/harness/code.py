"""Which code a result comes from: a digest of every module that a cell can reach through imports.

Reports, figures and command lines are not reached, so a change of theirs makes no result old. Imports are read from the
sources, not from what happens to be loaded: the digest is the same in every process, whatever ran there before.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

OURS = ("languages", "mdmtheory", "experiments")
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]+)|import[ \t]+([\w., \t]+))", re.M
)
DOCSTRING = re.compile(r'"""[\s\S]*?"""')


@functools.cache
def code_digest(kind: type) -> str:
    """Digest of the modules that define a class and its bases, and of all that these import, near or far.

    Only modules of this project count, and those of the package that the class comes from. A process that has asked
    once keeps its answer: what it has loaded does not change when a file does.

    Args:
        kind: A class, such as that of a cell.
    """
    files = _reached(tuple(base.__module__ for base in kind.__mro__)).values()
    # Without names: run as a script, a module is called __main__.
    digests = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()[:16]


@functools.cache
def _reached(modules: tuple[str, ...]) -> dict[str, Path]:
    """Files of the modules reached from these, by name."""
    roots = {*OURS, *(name.partition(".")[0] for name in modules)} - sys.stdlib_module_names
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        file = None if name in found or name.partition(".")[0] not in roots else _file(name)
        if file is not None:
            found[name] = file
            waiting += _imported(name, file)
    return found


def _imported(module: str, file: Path) -> Iterator[str]:
    """Modules that a module imports anywhere in it; of a package, those that its names come from."""
    for source, names in _statements(module, file):
        for name in names or ("",):
            yield _home(source, name)


def _home(package: str, name: str) -> str:
    """The module in which a name of a package is defined."""
    if not name or name == "*":
        return package
    if _file(f"{package}.{name}") is not None:
        return f"{package}.{name}"
    file = _file(package)
    if file is not None and file.name == "__init__.py":
        for source, names in _statements(package, file):
            if name in names and source != package:
                return _home(source, names[name])
    return package


@functools.cache
def _statements(module: str, file: Path) -> tuple[tuple[str, dict[str, str]], ...]:
    """Import statements of a file: the module, and names of it by what they are called here."""
    found: list[tuple[str, dict[str, str]]] = []
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for source, taken, plain in IMPORT.findall(DOCSTRING.sub("", file.read_text(encoding="utf-8"))):
        if source:
            words = [line.partition("#")[0] for line in taken.strip(" ()").splitlines()]
            pairs = [part.split() for part in ",".join(words).split(",") if part.strip(" ()")]
            above = len(source) - len(source.lstrip("."))
            base = ".".join(package.split(".")[: len(package.split(".")) - above + 1]) if above else ""
            found.append((".".join(filter(None, (base, source.lstrip(".")))), {pair[-1]: pair[0] for pair in pairs}))
        found += [(part.split()[0], {}) for part in plain.split(",") if part.split()]
    return tuple(found)


@functools.cache
def _file(module: str) -> Path | None:
    """Where the source of a module lies; nothing is imported for it but what is already."""
    root, *parts = module.split(".")
    own = getattr(sys.modules.get(root), "__file__", None)
    if root not in sys.modules and (spec := importlib.util.find_spec(root)) is not None:
        own = spec.origin
    if own is None or not own.endswith(".py"):
        return None
    if Path(own).name != "__init__.py":  # a script, or a module beside it
        return None if parts else Path(own)
    place = Path(own).parent.joinpath(*parts)
    return next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.exists()), None)
