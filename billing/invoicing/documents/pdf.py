"""
PDF by typst, in process: no network, no system fonts, and text of users stays text.

A document is PDF/A-3b, which may carry an e-invoice and may be kept for ever. That standard refuses
letters no font has; then the document is set once more as plain PDF, with a box for the letter, and
says so.
"""

from __future__ import annotations

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

from billing.invoicing.documents import logos
from billing.invoicing.documents.account import PrintedStatement, present_account
from billing.invoicing.documents.presenting import present
from billing.invoicing.documents.printable import Printable
from billing.invoicing.documents.receipt import PrintedReceipt, present_receipt
from billing.invoicing.documents.wording import wording

TEMPLATE: Final = "invoice-2"  # raised when the look of documents changes
TEMPLATES: Final = Path(__file__).parent / "templates"
_ARCHIVED: Final = "a-3b"
_MISSING: Final = "could not be displayed"
_UNREADABLE: Final = ("image", "SVG", "decode")
_GLYPH_MISSING: Final = "glyph_missing"
_INSTALL: Final = (
    "install the fonts of its script: the extra cjk or scripts, or a fontpkg-noto-sans-… package"
)
_DRAW: Final = "save the logo as PNG, JPEG or SVG once more"
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_SHORT_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{3}")
_USUAL_COLOUR: Final = "#1f4f8f"
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
        return all(problem["code"] != _GLYPH_MISSING for problem in self.problems)


def render(
    printable: Printable, *, brand: Mapping[str, Any], language: str = "", at: datetime
) -> Rendered:
    """
    Set a document in its language, or another.

    The same content at the same instant gives the same bytes. A logo that is no picture is left
    out, and said.
    """
    said = present(printable, wording(language or printable.language))
    return set_in_type(said, template="invoice", brand=brand, at=at)


def render_account(
    printed: PrintedStatement, *, brand: Mapping[str, Any], language: str, at: datetime
) -> Rendered:
    """Set a statement of account in a language."""
    said = present_account(printed, wording(language))
    return set_in_type(said, template="statement", brand=brand, at=at)


def render_receipt(
    printed: PrintedReceipt, *, brand: Mapping[str, Any], language: str, at: datetime
) -> Rendered:
    """Set a receipt for credit in a language."""
    said = present_receipt(printed, wording(language))
    return set_in_type(said, template="receipt", brand=brand, at=at)


def set_in_type(
    said: Mapping[str, Any], *, template: str, brand: Mapping[str, Any], at: datetime
) -> Rendered:
    """Set what a template shows; a logo or a letter that cannot be is left out, and said."""
    data = _data(said, brand)
    standards = [_ARCHIVED]
    problems: list[dict[str, str]] = []
    while True:
        try:
            return Rendered(_compile(template, data, at, standards), tuple(problems))
        except typst.TypstError as error:
            told = f"{error.message} {error.diagnostic}"
            if standards and _MISSING in told:
                standards = []
                problems.append(_problem(_GLYPH_MISSING, error.message, _INSTALL))
            elif data["brand"]["logo"] is not None and any(word in told for word in _UNREADABLE):
                data["brand"]["logo"] = None
                problems.append(_problem("logo_unreadable", error.message, _DRAW))
            else:
                raise


def _problem(code: str, detail: str, remedy: str) -> dict[str, str]:
    return {"code": code, "detail": detail, "remedy": remedy}


def picture(
    printable: Printable, *, brand: Mapping[str, Any], language: str = "", resolution: float = 144
) -> list[bytes]:
    """Return the pages of a document as PNG."""
    said = present(printable, wording(language or printable.language))
    return _pictured(said, "invoice", brand, resolution)


def picture_account(
    printed: PrintedStatement, *, brand: Mapping[str, Any], language: str, resolution: float = 144
) -> list[bytes]:
    """Return the pages of a statement of account as PNG."""
    said = present_account(printed, wording(language))
    return _pictured(said, "statement", brand, resolution)


def _pictured(
    said: Mapping[str, Any], template: str, brand: Mapping[str, Any], resolution: float
) -> list[bytes]:
    inputs = {"data": json.dumps(_data(said, brand), ensure_ascii=False)}
    pages = _compiler(template).compile(format="png", ppi=resolution, sys_inputs=inputs)
    assert pages is not None, "no file was asked for"
    return [pages] if isinstance(pages, bytes) else pages


def _data(said: Mapping[str, Any], brand: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that a template shows."""
    return {**said, "brand": _brand(brand), "fonts": list(_fonts().families)}


def _compile(template: str, data: dict[str, Any], at: datetime, standards: list[Any]) -> bytes:
    made = _compiler(template).compile(
        format="pdf",
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        pdf_standards=standards,
        timestamp=at.astimezone(UTC).replace(microsecond=0),
    )
    assert isinstance(made, bytes), "a PDF is one file"
    return made


def _compiler(template: str) -> typst.Compiler:
    """Return this thread's compiler of a template: it keeps its fonts and what it has read."""
    held: dict[str, typst.Compiler] = _local.__dict__.setdefault("compilers", {})
    if template not in held:
        nothing = _nowhere()
        held[template] = typst.Compiler(
            input=TEMPLATES / f"{template}.typ",
            root=TEMPLATES,
            font_paths=_fonts().fonts,
            ignore_system_fonts=True,
            package_path=nothing,
            package_cache_path=nothing,
        )
    return held[template]


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
    if _SHORT_COLOUR.fullmatch(colour):
        colour = "#" + "".join(digit * 2 for digit in colour[1:])
    logo = logos.read(str(brand.get("logo") or ""))
    return {
        "colour": colour if _COLOUR.fullmatch(colour) else _USUAL_COLOUR,
        "logo": list(logo) if logo else None,
        "footer": str(brand.get("footer") or "")[:_LONGEST_FOOTER],
    }
