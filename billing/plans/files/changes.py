"""What an import does, or would do: changes, with what was and what will be (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What becomes of something."""

    CREATE = "create"
    CHANGE = "change"
    PUBLISH = "publish"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field's value, before and after."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is made, changed, published or archived."""

    action: Action
    kind: str  # meter, plan, …
    key: str
    fields: tuple[FieldChange, ...] = ()


def differences(before: Any, after: Any, path: str = "") -> Iterator[FieldChange]:
    """
    Yield each field in which two documents differ.

    >>> old, new = {"name": "A", "tiers": [1, 2]}, {"name": "B", "tiers": [1, 3]}
    >>> [(change.field, change.before, change.after) for change in differences(old, new)]
    [('name', 'A', 'B'), ('tiers[1]', 2, 3)]
    """
    if before == after and type(before) is type(after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from differences(
                before.get(name), after.get(name), f"{path}.{name}" if path else name
            )
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{path}[{place}]")
    elif before != after:
        yield FieldChange(field=path, before=before, after=after)
