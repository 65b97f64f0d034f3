"""Tables on detail pages and reports, drawn by one template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Column(NamedTuple):
    """A heading; numbers stand flush right."""

    label: str
    is_number: bool = False


def number(label: str) -> Column:
    """Head a column of numbers."""
    return Column(label, is_number=True)


@dataclass(kw_only=True)
class Table:
    """Rows under headings, with a link to those before and after them."""

    title: str
    columns: Sequence[Column | str]
    rows: Sequence[Sequence[Any]]
    footer: Sequence[Any] = ()
    hint: str = ""
    empty: str = "Nothing here."
    previous_url: str = ""
    next_url: str = ""
    css: str = ""

    @property
    def headings(self) -> list[Column]:
        return [column if isinstance(column, Column) else Column(column) for column in self.columns]

    @property
    def lines(self) -> list[list[tuple[Column, Any]]]:
        return [list(zip(self.headings, row, strict=True)) for row in self.rows]

    @property
    def last_line(self) -> list[tuple[Column, Any]]:
        return list(zip(self.headings, self.footer, strict=True)) if self.footer else []
