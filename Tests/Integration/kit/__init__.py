"""What the integration tests share. Nothing here sleeps: it waits for a frame, a line, an exit, a row, each with a limit."""

import pathlib

TOP = pathlib.Path(__file__).resolve().parents[3]
"""The checkout."""
PAGES = TOP / "Sources" / "parley" / "Documentation.docc"
"""The pages of the documentation."""
