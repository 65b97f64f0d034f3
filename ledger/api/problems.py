"""
Problem documents (RFC 9457): the single place that knows both errors and HTTP.

``exception_handler`` serves DRF's views, ``response`` plain Django views; the ``handler…`` views
answer below /api/ what no view answered. Nothing that is not a DomainError or DRF's own is
described: its request id leads to the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import psycopg
import structlog
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.db import DatabaseError, DataError, IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.access import KeyRefusedError
from ledger.api.idempotency import InProgressError
from ledger.errors import (
    AlreadyExistsError,
    ConflictError,
    DomainError,
    ExhaustedError,
    InvalidInputError,
    InvariantError,
    NotFoundError,
    TransientError,
    shown,
)
from ledger.integrity import refusals

MEDIA_TYPE: Final = "application/problem+json"
STATUS: Final[dict[type[DomainError], int]] = {
    InvalidInputError: 400,
    KeyRefusedError: 401,
    ExhaustedError: 402,
    NotFoundError: 404,
    ConflictError: 409,
    InvariantError: 422,
    TransientError: 503,
}
_RETRY_SECONDS: Final = "1"
_SHOWN: Final = 80  # characters of a refused value
_TOLD: Final = 10_000  # characters of a fact that the domain names
_LISTED: Final = {"problems", "field", "value", "remedy"}  # facts that the errors say
# Serialization failure, deadlock, lock not available, cancelled, shut down, too many connections.
_PASSING: Final = {"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300"}

logger = structlog.get_logger("meterbook.api")


class InvalidFields(exceptions.ValidationError):
    """A body or query that a serializer refused, with what was sent."""

    def __init__(self, detail: Any, data: Any) -> None:
        super().__init__(detail)
        self.data = data


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Return the problem document for whatever a DRF view raised."""
    request: Request = context["request"]
    status, document = describe(error, request._request)  # noqa: SLF001 - DRF has no accessor
    return Response(
        document,
        status=status,
        headers=_headers(error, status),
        content_type=MEDIA_TYPE,
        exception=True,
    )


def response(request: HttpRequest, error: Exception) -> HttpResponse:
    """Return the problem document for what a plain Django view raised."""
    status, document = describe(error, request)
    headers = _headers(error, status)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="Meterbook"'
    return JsonResponse(document, status=status, headers=headers, content_type=MEDIA_TYPE)


def describe(error: Exception, request: HttpRequest) -> tuple[int, dict[str, Any]]:
    """Return the status and the document of an error."""
    known = _known(error)
    if isinstance(known, DomainError):
        return _of_domain(known, request)
    if isinstance(known, exceptions.APIException):
        return _of_drf(known, request)
    request_id = getattr(request, "request_id", "")
    logger.error("request_failed", exc_info=error, path=request.path, request_id=request_id)
    return 500, document(
        request, 500, code="internal_error", detail="Something failed here; nothing was recorded."
    )


def document(
    request: HttpRequest,
    status: int,
    *,
    code: str,
    detail: str,
    title: str = "",
    errors: list[dict[str, Any]] | None = None,
    facts: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return a problem document."""
    written = {
        "type": f"urn:meterbook:problem:{code}",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": request.path,
        "request_id": getattr(request, "request_id", ""),
        "errors": errors or [],
    }
    if facts:
        written["facts"] = {name: _shown(value, _TOLD) for name, value in facts.items()}
    return written


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that nothing has (Django's handler404)."""
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    return response(request, exceptions.NotFound("Nothing answers at this address."))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself refused to read (handler400)."""
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return response(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself did not allow (handler403)."""
    if not _is_api(request):
        return defaults.permission_denied(request, exception)
    return response(request, exceptions.PermissionDenied())


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer when a view failed (handler500); Django has logged it."""
    if not _is_api(request):
        return defaults.server_error(request)
    written = document(
        request, 500, code="internal_error", detail="Something failed here; nothing was recorded."
    )
    return JsonResponse(written, status=500, content_type=MEDIA_TYPE)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _headers(error: Exception, status: int) -> dict[str, str]:
    headers: dict[str, str] = {"Cache-Control": "no-store"}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if status == HTTPStatus.SERVICE_UNAVAILABLE or isinstance(error, InProgressError):
        headers["Retry-After"] = _RETRY_SECONDS
    return headers


def _known(error: Exception) -> Exception:
    """Return the error in words that may be shown: a DomainError or DRF's own, if it has any."""
    match error:
        case DatabaseError():
            return _of_database(error) or error
        case Http404():
            return exceptions.NotFound()
        case PermissionDenied():
            return exceptions.PermissionDenied()
        case RequestDataTooBig():
            too_large = exceptions.APIException("The body is too large.", code="body_too_large")
            too_large.status_code = 413
            return too_large
        case SuspiciousOperation() | TooManyFieldsSent():
            return exceptions.ParseError("The request cannot be read.")
    return error


def _of_database(error: DatabaseError) -> DomainError | None:
    try:
        with refusals():
            raise error
    except DomainError as known:
        return known
    except DatabaseError:
        pass
    cause = error.__cause__
    state = (cause.sqlstate if isinstance(cause, psycopg.Error) else None) or ""
    if state in _PASSING or (isinstance(cause, psycopg.OperationalError) and not state):
        logger.warning("database_unavailable", exc_info=error)
        return TransientError()
    if isinstance(error, DataError):
        return InvalidInputError(
            field="", value="", remedy="a value is larger or longer than can be kept"
        )
    if isinstance(error, IntegrityError):
        return _of_integrity(cause)
    return None


def _of_integrity(cause: BaseException | None) -> DomainError:
    match cause:
        case psycopg.errors.UniqueViolation():
            return AlreadyExistsError()
        case psycopg.errors.ForeignKeyViolation() | psycopg.errors.RestrictViolation():
            return ConflictError()
    return InvariantError()


def _of_domain(error: DomainError, request: HttpRequest) -> tuple[int, dict[str, Any]]:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    errors: list[dict[str, Any]] = []
    facts: Mapping[str, object] | None = error.facts
    if isinstance(several := error.facts.get("problems"), tuple):
        errors = [_problem(each) for each in several]
        facts = {name: value for name, value in error.facts.items() if name not in _LISTED}
    elif isinstance(error, InvalidInputError):
        errors = [_error(error.field, error.value, error.code, error.remedy)]
        facts = None
    elif isinstance(field := error.facts.get("field"), str):
        errors = [_error(field, error.facts.get("value"), error.code, error.detail)]
    detail = str(error) if errors and not facts else error.detail
    return status, document(
        request,
        status,
        code=error.code,
        title=error.detail.rstrip("."),
        detail=detail,
        errors=errors,
        facts=facts,
    )


def _of_drf(error: exceptions.APIException, request: HttpRequest) -> tuple[int, dict[str, Any]]:
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flat(error.detail, getattr(error, "data", None)))
        detail = "; ".join(f"{each['field'] or 'body'}: {each['detail']}" for each in errors[:3])
        return 400, document(
            request,
            400,
            code="invalid_input",
            title="A field cannot be read as what it must be",
            detail=detail,
            errors=errors,
        )
    code = getattr(error.detail, "code", None) or error.default_code
    return error.status_code, document(
        request, error.status_code, code=code, detail=str(error.detail)
    )


def _flat(detail: Any, data: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """Yield one error per refused field, with its path and the value that was sent."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            part = "" if name == "non_field_errors" else str(name)
            yield from _flat(inner, _inside(data, name), f"{path}.{part}".strip("."))
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            is_nested = isinstance(inner, dict | list)
            where = f"{path}.{place}".strip(".") if is_nested else path
            yield from _flat(inner, _inside(data, place) if is_nested else data, where)
    else:
        yield _error(path, data, getattr(detail, "code", "invalid"), str(detail))


def _inside(data: Any, name: Any) -> Any:
    if name == "non_field_errors":
        return None
    try:
        return data[name]
    except (KeyError, IndexError, TypeError):
        return None


def _error(field: str, value: object, code: str, detail: str) -> dict[str, Any]:
    shown = None if value is None or value == "" else _shown(value)
    return {"field": field, "value": shown, "code": code, "detail": detail}


def _problem(found: Any) -> dict[str, Any]:
    """Return one of several things wrong, whichever package found it."""
    return _error(found.field, found.attributes.get("value"), found.code, found.message)


def _shown(value: object, most: int = _SHOWN) -> str:
    written = shown(value).encode(errors="replace").decode()
    return written if len(written) <= most else f"{written[:most]}…"
