"""
PDF by typst, in process: no network, no system fonts, and text of users stays text.

A document is PDF/A-3b, which may carry an e-invoice and may be kept for ever. That standard refuses
letters no font has; then the document is set once more as plain PDF, with a box for the letter, and
says so.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import typst

from billing.invoicing.documents.presenting import present
from billing.invoicing.documents.printable import Printable
from billing.invoicing.documents.wording import wording

TEMPLATE: Final = "invoice-1"  # raised when the look of documents changes
TEMPLATES: Final = Path(__file__).parent / "templates"
_ARCHIVED: Final = "a-3b"
_MISSING_GLYPH: Final = "could not be displayed"
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_USUAL_COLOUR: Final = "#1f4f8f"
_PICTURES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")  # PNG, JPEG
_LARGEST_LOGO: Final = 512 * 1024
_LONGEST_FOOTER: Final = 300
# Packages that bring a font each; what is installed is used, the first that has a letter sets it.
_FONTS: Final = (
    "fontpkg_noto_sans",
    "fontpkg_noto_sans_arabic",
    "fontpkg_noto_sans_devanagari",
    "fontpkg_noto_sans_thai",
    "fontpkg_noto_sans_tamil",
    "fontpkg_noto_sans_telugu",
    "fontpkg_noto_sans_khmer",
    "cvttf_NotoSansCJK_Regular",
)
_FIRST: Final = "Noto Sans"
_local: Final = threading.local()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A file, and what a reader should know of it."""

    content: bytes
    problems: tuple[dict[str, str], ...] = ()

    @property
    def is_archived(self) -> bool:
        """Tell whether the file keeps the standard for archives."""
        return not self.problems


def render(
    printable: Printable, *, brand: Mapping[str, Any], language: str = "", at: datetime
) -> Rendered:
    """
    Set a document in its language, or another.

    The same content at the same instant gives the same bytes.
    """
    data = present(printable, wording(language or printable.language))
    data |= {"brand": _brand(brand), "fonts": list(_fonts().families)}
    inputs = {"data": json.dumps(data, ensure_ascii=False)}
    try:
        return Rendered(_compile(inputs, at, [_ARCHIVED]))
    except typst.TypstError as error:
        if _MISSING_GLYPH not in f"{error.message} {error.diagnostic}":
            raise
        remedy = "install the fonts of its script: the extra cjk, or a fontpkg-noto-sans-… package"
        problem = {"code": "glyph_missing", "detail": error.message, "remedy": remedy}
        return Rendered(_compile(inputs, at, []), (problem,))


def picture(
    printable: Printable, *, brand: Mapping[str, Any], language: str = "", resolution: float = 144
) -> list[bytes]:
    """Return the pages of a document as PNG."""
    data = present(printable, wording(language or printable.language))
    data |= {"brand": _brand(brand), "fonts": list(_fonts().families)}
    pages = _compiler().compile(
        format="png", ppi=resolution, sys_inputs={"data": json.dumps(data, ensure_ascii=False)}
    )
    assert pages is not None, "no file was asked for"
    return [pages] if isinstance(pages, bytes) else pages


def _compile(inputs: dict[str, str], at: datetime, standards: list[Any]) -> bytes:
    made = _compiler().compile(
        format="pdf",
        sys_inputs=inputs,
        pdf_standards=standards,
        timestamp=at.astimezone(UTC).replace(microsecond=0),
    )
    assert isinstance(made, bytes), "a PDF is one file"
    return made


def _compiler() -> typst.Compiler:
    """Return the compiler of this thread: it keeps its fonts and templates."""
    held: typst.Compiler | None = getattr(_local, "compiler", None)
    if held is None:
        nothing = _nowhere()
        held = _local.compiler = typst.Compiler(
            input=TEMPLATES / "invoice.typ",
            root=TEMPLATES,
            font_paths=_fonts().fonts,
            ignore_system_fonts=True,
            package_path=nothing,
            package_cache_path=nothing,
        )
    return held


@dataclass(frozen=True, slots=True)
class _Fonts:
    fonts: typst.Fonts
    families: tuple[str, ...]


@lru_cache(maxsize=1)
def _fonts() -> _Fonts:
    """Find the fonts of installed packages; text is set in the first that has its letters."""
    folders = [place for name in _FONTS if (place := _folder(name)) is not None]
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=folders
    )
    families = fonts.families()
    return _Fonts(fonts, (_FIRST, *(family for family in families if family != _FIRST)))


def _folder(package: str) -> Path | None:
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


@lru_cache(maxsize=1)
def _nowhere() -> Path:
    """Return an empty folder in which packages are looked for: templates import none."""
    return Path(tempfile.mkdtemp(prefix="meterbook-typst-"))


def _brand(brand: Mapping[str, Any]) -> dict[str, Any]:
    """Read how a book's documents look; what cannot be used is left out."""
    colour = str(brand.get("colour") or "")
    logo = _logo(str(brand.get("logo") or ""))
    return {
        "colour": colour if _COLOUR.fullmatch(colour) else _USUAL_COLOUR,
        "logo": list(logo) if logo else None,
        "footer": str(brand.get("footer") or "")[:_LONGEST_FOOTER],
    }


def _logo(encoded: str) -> bytes:
    try:
        picture = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return b""
    is_known = picture.startswith(_PICTURES) and len(picture) <= _LARGEST_LOGO
    return picture if is_known else b""
