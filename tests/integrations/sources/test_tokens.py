"""Whatever a provider counts, each token of a call is in exactly one bucket."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.sources.tokens import Tokens, of_anthropic, of_kong, of_openai, of_opentelemetry
from ledger.errors import InvalidInputError

some = st.integers(0, 10_000)


@st.composite
def parts(draw, many):
    """Draw a whole, and so many parts of it that do not overlap."""
    cut = [draw(some) for _ in range(many)]
    return sum(cut) + draw(some), cut


@given(parts(4), parts(3), st.booleans())
def test_openai_counts_cached_and_reasoning_within_the_whole(put_in, given_out, is_chat):
    whole, (cached, written, audio, image) = put_in
    answer, (reasoning, speech, picture) = given_out
    names = ("prompt", "completion") if is_chat else ("input", "output")
    found = of_openai(
        {
            f"{names[0]}_tokens": whole,
            f"{names[0]}_tokens_details": {
                "cached_tokens": cached,
                "cache_write_tokens": written,
                "audio_tokens": audio,
                "image_tokens": image,
            },
            f"{names[1]}_tokens": answer,
            f"{names[1]}_tokens_details": {
                "reasoning_tokens": reasoning,
                "audio_tokens": speech,
                "image_tokens": picture,
            },
        }
    )

    assert found.total == whole + answer
    assert (found.cache_read, found.cache_write_5m, found.reasoning) == (cached, written, reasoning)
    assert (found.audio_input, found.image_input) == (audio, image)
    assert (found.audio_output, found.image_output) == (speech, picture)


@given(some, some, some, some, parts(1))
def test_anthropic_counts_cached_beside_the_input(fresh, read, short, long, given_out):
    answer, (thought,) = given_out
    found = of_anthropic(
        {
            "input_tokens": fresh,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": short + long,
            "cache_creation": {
                "ephemeral_5m_input_tokens": short,
                "ephemeral_1h_input_tokens": long,
            },
            "output_tokens": answer,
            "output_tokens_details": {"thinking_tokens": thought},
        }
    )

    assert found.total == fresh + read + short + long + answer
    assert (found.input_uncached, found.cache_read) == (fresh, read)
    assert (found.cache_write_5m, found.cache_write_1h) == (short, long)
    assert (found.output, found.reasoning) == (answer - thought, thought)


@given(some, some, some, parts(1))
def test_one_call_is_the_same_as_anthropic_and_as_opentelemetry_tell_it(
    fresh, read, written, given_out
):
    answer, (thought,) = given_out
    told = of_anthropic(
        {
            "input_tokens": fresh,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written,
            "output_tokens": answer,
            "output_tokens_details": {"thinking_tokens": thought},
        }
    )
    traced = of_opentelemetry(
        {
            "gen_ai.usage.input_tokens": fresh + read + written,
            "gen_ai.usage.cache_read.input_tokens": read,
            "gen_ai.usage.cache_creation.input_tokens": written,
            "gen_ai.usage.output_tokens": answer,
            "gen_ai.usage.reasoning.output_tokens": thought,
        }
    )

    assert traced == told


@given(parts(1), some)
def test_kong_counts_cached_within_the_input_but_for_anthropic(put_in, answer):
    whole, (cached,) = put_in
    said = {
        "prompt_tokens": whole,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens": answer,
    }

    assert of_kong(said, "openai").total == whole + answer
    assert of_kong(said, "anthropic").total == whole + cached + answer
    assert of_kong(said, "anthropic").input_uncached == whole


def test_older_names_of_spans_are_read():
    said = {"gen_ai.usage.prompt_tokens": 25, "gen_ai.usage.completion_tokens": 12}

    assert of_opentelemetry(said) == Tokens(input_uncached=25, output=12)


def test_tokens_of_audio_that_were_cached_count_once():
    said = {
        "prompt_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 80, "audio_tokens": 60},
    }

    assert of_openai(said) == Tokens(cache_read=80, audio_input=20)


def test_cache_kept_long_is_told_from_the_other():
    said = {
        "input_tokens": 100,
        "input_tokens_details": {
            "cache_write_tokens": 70,
            "cache_write_tokens_details": {"ttl_30m_tokens": 30, "ttl_12h_tokens": 40},
        },
    }

    assert of_openai(said) == Tokens(input_uncached=30, cache_write_5m=30, cache_write_1h=40)


def test_whole_numbers_may_be_written_with_a_point():
    assert of_openai({"prompt_tokens": Decimal("25.0"), "completion_tokens": None}).total == 25


@pytest.mark.parametrize(
    ("usage", "field"),
    [
        ({"prompt_tokens": -1}, "prompt_tokens"),
        ({"prompt_tokens": Decimal("0.5")}, "prompt_tokens"),
        ({"prompt_tokens": True}, "prompt_tokens"),
        ({"prompt_tokens": "25"}, "prompt_tokens"),
        ({"completion_tokens": 10**16}, "completion_tokens"),
        ({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}}, "cached_tokens"),
        (
            {"completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 2}},
            "reasoning_tokens",
        ),
    ],
)
def test_counts_that_cannot_be_are_refused(usage, field):
    with pytest.raises(InvalidInputError) as refused:
        of_openai(usage)

    assert refused.value.field == field


def test_spans_whose_parts_exceed_the_whole_are_refused():
    said = {
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.cache_read.input_tokens": 8,
        "gen_ai.usage.cache_creation.input_tokens": 8,
    }

    with pytest.raises(InvalidInputError):
        of_opentelemetry(said)
