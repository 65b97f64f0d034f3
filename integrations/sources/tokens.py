"""
Tokens of a call, in buckets that do not overlap: their sum is all that the provider counted (pure).

Providers tell the same call differently:

                     input tokens hold               output tokens hold
    OpenAI           what was cached, and written    reasoning, audio
    Anthropic        neither: those stand beside     thinking
    OpenTelemetry    what was cached, and written    reasoning
    Kong             as OpenAI; of Anthropic's models neither
    LiteLLM          as OpenAI, whatever the provider

What is written to a cache for longer than the provider's shortest time is ``cache_write_1h``.

Source: openai 3.52 and anthropic 2.11 (usage objects), OpenTelemetry's semantic conventions for
GenAI, Kong's ai-proxy log fields, litellm 1.109 (Usage).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

from ledger.errors import InvalidInputError

Usage = Mapping[str, Any]

_MOST: Final = 10**15
_ANTHROPIC: Final = frozenset({"anthropic"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """How many tokens a call took, each counted in one place only."""

    input_uncached: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    image_input: int = 0
    image_output: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(count for _, count in self.counted())

    def counted(self) -> Iterator[tuple[str, int]]:
        """Return the buckets that hold any."""
        for bucket in fields(self):
            if count := getattr(self, bucket.name):
                yield bucket.name, count


def of_openai(usage: Usage) -> Tokens:
    """
    Read OpenAI's usage, of chat completions or of responses.

    Raises:
        InvalidInputError: a count is none, or a part is more than the whole.

    >>> said = {"prompt_tokens": 1025, "prompt_tokens_details": {"cached_tokens": 896},
    ...         "completion_tokens": 456, "completion_tokens_details": {"reasoning_tokens": 256}}
    >>> dict(of_openai(said).counted())
    {'input_uncached': 129, 'cache_read': 896, 'output': 200, 'reasoning': 256}
    """
    put_in, details_in = _whole(usage, "prompt_tokens", "input_tokens")
    given_out, details_out = _whole(usage, "completion_tokens", "output_tokens")
    written = _count(details_in, "cache_write_tokens")
    kept_long = _count(_object(details_in, "cache_write_tokens_details"), "ttl_12h_tokens")
    rest = _without(
        "cached_tokens", put_in, _count(details_in, "cached_tokens"), max(written, kept_long)
    )
    audio_input, rest = _taken(rest, put_in, details_in, "audio_tokens")
    image_input, rest = _taken(rest, put_in, details_in, "image_tokens")
    spoken = _without("reasoning_tokens", given_out, _count(details_out, "reasoning_tokens"))
    audio_output, spoken = _taken(spoken, given_out, details_out, "audio_tokens")
    image_output, spoken = _taken(spoken, given_out, details_out, "image_tokens")
    return Tokens(
        input_uncached=rest,
        cache_read=_count(details_in, "cached_tokens"),
        cache_write_5m=max(written - kept_long, 0),
        cache_write_1h=kept_long,
        output=spoken,
        reasoning=_count(details_out, "reasoning_tokens"),
        audio_input=audio_input,
        audio_output=audio_output,
        image_input=image_input,
        image_output=image_output,
    )


def of_anthropic(usage: Usage) -> Tokens:
    """
    Read Anthropic's usage: what is cached stands beside the input, not in it.

    Raises:
        InvalidInputError: a count is none, or a part is more than the whole.

    >>> said = {"input_tokens": 47, "cache_creation_input_tokens": 2048, "output_tokens": 503,
    ...         "cache_creation": {"ephemeral_1h_input_tokens": 48}}
    >>> dict(of_anthropic(said).counted())
    {'input_uncached': 47, 'cache_write_5m': 2000, 'cache_write_1h': 48, 'output': 503}
    """
    creation = _object(usage, "cache_creation")
    short = _count(creation, "ephemeral_5m_input_tokens")
    long = _count(creation, "ephemeral_1h_input_tokens")
    written = _count(usage, "cache_creation_input_tokens") or short + long
    thought = _count(_object(usage, "output_tokens_details"), "thinking_tokens")
    return Tokens(
        input_uncached=_count(usage, "input_tokens"),
        cache_read=_count(usage, "cache_read_input_tokens"),
        cache_write_5m=_without("cache_creation", written, long),
        cache_write_1h=long,
        output=_without("thinking_tokens", _count(usage, "output_tokens"), thought),
        reasoning=thought,
    )


def of_opentelemetry(attributes: Usage) -> Tokens:
    """
    Read the attributes of a GenAI span; the names before 2025 too.

    Raises:
        InvalidInputError: a count is none, or a part is more than the whole.

    >>> said = {"gen_ai.usage.input_tokens": 2095, "gen_ai.usage.output_tokens": 503,
    ...         "gen_ai.usage.cache_creation.input_tokens": 2048}
    >>> dict(of_opentelemetry(said).counted())
    {'input_uncached': 47, 'cache_write_5m': 2048, 'output': 503}
    """
    usage = "gen_ai.usage."
    put_in, _ = _whole(attributes, f"{usage}input_tokens", f"{usage}prompt_tokens")
    given_out, _ = _whole(attributes, f"{usage}output_tokens", f"{usage}completion_tokens")
    read = _count(attributes, f"{usage}cache_read.input_tokens")
    written = _count(attributes, f"{usage}cache_creation.input_tokens")
    thought = _count(attributes, f"{usage}reasoning.output_tokens")
    return Tokens(
        input_uncached=_without(f"{usage}input_tokens", put_in, read, written),
        cache_read=read,
        cache_write_5m=written,
        output=_without(f"{usage}reasoning.output_tokens", given_out, thought),
        reasoning=thought,
    )


def of_kong(usage: Usage, provider: str) -> Tokens:
    """
    Read what Kong logs of a call of a provider's model.

    Of Anthropic's models ``prompt_tokens`` is what no cache held, so what is cached adds to it.

    Raises:
        InvalidInputError: a count is none, or a part is more than the whole.

    >>> said = {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 896}}
    >>> dict(of_kong(said, "anthropic").counted())
    {'input_uncached': 1, 'cache_read': 896}
    """
    if provider.lower() not in _ANTHROPIC:
        return of_openai(usage)
    put_in, details = _whole(usage, "prompt_tokens", "input_tokens")
    cached = sum(_count(details, name) for name in ("cached_tokens", "cache_write_tokens"))
    return of_openai({**usage, "prompt_tokens": put_in + cached, "prompt_tokens_details": details})


def of_litellm(usage: Usage) -> Tokens:
    """
    Read LiteLLM's usage: OpenAI's, with Anthropic's names for what was written to a cache.

    Raises:
        InvalidInputError: a count is none, or a part is more than the whole.

    >>> said = {"prompt_tokens": 2095, "completion_tokens": 503, "prompt_tokens_details": {
    ...     "cached_tokens": 0, "cache_creation_tokens": 2048,
    ...     "cache_creation_token_details": {"ephemeral_1h_input_tokens": 48}}}
    >>> dict(of_litellm(said).counted())
    {'input_uncached': 47, 'cache_write_5m': 2000, 'cache_write_1h': 48, 'output': 503}
    """
    _, details = _whole(usage, "prompt_tokens", "input_tokens")
    creation = _object(details, "cache_creation_token_details")
    written = _count(details, "cache_write_tokens") or _count(details, "cache_creation_tokens")
    long = _count(creation, "ephemeral_1h_input_tokens")
    long += _count(creation, "ephemeral_12h_input_tokens")
    if not (written or long):
        return of_openai(usage)
    by_time = (
        {"ttl_12h_tokens": long} if creation else _object(details, "cache_write_tokens_details")
    )
    said = {"cache_write_tokens": written, "cache_write_tokens_details": by_time}
    name = "prompt_tokens" if usage.get("prompt_tokens") is not None else "input_tokens"
    return of_openai({**usage, f"{name}_details": {**details, **said}})


def _whole(usage: Usage, *names: str) -> tuple[int, Usage]:
    """Return a count under the first of its names that is there, and its details."""
    name = next((one for one in names if usage.get(one) is not None), names[0])
    return _count(usage, name), _object(usage, f"{name}_details")


def _taken(rest: int, whole: int, details: Usage, name: str) -> tuple[int, int]:
    """Take a kind out of what is left of a whole: some of it may be in another bucket already."""
    _without(name, whole, count := _count(details, name))
    taken = min(count, rest)
    return taken, rest - taken


def _without(name: str, whole: int, *parts: int) -> int:
    if (rest := whole - sum(parts)) < 0:
        remedy = f"send parts that are no more than the whole, {whole}"
        raise InvalidInputError(field=name, value=sum(parts), remedy=remedy)
    return rest


def _object(holder: Usage, name: str) -> Usage:
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}


def _count(holder: Usage, name: str) -> int:
    found = holder.get(name)
    if found is None:
        return 0
    is_number = isinstance(found, int | Decimal) and not isinstance(found, bool)
    if not is_number or not 0 <= found <= _MOST or found != int(found):
        remedy = "send a whole number, zero or more"
        raise InvalidInputError(field=name, value=found, remedy=remedy)
    return int(found)
