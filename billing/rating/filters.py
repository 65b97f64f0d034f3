"""
Which usage a feature is about: conditions on the values of a meter's dimensions (pure).

A document names dimensions and one condition for each, all of which must hold:
``{"model": {"in": ["gpt-5", "gpt-5-mini"]}, "region": {"neq": "eu"}}``. Conditions are exists, eq,
neq, in, nin, contains, ncontains, and those of and and or, which nest. Usage without a value
is unequal to every value and contains none.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from billing.rating.problems import Problem

Labels = tuple[str | None, ...]  # values of a meter's dimensions, in the meter's order
Condition = Callable[[str | None], bool]

MOST_DIMENSIONS: Final = 10
_MOST_VALUES: Final = 100
_MOST_NESTED: Final = 10
_DEEPEST: Final = 4
_LONGEST: Final = 1000
_KEPT: Final = 65_536  # combinations remembered; labels come from outside and have no end


class Filter:
    """
    Conditions, ready to be asked; the answer for labels seen before is a look-up.

    >>> both = Filter({"model": {"contains": "gpt"}, "region": {"neq": "eu"}}, ["model", "region"])
    >>> both.fits(("gpt-5", None)), both.fits(("gpt-5", "eu")), both.fits((None, "us"))
    (True, False, False)
    """

    __slots__ = ("_answers", "_conditions", "dimensions")

    def __init__(self, document: Mapping[str, Any], dimensions: Sequence[str]) -> None:
        """``dimensions`` are the meter's, in the order of its labels; the document is valid."""
        places = {name: place for place, name in enumerate(dimensions)}
        self.dimensions = len(document)  # how many it looks at
        self._conditions = [(places[name], _compiled(held)) for name, held in document.items()]
        self._answers: dict[Labels, bool] = {}

    def fits(self, labels: Labels) -> bool:
        """Say whether usage with these labels is meant."""
        answer = self._answers.get(labels)
        if answer is None:
            if len(self._answers) >= _KEPT:
                self._answers = {}
            answer = all(condition(labels[place]) for place, condition in self._conditions)
            self._answers[labels] = answer
        return answer


def compiled(document: Mapping[str, Any], dimensions: Sequence[str]) -> Filter | None:
    """Return a valid document ready to be asked; None if it lets everything pass."""
    return Filter(document, dimensions) if document else None


def problems(
    document: object, *, dimensions: Collection[str], field: str = "filters"
) -> list[Problem]:
    """
    Return every problem of a document; none if a ``Filter`` can be made of it.

    >>> [found] = problems({"modle": {"eq": "gpt-5"}}, dimensions=["model"])
    >>> found.code, found.field
    ('unknown_dimension', 'filters.modle')
    """
    if not isinstance(document, Mapping):
        return [Problem("not_an_object", field, "Send dimensions and a condition for each.")]
    found = []
    if len(document) > MOST_DIMENSIONS:
        message = f"Name at most {MOST_DIMENSIONS} dimensions."
        found.append(Problem("too_many", field, message, {"count": len(document)}))
    for name, condition in document.items():
        path = f"{field}.{str(name)[:80]}"
        if name not in dimensions:
            shown = ", ".join(sorted(dimensions)) or "none"
            message = f"The meter has no such dimension; it has {shown}."
            found.append(Problem("unknown_dimension", path, message))
        found += _problems(condition, path, _DEEPEST)
    return found


def _compiled(document: Mapping[str, Any]) -> Condition:
    [(name, given)] = document.items()
    return _CONDITIONS[name](given)


def _exists(given: bool) -> Condition:
    return lambda value: (value is not None) is given


def _eq(given: str) -> Condition:
    return lambda value: value == given


def _neq(given: str) -> Condition:
    return lambda value: value != given


def _in(given: Sequence[str]) -> Condition:
    values = frozenset(given)
    return lambda value: value in values


def _nin(given: Sequence[str]) -> Condition:
    values = frozenset(given)
    return lambda value: value not in values


def _contains(given: str) -> Condition:
    return lambda value: value is not None and given in value


def _ncontains(given: str) -> Condition:
    return lambda value: value is None or given not in value


def _and(given: Sequence[Mapping[str, Any]]) -> Condition:
    conditions = [_compiled(one) for one in given]
    return lambda value: all(condition(value) for condition in conditions)


def _or(given: Sequence[Mapping[str, Any]]) -> Condition:
    conditions = [_compiled(one) for one in given]
    return lambda value: any(condition(value) for condition in conditions)


_CONDITIONS: Final[Mapping[str, Callable[[Any], Condition]]] = {
    "exists": _exists,
    "eq": _eq,
    "neq": _neq,
    "in": _in,
    "nin": _nin,
    "contains": _contains,
    "ncontains": _ncontains,
    "and": _and,
    "or": _or,
}
_LISTS: Final = frozenset({"in", "nin"})
_NESTING: Final = frozenset({"and", "or"})


def _problems(condition: object, path: str, depth: int) -> list[Problem]:
    if not isinstance(condition, Mapping) or len(condition) != 1:
        message = f"Send exactly one of {', '.join(_CONDITIONS)}."
        return [Problem("not_one_condition", path, message)]
    [(name, given)] = condition.items()
    below = f"{path}.{str(name)[:80]}"
    if name not in _CONDITIONS:
        message = f"This condition is not known; known are {', '.join(_CONDITIONS)}."
        return [Problem("unknown_condition", below, message)]
    if name == "exists":
        is_one = isinstance(given, bool)
        return [] if is_one else [Problem("not_a_boolean", below, "Send true or false.")]
    if name in _NESTING:
        return _nested(given, below, depth)
    if name in _LISTS:
        return _values(given, below)
    return [] if _is_text(given) else [_not_a_text(below)]


def _nested(given: object, path: str, depth: int) -> list[Problem]:
    if not isinstance(given, list) or not 0 < len(given) <= _MOST_NESTED:
        return [Problem("not_a_list", path, f"Send a list of 1 to {_MOST_NESTED} conditions.")]
    if not depth:
        return [Problem("too_deep", path, f"Nest conditions at most {_DEEPEST} deep.")]
    return [
        problem
        for place, one in enumerate(given)
        for problem in _problems(one, f"{path}[{place}]", depth - 1)
    ]


def _values(given: object, path: str) -> list[Problem]:
    if not isinstance(given, list) or not 0 < len(given) <= _MOST_VALUES:
        return [Problem("not_a_list", path, f"Send a list of 1 to {_MOST_VALUES} values.")]
    return [_not_a_text(f"{path}[{place}]") for place, one in enumerate(given) if not _is_text(one)]


def _is_text(given: object) -> bool:
    return isinstance(given, str) and len(given) <= _LONGEST


def _not_a_text(path: str) -> Problem:
    return Problem("not_a_text", path, f"Send a text of at most {_LONGEST} characters.")
