"""A form field of rows: tiers, rates, filters. Blank rows are left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms

_MOST_ROWS: Final = 1000  # read from a form
_NEW: Final = "__new__"  # the row that the page copies


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of inputs; ``shown_for`` names the choices it belongs to, none for all."""

    name: str
    label: str
    choices: Sequence[tuple[str, str]] = ()
    shown_for: str = ""
    is_number: bool = False
    placeholder: str = ""


class RowsWidget(forms.Widget):
    """A table of inputs; the page's script adds and removes rows."""

    template_name = "admin/billing/rows.html"

    def __init__(self, columns: Sequence[Column], *, spare: int = 2, add: str = "Add") -> None:
        super().__init__()
        self.columns, self.spare, self.add = list(columns), spare, add
        self.problems: dict[tuple[int, str], list[str]] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> RowsWidget:
        copied: RowsWidget = super().__deepcopy__(memo)
        copied.columns, copied.problems = list(self.columns), {}
        return copied

    def value_from_datadict(
        self, data: Mapping[str, Any], files: Any, name: str
    ) -> list[dict[str, str]]:
        form = re.compile(rf"{re.escape(name)}-([0-9]{{1,6}})-([a-z0-9_]+)")
        found: dict[int, dict[str, str]] = {}
        for key, value in data.items():
            if match := form.fullmatch(key):
                found.setdefault(int(match[1]), {})[match[2]] = str(value).strip()
        filled = [found[place] for place in sorted(found) if self._is_filled(found[place])]
        return filled[:_MOST_ROWS]

    def _is_filled(self, row: Mapping[str, str]) -> bool:
        chosen = {column.name for column in self.columns if column.choices}
        return any(value for name, value in row.items() if name not in chosen)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        rows = [*(value or ()), *({} for _ in range(self.spare))]
        context |= {
            "columns": self.columns,
            "rows": [self._cells(name, str(place), row) for place, row in enumerate(rows)],
            "new_row": self._cells(name, _NEW, {}),
            "add": self.add,
        }
        return context

    def _cells(self, name: str, place: str, row: Mapping[str, str]) -> list[dict[str, Any]]:
        number = int(place) if place != _NEW else -1
        return [
            {
                "column": column,
                "name": f"{name}-{place}-{column.name}",
                "value": row.get(column.name, ""),
                "problems": self.problems.get((number, column.name), []),
            }
            for column in self.columns
        ]

    class Media:
        css = {"all": ["billing/admin.css"]}
        js = ["billing/rows.js"]


class RowsField(forms.Field):
    """Rows of texts, as a list of dicts."""

    widget: RowsWidget

    def __init__(
        self, *columns: Column, spare: int = 2, add: str = "Add a row", **kwargs: Any
    ) -> None:
        widget = RowsWidget(columns, spare=spare, add=add)
        super().__init__(**{"required": False, "widget": widget, **kwargs})

    def clean(self, value: Any) -> list[dict[str, str]]:
        return list(value or ())

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or ()) != list(data or ())
