"""
Changing one part of a draft's document, and how two documents differ (pure).

A plan's rate cards are in its phases, an add-on's in the document itself: its phase is "".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

Document = dict[str, Any]
_KEYED: Final = {"phases": "phase", "rate_cards": "rate card"}


class Difference(NamedTuple):
    """One field that differs: where it is, and what it says on either side."""

    place: str
    before: str
    after: str


def find(document: Mapping[str, Any], name: str, key: str) -> Document | None:
    """Return the phase or rate card of that key."""
    return next((part for part in document.get(name) or () if part["key"] == key), None)


def cards_of(document: Mapping[str, Any], phase: str) -> Mapping[str, Any] | None:
    """Return what holds the rate cards of a phase; None if there is no such phase."""
    return find(document, "phases", phase) if phase else document


def path_of(document: Mapping[str, Any], phase: str, card: str) -> str:
    """
    Return the path by which problems name a rate card.

    >>> path_of({"phases": [{"key": "a", "rate_cards": [{"key": "b"}]}]}, "a", "b")
    'phases[0].rate_cards[0]'
    """
    held = cards_of(document, phase) or {}
    place = _place(held.get("rate_cards") or (), card)
    path = f"rate_cards[{place}]"
    return f"phases[{_place(document['phases'], phase)}].{path}" if phase else path


def with_card(document: Mapping[str, Any], phase: str, key: str, card: Document) -> Document:
    """Return the document with a rate card in the place of the one called ``key``, or added."""
    return _in_phase(document, phase, lambda cards: _put(cards, key, card))


def without_card(document: Mapping[str, Any], phase: str, key: str) -> Document:
    """Return the document without a rate card."""
    return _in_phase(document, phase, lambda cards: [c for c in cards if c["key"] != key])


def with_phase(
    document: Mapping[str, Any], key: str, phase: Document, position: int | None
) -> Document:
    """Return the document with a phase's own fields as they are now, at a position from 1."""
    known = find(document, "phases", key) or {"rate_cards": []}
    phases = _put(document.get("phases") or (), key, {**known, **phase})
    if position is not None:
        moved = next(part for part in phases if part["key"] == phase["key"])
        phases.remove(moved)
        phases.insert(max(position, 1) - 1, moved)
    return {**document, "phases": phases}


def without_phase(document: Mapping[str, Any], key: str) -> Document:
    """Return the document without a phase and its rate cards."""
    return {**document, "phases": [part for part in document["phases"] if part["key"] != key]}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """
    Return what differs, in the order of the documents; parts with a key are found by it.

    >>> found = differences({"name": "A", "phases": []},
    ...                     {"name": "B", "phases": [{"key": "p", "name": "P"}]})
    >>> [tuple(each) for each in found]
    [('name', 'A', 'B'), ('phase p, name', '', 'P')]
    """
    old, new = dict(_flat(before, "")), dict(_flat(after, ""))
    places = list(dict.fromkeys([*old, *new]))
    return [
        Difference(place, old.get(place, ""), new.get(place, ""))
        for place in places
        if old.get(place, "") != new.get(place, "")
    ]


def _flat(part: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            yield from _flat_field(name, value, place)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for number, inner in enumerate(part, 1):
            yield from _flat(inner, f"{place} {number}")
    elif part not in (None, ""):
        yield place, _shown(part)


def _flat_field(name: str, value: Any, place: str) -> Iterator[tuple[str, str]]:
    if name in _KEYED:
        for inner in value or ():
            yield from _flat(inner, _joined(place, f"{_KEYED[name]} {inner.get('key')}"))
    elif name != "id" and not (name == "key" and _is_keyed(place)):
        yield from _flat(value, _joined(place, name.replace("_", " ")))


def _is_keyed(place: str) -> bool:
    """Say whether the place names a part by its key, so that the key need not be told again."""
    return place.rpartition(", ")[2].startswith(tuple(f"{name} " for name in _KEYED.values()))


def _joined(place: str, name: str) -> str:
    return f"{place}, {name}" if place else name


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _in_phase(document: Mapping[str, Any], phase: str, changed: Any) -> Document:
    if not phase:
        return {**document, "rate_cards": changed(document.get("rate_cards") or ())}
    phases = [
        {**part, "rate_cards": changed(part.get("rate_cards") or ())}
        if part["key"] == phase
        else part
        for part in document["phases"]
    ]
    return {**document, "phases": phases}


def _put(parts: Sequence[Document], key: str, part: Document) -> list[Document]:
    if any(one["key"] == key for one in parts):
        return [part if one["key"] == key else one for one in parts]
    return [*parts, part]


def _place(parts: Sequence[Mapping[str, Any]], key: str) -> int:
    return next((place for place, part in enumerate(parts) if part["key"] == key), len(parts))
