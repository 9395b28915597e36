from __future__ import annotations

import ast
import dataclasses
import pathlib

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Fault:
    """One error of a few lines, and the tests that must turn red where it is planted.

    Attributes:
        name: What goes wrong, in words.
        file: File of the checkout that is changed.
        right: Text that stands in the file exactly once.
        wrong: What is put in its place.
        tests: Arguments of pytest: the files or single tests that must notice.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: str

    def planted(self, root: pathlib.Path = CHECKOUT) -> str:
        """Source of the file with the error in it."""
        source = (root / self.file).read_text()
        if source.count(self.right) != 1:
            raise ValueError(
                f"{self.name}: {source.count(self.right)} places of {self.file} read {self.right!r}, not 1"
            )
        changed = source.replace(self.right, self.wrong)
        if ast.dump(ast.parse(changed)) == ast.dump(ast.parse(source)):
            raise ValueError(f"{self.name}: the planted line means what the right one means: {self.wrong!r}")
        return changed

    def missing_tests(self, root: pathlib.Path = CHECKOUT) -> list[str]:
        """Named tests that are not there."""
        missing = []
        for test in self.tests.split():
            path, _, function = test.partition("::")
            file = root / path
            if not file.exists() or (function and f"def {function.split('[')[0]}(" not in file.read_text()):
                missing.append(test)
        return missing
