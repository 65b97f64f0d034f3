"""
Calls of LiteLLM's generic API callback, as usage (pure).

Who pays is what LiteLLM has authenticated, its user, team, organisation or key, unless the address
names others (``?subject=end_user``): the end user is whoever the caller says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from billing.metering.facts import Sent
from integrations.sources import made
from integrations.sources.made import UnreadableError
from integrations.sources.tokens import of_litellm
from ledger.errors import InvalidInputError

SOURCE: Final = "litellm"
SUBJECTS: Final = {
    "user": "user_api_key_user_id",
    "team": "user_api_key_team_id",
    "project": "user_api_key_project_id",
    "org": "user_api_key_org_id",
    "key": "user_api_key_hash",
    "key_alias": "user_api_key_alias",
    "end_user": "user_api_key_end_user_id",
}
AUTHENTICATED: Final = ("user", "team", "org", "key")
_KEPT: Final = (
    *("id", "litellm_call_id", "call_type", "status", "cache_hit", "model", "model_group"),
    *("custom_llm_provider", "endTime", "response_cost", "end_user"),
    *("prompt_tokens", "completion_tokens", "total_tokens"),
)

Call = Mapping[str, Any]


def subjects(named: Sequence[str]) -> tuple[str, ...]:
    """
    Return where to look for who pays, in that order.

    Raises:
        InvalidInputError: there is no such place.
    """
    if unknown := next((name for name in named if name not in SUBJECTS), None):
        remedy = f"use names among {', '.join(SUBJECTS)}"
        raise InvalidInputError(field="subject", value=unknown, remedy=remedy)
    return tuple(named) or AUTHENTICATED


def reason_to_skip(call: object) -> str:
    """
    Say why a call costs nothing, if it does not.

    >>> reason_to_skip({"status": "success", "cache_hit": True})
    'answered_by_gateway'
    >>> reason_to_skip({"status": "success"})
    ''
    """
    if not isinstance(call, Mapping):
        return ""
    if call.get("status") == "failure":
        return "failed"
    if call.get("cache_hit") is True:
        return "answered_by_gateway"
    return "experiment" if _object(call, "metadata").get("is_silent_experiment") is True else ""


def events(index: int, call: object, places: Sequence[str]) -> Iterator[Sent]:
    """Return the usage that LiteLLM tells of a call, its tokens by kind; or why it is none."""
    if not isinstance(call, Mapping):
        error = UnreadableError("", "a call is an object: send StandardLoggingPayloads")
        yield made.rejection(index, error, {"call": type(call).__name__})
        return
    yield from made.attempted(
        index,
        lambda: _events(index, call, places),
        shape=SOURCE,
        kept=lambda: {**redacted(call), "subject_in": list(places)},
    )


def again(kept: object) -> Iterator[Sent]:
    """Read what was kept of a call, perhaps mended, as if it had been sent."""
    named = kept.get("subject_in") if isinstance(kept, Mapping) else None
    known = [name for name in named if name in SUBJECTS] if isinstance(named, list) else []
    return events(0, kept, subjects(known))


def redacted(call: Call) -> dict[str, Any]:
    """Return what may be kept of a call: nothing that was said, no address, no header."""
    kept = {name: call[name] for name in _KEPT if name in call}
    metadata = _object(call, "metadata")
    names = ("usage_object", *SUBJECTS.values())
    return kept | {"metadata": {name: metadata[name] for name in names if name in metadata}}


def _events(index: int, call: Call, places: Sequence[str]) -> Iterator[Sent]:
    common: dict[str, Any] = {
        "source": SOURCE,
        "subject": _subject(call, places),
        "at": made.instant(_microseconds(call)),
    }
    name, about = _name(call), _about(call)
    yield made.event(
        index,
        name=name,
        kind=made.REQUEST,
        data={**about, **made.told(route=call.get("call_type"), cost=call.get("response_cost"))},
        **common,
    )
    # LiteLLM tells each provider's usage in OpenAI's terms, if it tells more than the sums.
    usage = _object(call, "metadata").get("usage_object") or call
    yield from made.of_tokens(index, call=name, tokens=of_litellm(usage), about=about, **common)


def _about(call: Call) -> dict[str, Any]:
    provider, model = call.get("custom_llm_provider"), call.get("model")
    if isinstance(provider, str) and isinstance(model, str):
        model = model.removeprefix(f"{provider}/")
    return made.told(model=model, provider=provider)


def _name(call: Call) -> str:
    for field in ("id", "litellm_call_id"):
        found = call.get(field)
        if isinstance(found, str) and found not in ("", "None"):
            return found
    raise UnreadableError("id", "without id a call could count twice")


def _subject(call: Call, places: Sequence[str]) -> str:
    told = {**_object(call, "metadata")}
    end_user = SUBJECTS["end_user"]
    told[end_user] = told.get(end_user) or call.get("end_user")
    for place in places:
        if isinstance(found := told.get(SUBJECTS[place]), str) and found:
            return found
    raise UnreadableError("metadata", f"nobody is named by {', '.join(places)}: say who pays")


def _microseconds(call: Call) -> int:
    found = call.get("endTime")
    if isinstance(found, int | Decimal) and not isinstance(found, bool):
        return int(found * 1_000_000)
    raise UnreadableError("endTime", "send the time in seconds since 1970")


def _object(holder: Call, name: str) -> Call:
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}
