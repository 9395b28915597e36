"""Pages that code and pages point to are there, sections and files included."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("languages", "mdmtheory", "experiments", "tests", "docs")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".md")
]


def test_pages_named_in_code_are_there():
    missing = []
    for path in [ROOT / "README.md", *SOURCES]:
        text = path.read_text(encoding="utf-8")
        missing += [f"{path}: {page}" for page in re.findall(r"\bdocs/[\w/]+\.(?:md|png)", text)
                    if not (ROOT / page).exists()]  # fmt: skip
    assert not missing


def test_sections_of_the_theory_are_there():
    sections = set(re.findall(r"^## (\d+)\.", (ROOT / "docs/theory.md").read_text(encoding="utf-8"), re.MULTILINE))
    named = {number for path in SOURCES for number in re.findall(r"docs/theory\.md §(\d+)", path.read_text("utf-8"))}
    assert named
    assert named <= sections


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_no_page_is_an_orphan():
    """Every page of docs/ is linked from the README or from another page."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    linked = {
        (page.parent / link).resolve()
        for page in pages
        for link in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    }
    assert not [page.name for page in pages[1:] if page.resolve() not in linked]
