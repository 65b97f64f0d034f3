"""Questions to what runs on the database: schema, partitions, worker, broker, static files."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils.timezone import now

from ledger import partitions as partitions_made
from ledger.api import health
from ledger.config.celery import app
from ledger.config.diagnosis.findings import Finding, Verdict, judged, row, rows

AHEAD = timedelta(days=30)

_PARTITIONS = """
    SELECT parent.relname,
           max(substring(pg_get_expr(part.relpartbound, part.oid) FROM 'TO \\(''?([0-9]+)')::bigint)
    FROM pg_partitioned_table AS known
    JOIN pg_class AS parent ON parent.oid = known.partrelid
    LEFT JOIN pg_inherits AS child ON child.inhparent = parent.oid
    LEFT JOIN pg_class AS part ON part.oid = child.inhrelid
    WHERE parent.relnamespace = 'public'::regnamespace
    GROUP BY 1 ORDER BY 1
"""


def python() -> Iterator[Finding]:
    """Is this Python new enough?"""
    found = ".".join(str(part) for part in sys.version_info[:3])
    is_enough = sys.version_info >= (3, 11)
    yield judged("Python", found, good=is_enough, remedy="make PYTHON=python3.11 venv")


def migrations() -> Iterator[Finding]:
    """Is the schema the one that this code was written for?"""
    found = health.migrations()
    yield judged("migrations", found.detail, good=found.is_ok, remedy="manage.py migrate")


def partitions() -> Iterator[Finding]:
    """Are partitions made ahead, and does nothing fall beside them?"""
    for table, upper in rows(_PARTITIONS):
        (until,) = row("SELECT ledger_instant_of(%s)", [upper])
        yield judged(
            f"partitions of {table}",
            f"made until {until:%Y-%m-%d}" if until else "none",
            good=until is not None and until > now() + AHEAD,
            remedy="Run a worker (make serve), which makes them ahead of time.",
        )


def beside_partitions() -> Iterator[Finding]:
    """Does nothing fall beside the partitions?"""
    beside = partitions_made.default_rows()
    yield judged(
        "rows beside the partitions",
        f"in {', '.join(beside)}" if beside else "none",
        good=not beside,
        remedy="Run a worker (make serve): making partitions moves those rows into theirs.",
    )


def worker() -> Iterator[Finding]:
    """Does a worker run, and is the journal sealed soon enough?"""
    beat, seals = health.worker(), health.seals()
    remedy = "make serve, or a worker and manage.py schedule of your own"
    yield judged("worker", beat.detail, good=beat.is_ok, remedy=remedy, bad=Verdict.WARNING)
    yield judged(
        "seals",
        seals.detail,
        good=seals.is_ok,
        remedy="The worker's log says why sealing is late." if beat.is_ok else remedy,
        bad=Verdict.PROBLEM if beat.is_ok else Verdict.WARNING,
    )


def broker() -> Iterator[Finding]:
    """Can messages reach a worker?"""
    try:
        with app.connection_for_write(connect_timeout=3) as link:
            link.ensure_connection(max_retries=1, timeout=5)
            yield Finding("broker", Verdict.GOOD, link.as_uri())
    except Exception as error:  # each transport raises its own
        yield Finding(
            "broker",
            Verdict.PROBLEM,
            f"{type(error).__name__}: {error}",
            "manage.py install_broker for the one in the database; else see CELERY_BROKER_URL.",
        )


def static_files() -> Iterator[Finding]:
    """Can pages find their styles?"""
    if settings.WHITENOISE_USE_FINDERS:
        return
    manifest = Path(settings.STATIC_ROOT, "staticfiles.json")
    detail = "collected" if manifest.exists() else "not collected"
    yield judged("static files", detail, good=manifest.exists(), remedy="manage.py collectstatic")
