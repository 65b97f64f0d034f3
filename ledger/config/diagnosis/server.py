"""Questions to the database server: is it the right one, is it safe, who may do what."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils.timezone import now

from ledger import horizon
from ledger.config.diagnosis.findings import Finding, Verdict, judged, row, rows
from ledger.config.embedded import Home, backups
from ledger.errors import ForeignHistoryError

OLDEST = 150000
SAFE = {"fsync": "on", "full_page_writes": "on", "data_checksums": "on"}
GROUPS = ("meterbook_app", "meterbook_report")
MOST_SKEW = 2.0  # seconds
LEAST_DISK = 2 * 1024**3
LATEST_MINOR = {15: 20, 16: 16, 17: 12, 18: 6}  # the releases of one day, known in November 2026


def version() -> Iterator[Finding]:
    """Is the server new enough?"""
    number = connection.cursor().connection.info.server_version
    major, minor = divmod(number, 10000)
    detail = f"PostgreSQL {major}.{minor}"
    yield judged("database", detail, good=number >= OLDEST, remedy="Use PostgreSQL 15 or later.")
    if minor < LATEST_MINOR.get(major, 0):
        yield Finding(
            "minor release",
            Verdict.WARNING,
            f"{detail}, at least {major}.{LATEST_MINOR[major]} is out",
            "Update the server; for the embedded one, set METERBOOK_PG_BIN to newer programs of "
            "the same major version, or move to a server of your own (DATABASE_URL).",
        )


def durability() -> Iterator[Finding]:
    """Does what was committed stay?"""
    for name, wanted in SAFE.items():
        (value,) = row("SELECT current_setting(%s)", [name])
        is_optional = name == "data_checksums"
        yield judged(
            name,
            value,
            good=value == wanted,
            remedy="Stop the server and run pg_checksums --enable."
            if is_optional
            else f"Set {name} = {wanted} in postgresql.conf.",
            bad=Verdict.WARNING if is_optional else Verdict.PROBLEM,
        )
    (value,) = row("SELECT current_setting('synchronous_commit')")
    yield judged(
        "synchronous_commit",
        value,
        good=value != "off",
        remedy="Set it to on: a crash would lose events that were already accepted.",
    )


def roles() -> Iterator[Finding]:
    """Is the application kept from changing history by the server?"""
    known = {name for (name,) in rows("SELECT rolname FROM pg_roles")}
    missing = [name for name in GROUPS if name not in known]
    yield judged(
        "group roles",
        ", ".join(missing) + " missing" if missing else "present",
        good=not missing,
        remedy=f"As an administrator: CREATE ROLE {'; CREATE ROLE '.join(missing)};",
    )
    login = settings.APP_LOGIN or connection.settings_dict["USER"]
    if missing or login not in known:
        return
    is_member, is_super = row(
        "SELECT pg_has_role(oid, 'meterbook_app', 'member'), rolsuper"
        " FROM pg_roles WHERE rolname = %s",
        [login],
    )
    yield judged(
        "application login",
        login,
        good=is_member and not is_super,
        remedy=f"GRANT meterbook_app TO {login}; and let another login own the schema "
        "(DATABASE_OWNER_URL): an owner or superuser can change history.",
        bad=Verdict.WARNING,
    )
    yield from _privileges(login)


def _privileges(login: str) -> Iterator[Finding]:
    if row("SELECT to_regclass('ledger_entry')") == (None,):
        return
    may_add, may_change = row(
        "SELECT has_table_privilege(%s, 'ledger_entry', 'INSERT'),"
        " has_table_privilege(%s, 'ledger_entry', 'UPDATE, DELETE, TRUNCATE')",
        [login, login],
    )
    yield judged(
        "entries",
        f"{login} may {'add' if may_add else 'not add'}, may {'' if may_change else 'not '}change",
        good=may_add and not may_change,
        remedy="Run manage.py migrate as the owner, with the application as another login.",
        bad=Verdict.PROBLEM if not may_add else Verdict.WARNING,
    )


def clock() -> Iterator[Finding]:
    """Do this machine and the server agree about the time?"""
    before = now()
    (there,) = row("SELECT clock_timestamp()")
    after = now()
    skew = (there - (before + (after - before) / 2)).total_seconds()
    yield judged(
        "clock",
        f"the database's is {skew:+.3f} s off ours",
        good=abs(skew) < MOST_SKEW,
        remedy="Let NTP set both machines' clocks.",
    )


def transaction_counter() -> Iterator[Finding]:
    """Has the server's transaction counter gone back, as after loading a dump into a new one?"""
    if row("SELECT to_regclass('ledger_receipt')") == (None,):
        return
    try:
        horizon.check()
    except ForeignHistoryError as error:
        remedy = (
            "Stop writing. Restore a physical backup instead (manage.py restore), or raise this"
            " server's counter past the journal's (pg_resetwal -x and -e, on a stopped server)."
        )
        yield Finding("transaction counter", Verdict.PROBLEM, str(error), remedy)
    else:
        yield Finding("transaction counter", Verdict.GOOD, "past the journal's")


def storage() -> Iterator[Finding]:
    """Is there room, and a backup?"""
    place = connection.settings_dict.get("EMBEDDED_HOME")
    if not place:
        return
    home = Home(Path(place))
    free = shutil.disk_usage(home.store).free
    yield judged(
        "disk",
        f"{free / 1024**3:,.1f} GB free for {home.data}",
        good=free > LEAST_DISK,
        remedy="Make room: the database stops when the disk is full.",
    )
    taken = backups.listed(home.backups)
    yield judged(
        "backup",
        f"last {taken[-1].taken_at:%Y-%m-%d %H:%M} UTC" if taken else "none",
        good=bool(taken),
        remedy="manage.py backup; from the first one on, any later instant can be restored.",
        bad=Verdict.WARNING,
    )
