"""Budget: what costs too much is refused with its cost and what would do instead."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from languages.budget import MOST_OPERATIONS, check_budget, free_bytes, largest


def test_what_costs_too_much_is_refused():
    check_budget("work of size=3", "take less", operations=MOST_OPERATIONS, memory=8)
    with pytest.raises(ValueError, match=r"^work of size=3 takes 4e\+11 operations, more than 3e\+11; take less$"):
        check_budget("work of size=3", "take less", operations=4e11)
    with pytest.raises(ValueError, match=r"size=3 takes 11 operations, more than 10; take less"):
        check_budget("work of size=3", "take less", operations=11, most=10)
    with (
        mock.patch("languages.budget.free_bytes", return_value=2**30),
        pytest.raises(ValueError, match=r"size=3 needs 2 GiB, and 1 GiB are free on cpu; take less"),
    ):
        check_budget("work of size=3", "take less", memory=2**31)


def test_free_memory_is_positive():
    assert free_bytes() > 0


def test_files_that_were_read_leave_their_memory_to_others(tmp_path, monkeypatch):
    """A group of a million bytes, nine tenths of them files that nobody reads any more."""
    monkeypatch.setattr("languages.budget.GROUP", tmp_path)
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("990000\n")
    (tmp_path / "memory.stat").write_text("anon 50000\nfile 940000\nactive_file 40000\ninactive_file 900000\n")
    assert free_bytes() == 910_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes() > 10**6  # no limit


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_the_largest_affordable_size(last, more):
    assert largest(lambda size: size <= last, last + more) == last
