"""The documentation against the program, and against itself."""

import json
import re

import pytest

from kit import PAGES, TOP

DEV = True
SETTINGS = {"TOKEN_PACE_MS": 0}

TEXTS = [TOP / "README.md", *sorted(PAGES.glob("*.md")), *sorted((TOP / "deploy").rglob("*.md"))]


def prose(path):
    """Without blocks of code, in which brackets are no links."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)


def anchors(path):
    for title in re.findall(r"^#+ (.+)$", prose(path), re.M):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(TOP)))
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        assert other.exists() and other.is_relative_to(TOP), f"{target} leads nowhere, or out of the checkout"
        assert not anchor or anchor in anchors(other), f"{target} has no such heading"


def test_every_page_can_be_found():
    names = {path.name for path in PAGES.glob("*.md")} - {"Documentation.md"}
    assert {name for name in names if f"]({name})" not in (PAGES / "Documentation.md").read_text()} == set()
    readme = (TOP / "README.md").read_text()
    assert {name for name in names if f"Documentation.docc/{name})" not in readme} == set()


def test_the_readme_is_short():
    assert len((TOP / "README.md").read_text().splitlines()) <= 150


def test_files_that_are_named_exist():
    """Contributing names the files that are opened for each kind of change."""
    for name in re.findall(r"`((?:Sources|Tests|deploy|public)/[\w/+.-]+)`", prose(PAGES / "Contributing.md")):
        assert (TOP / name).exists(), name


def test_the_codes_are_those_of_the_program(gateway):
    schemas = json.loads(gateway.get("/openapi.json")[2])["components"]["schemas"]
    codes = schemas["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    [section] = re.findall(r"^## 6\. Errors$(.*?)(?=^## |\Z)", (PAGES / "Protocol.md").read_text(), re.M | re.S)
    told = [code for line in section.splitlines() if line.startswith("| `")
            for code in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(told) == sorted(codes)


def test_every_route_is_told(gateway):
    page = (PAGES / "HTTP-API.md").read_text() + (PAGES / "Protocol.md").read_text()
    paths = json.loads(gateway.get("/openapi.json")[2])["paths"]
    assert [path for path in paths if path not in page] == []
