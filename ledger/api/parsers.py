"""Reading bodies: JSON, of a bounded size, with exact numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any, Final, NoReturn

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MAX_BYTES: Final = 1024 * 1024  # of one resource; events have their own limit


class TooLargeError(APIException):
    """The body is longer than this takes."""

    status_code = 413
    default_detail = f"Send at most {MAX_BYTES} bytes."
    default_code = "body_too_large"


class Json(BaseParser):
    """Reads JSON; a number with a point or an exponent is a Decimal, never a float."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return what the body says."""
        raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise TooLargeError
        try:
            return json.loads(raw.decode(), parse_float=_decimal, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            # A UnicodeDecodeError names the bytes; a JSONDecodeError only a place.
            shown = str(error) if isinstance(error, json.JSONDecodeError) else "not readable"
            raise ParseError(f"The body is not JSON: {shown}.", code="malformed_json") from error


def _decimal(written: str) -> Decimal:
    try:
        return Decimal(written)
    except InvalidOperation:
        raise ValueError("a number is out of all bounds") from None


def _refuse(written: str) -> NoReturn:
    raise ValueError(f"{written} is no JSON")
