"""Files that documents must look like; ``MB_GOLDEN=write`` writes them anew, to be looked at."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parents[4] / "fixtures" / "golden" / "invoices"


def agrees(name: str, content: bytes) -> bool:
    """Tell whether a file is as it was when somebody last looked at it."""
    held = FOLDER / name
    if os.environ.get("MB_GOLDEN") == "write":
        held.parent.mkdir(parents=True, exist_ok=True)
        held.write_bytes(content)
    return held.read_bytes() == content
