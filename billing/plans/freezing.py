"""What the database refuses to change in a published version, in the words of the domain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import IntegrityError

from billing.plans.errors import PublishedError


@contextmanager
def frozen() -> Iterator[None]:
    """Turn the database's refusal to change what is published into PublishedError."""
    try:
        yield
    except IntegrityError as error:
        cause = error.__cause__
        constraint = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
        if constraint != "billing_version_frozen":
            raise
        raise PublishedError from error
