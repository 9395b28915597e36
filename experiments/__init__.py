"""One folder per table or figure; `python -m experiments.NAME --preset smoke|demo|paper` runs it."""

import importlib.util as _util
from pathlib import Path as _Path

for _name in ("languages", "mdmtheory"):
    # A folder of that name where Python is started comes before what is installed.
    _found = _util.find_spec(_name)
    if _found is not None and (
        _found.origin is None or _Path(_found.origin).resolve().parents[1] != _Path(__file__).resolve().parents[1]
    ):
        _where = _found.origin or ", ".join(_found.submodule_search_locations or ())
        raise ImportError(
            f"another package called {_name!r} hides ours: {_where}; start from another folder, or rename it"
        )
