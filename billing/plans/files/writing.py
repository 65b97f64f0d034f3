"""Catalogues as text: plain YAML and JSON, exact numbers, of a bounded size (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import yaml

from billing.plans.errors import InvalidDraftError
from billing.rating.problems import Problem

MAX_BYTES: Final = 10 * 1024 * 1024
FORMATS: Final = ("yaml", "json")


class _Dumper(yaml.SafeDumper):
    """Writes each value out, where it is."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class _Loader(yaml.CSafeLoader):
    """Reads dates as text and numbers with a point as they are written; keys once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TEXT:
                raise yaml.constructor.ConstructorError(
                    None, None, "names are text", key.start_mark
                )
            if key.value in seen:
                problem = f"{key.value!r} is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_TEXT: Final = "tag:yaml.org,2002:str"


def _number(loader: Any, node: yaml.ScalarNode) -> Decimal:
    try:
        found = Decimal(node.value.replace("_", ""))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise yaml.constructor.ConstructorError(
            None, None, f"{node.value} is no number", node.start_mark
        )
    return found


def _as_text(loader: Any, node: yaml.ScalarNode) -> str:
    return str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


def written(document: Mapping[str, Any], form: str) -> str:
    """Return a catalogue as text."""
    assert form in FORMATS, "the interface offers these"
    if form == "json":
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def read(content: bytes | str) -> Any:
    """
    Return what a text in YAML or JSON says; which of them, it says itself.

    Raises:
        InvalidDraftError: too large, not readable, or with YAML's references, tags or repeated
            names.
    """
    content = content.encode(errors="replace") if isinstance(content, str) else content
    if len(content) > MAX_BYTES:
        raise _unreadable(f"Send at most {MAX_BYTES} bytes.")
    try:
        text = content.decode("utf-8-sig")
        if text.lstrip()[:1] in {"{", "["}:
            return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
        return _yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise _unreadable(f"It is not plain YAML{where}: {error.problem}.") from error
    except RecursionError:
        raise _unreadable("It is nested too deep.") from None
    except (ValueError, yaml.YAMLError) as error:
        raise _unreadable("It is neither YAML nor JSON in UTF-8.") from error


def _yaml(text: str) -> Any:
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _unreadable(f"Write out what *{event.anchor} refers to.")
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - it extends the safe one


def _refuse(constant: str) -> Decimal:
    raise ValueError(f"{constant} is no number")


def _unreadable(message: str) -> InvalidDraftError:
    return InvalidDraftError(problems=[Problem("not_readable", "", message)])
