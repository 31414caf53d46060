"""Files out of packages that deploy/test has fetched and not installed."""

import json
import sys
import tarfile
import zipfile
from pathlib import Path

FOLDER = Path(sys.prefix) / "carried"


def _package(pattern):
    [found] = FOLDER.glob(pattern)
    return found


def specification():
    """The examples of CommonMark's specification, which markdown-it-py's sources carry: {markdown, html, example, …}."""
    with tarfile.open(_package("markdown_it_py-*.tar.gz")) as archive:
        [name] = [name for name in archive.getnames() if name.endswith("/commonmark.json")]
        return json.load(archive.extractfile(name))


def axe():
    """The script of axe-core, which axe-playwright-python carries."""
    with zipfile.ZipFile(_package("axe_playwright_python-*.whl")) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/axe.min.js")]
        return archive.read(name).decode()
