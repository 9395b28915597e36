import pytest

from planted import ROOMS, Fault, faults
from planted.__main__ import main

ALL = [fault for planted in faults().values() for fault in planted]


def test_every_planted_error_still_fits_the_code():
    """Its line stands in its file once, what replaces it means something else, and its tests are there."""
    for fault in ALL:
        fault.planted()
        assert not fault.missing_tests(), fault.name


def test_names_tell_errors_apart():
    assert len({fault.name for fault in ALL}) == len(ALL)
    assert tuple(faults()) == ROOMS


def test_a_fault_that_fits_nowhere_or_changes_nothing_is_refused(tmp_path):
    (tmp_path / "half.py").write_text("half = 1 / 2\nother = 1\n")
    with pytest.raises(ValueError, match="0 places of half"):
        Fault("gone", "half.py", "1 / 3", "1 / 4", "").planted(tmp_path)
    with pytest.raises(ValueError, match="2 places"):
        Fault("twice", "half.py", "= 1", "= 2", "").planted(tmp_path)
    with pytest.raises(ValueError, match="means what the right one means"):
        Fault("same", "half.py", "1 / 2", "(1 / 2)", "").planted(tmp_path)


def test_the_command_tells_a_noticed_error_from_one_that_stays_green(tmp_path, monkeypatch, capsys):
    from planted import __main__ as command

    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "half.py").write_text("HALF = 1 / 2\nTHIRD = 1 / 3\n")
    (tmp_path / "tests" / "test_half.py").write_text(
        "from tests.half import HALF\n\n\ndef test_half():\n    assert HALF == 0.5\n"
    )
    planted = (
        Fault("half is two", "tests/half.py", "1 / 2", "2 / 1", "tests/test_half.py"),
        Fault("a third is three", "tests/half.py", "1 / 3", "3 / 1", "tests/test_half.py"),
    )
    monkeypatch.setattr(command, "CHECKOUT", tmp_path)
    monkeypatch.setattr(command, "COPIED", ("tests", "pyproject.toml"))
    monkeypatch.setattr(command, "faults", lambda rooms: {"exact": planted})
    assert main(["exact"]) == 1
    printed = capsys.readouterr().out
    assert "half is two: red" in printed
    assert "1 of 2 planted errors turned a test red\nexact: a third is three: green" in printed
    assert main(["exact", "--only", "half"]) == 0
    assert main(["--list"]) == 0
    assert "exact: half is two  [tests/test_half.py]" in capsys.readouterr().out
