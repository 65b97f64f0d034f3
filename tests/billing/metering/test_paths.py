"""Values are found by path, and read as exact numbers or refused with a reason."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metering.paths import (
    MISSING,
    InvalidValueError,
    decimal,
    extract,
    label,
    number,
    parse,
)
from ledger.errors import InvalidInputError

decoder = msgspec.json.Decoder(float_hook=decimal)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("$", ()),
        ("$.a.b", ("a", "b")),
        ('$["a b"].c', ("a b", "c")),
        ('$["a"]["b"]', ("a", "b")),
        (r'$["say \"hi\""]', ('say "hi"',)),
        (r'$["back\\slash"]', ("back\\slash",)),
        ('$["a.b"]', ("a.b",)),
        ("$._x9", ("_x9",)),
    ],
)
def test_a_path_names_members(path, names):
    assert parse(path) == names


@given(st.lists(st.text(max_size=10), max_size=5))
def test_any_name_can_be_quoted(names):
    quoted = (name.replace("\\", "\\\\").replace('"', '\\"') for name in names)

    assert parse("$" + "".join(f'["{name}"]' for name in quoted)) == tuple(names)


@pytest.mark.parametrize(
    "path",
    ["", "a", ".a", "$a", "$.", "$..a", "$.a.", "$.a[0]", "$[*]", "$.*", '$["a]', "$['a']", "$.a b",
     "$.9", "$.a\n", "$" + ".a" * 1000],
)  # fmt: skip
def test_what_is_not_a_path_of_members_is_refused(path):
    with pytest.raises(InvalidInputError, match="path"):
        parse(path)


def test_a_value_is_extracted_or_missing():
    data = {"a": {"b": 0, "n": None, "l": [1], "t": "x"}}

    assert extract(data, ("a", "b")) == 0
    assert extract(data, ()) is data
    for names in (("a", "n"), ("z",), ("a", "b", "c"), ("a", "l", "0"), ("a", "t", "x")):
        assert extract(data, names) is MISSING
    assert extract(None, ()) is MISSING


@given(st.decimals(min_value=-(10**20), max_value=10**20, places=6, allow_nan=False))
def test_a_number_means_the_same_as_json_number_and_as_text(value):
    for sent in (f"{value:f}", f'"{value:f}"', f'" {value:E} "'):
        got = number(decoder.decode(sent), 6)
        assert got == value
        assert got or not got.is_signed()


@given(st.integers(-(10**26) + 1, 10**26 - 1))
def test_whole_numbers_are_kept_to_26_digits(value):
    assert number(decoder.decode(str(value)), 0) == value


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("true", "not_a_number"),
        ("[]", "not_a_number"),
        ("{}", "not_a_number"),
        ('""', "not_a_number"),
        ('"ten"', "not_a_number"),
        ('"0x10"', "not_a_number"),
        ('"1_000"', "not_a_number"),
        ('"1,000"', "not_a_number"),
        ('"١٢"', "not_a_number"),
        ('"1e9999999"', "not_a_number"),
        ('"' + "1" * 101 + '"', "not_a_number"),
        ('"NaN"', "not_finite"),
        ('"-Infinity"', "not_finite"),
        ("1e9999999999999999999999", "not_finite"),
        ("1e400", "too_large"),
        ('"1e400"', "too_large"),
        ("1e99999999", "too_large"),
        ("1" + "0" * 26, "too_large"),
        ("9" * 40, "too_large"),
        ("-" + "9" * 40, "too_large"),
        ("9" * 200, "too_large"),
        ("1e-400", "too_fine"),
        ("0.0001", "too_fine"),
        ("0." + "1" * 400, "too_fine"),
        ("null", "missing"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_a_reason(sent, reason):
    with pytest.raises(InvalidValueError) as refused:
        number(decoder.decode(sent), 3)

    assert refused.value.reason == refused.value.facts["reason"] == reason
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("sent", ["0", "-0", "-0.0", '"-0"', "0e5", "0e-999", "0." + "0" * 400])
def test_every_zero_is_plain_zero(sent):
    zero = number(decoder.decode(sent), 0)

    assert zero == 0
    assert not zero.is_signed()


def test_zeros_far_behind_the_point_are_dropped():
    assert len(str(number(decoder.decode("1." + "0" * 400), 0))) < 80


def test_missing_is_not_zero():
    with pytest.raises(InvalidValueError, match="send a value"):
        number(MISSING)


def test_labels_are_written_plainly():
    assert label(MISSING) is None
    assert label("") == ""
    assert label(False) == "false"
    assert label(decoder.decode("1.50")) == label("1.5") == "1.5"
    assert label(10**40) == "1" + "0" * 40


@pytest.mark.parametrize("sent", ["[]", "{}", '"a\\u0000b"', "1e99999", '"' + "x" * 1001 + '"'])
def test_what_is_no_label_is_refused(sent):
    with pytest.raises(InvalidValueError) as refused:
        label(decoder.decode(sent))

    assert refused.value.reason == "not_a_label"


@pytest.mark.parametrize(
    "sent", ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x10", "1_000", '"\\ud800"']
)
def test_the_decoder_refuses_what_is_not_json(sent):
    with pytest.raises(msgspec.DecodeError):
        decoder.decode(sent)


def test_the_decoder_never_makes_floats_and_keeps_every_digit():
    assert type(decoder.decode("1e5")) is Decimal
    assert str(decoder.decode("0." + "1" * 400)) == "0." + "1" * 400
    assert decoder.decode("9" * 300) == int("9" * 300)


def test_the_decoder_keeps_the_last_of_duplicate_keys():
    assert decoder.decode('{"a": 1, "a": 2}') == {"a": 2}


def test_the_decoder_has_limits_that_are_not_decode_errors():
    with pytest.raises(RecursionError):
        decoder.decode(b"[" * 5000 + b"]" * 5000)
    with pytest.raises(UnicodeDecodeError):
        decoder.decode(b'"\xff"')
    with pytest.raises(msgspec.ValidationError, match="out of range"):
        decoder.decode("9" * 5000)
