"""
Whether this process is alive, and whether it can do its work.

``/healthz`` looks at nothing: it answers as long as the process does. ``/readyz``
checks what the service needs, each check on its own, and answers 503 if one fails.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from ledger import jobs, sealing


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one check found."""

    is_ok: bool
    detail: str


@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """Answer that the process is alive."""
    return JsonResponse({"status": "alive"})


@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer what is ready and what is not."""
    found = {name: _tried(check) for name, check in CHECKS.items()}
    is_ready = all(check.is_ok for check in found.values())
    checks = {name: asdict(check) for name, check in found.items()}
    body = {"status": "ready" if is_ready else "not ready", "checks": checks}
    response = JsonResponse(body, status=200 if is_ready else 503)
    response.headers["Cache-Control"] = "no-store"
    return response


def database() -> Check:
    """Check that the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        return Check(is_ok=True, detail=f"PostgreSQL {cursor.fetchone()[0]}")


_seen_migrated = False


def migrations() -> Check:
    """Check that the schema is the one this code was written for; once seen, it stays."""
    global _seen_migrated  # noqa: PLW0603 (reading the migration graph costs 100 ms)
    if not _seen_migrated:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            return Check(is_ok=False, detail=f"{len(plan)} to apply: run manage.py migrate")
        _seen_migrated = True
    return Check(is_ok=True, detail="applied")


def worker() -> Check:
    """Check that a worker ran the heartbeat job lately."""
    last = jobs.last_heartbeat()
    if last is None:
        return Check(is_ok=False, detail="no worker has run yet")
    age = now() - last
    limit = timedelta(seconds=settings.READY_WORKER_SECONDS)
    return Check(is_ok=age <= limit, detail=f"last heartbeat {age.total_seconds():.0f} s ago")


def seals() -> Check:
    """Check that no transaction has waited too long for its seal."""
    age = sealing.lag(now())
    limit = timedelta(seconds=settings.READY_SEAL_SECONDS)
    return Check(is_ok=age <= limit, detail=f"oldest unsealed {age.total_seconds():.0f} s")


CHECKS: dict[str, Callable[[], Check]] = {
    "database": database,
    "migrations": migrations,
    "worker": worker,
    "seals": seals,
}


def _tried(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except DatabaseError as error:
        return Check(is_ok=False, detail=f"{type(error).__name__}: {str(error).splitlines()[0]}")
