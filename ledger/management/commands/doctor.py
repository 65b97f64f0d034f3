"""Say what is wrong with an installation, and the remedy."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection, transaction
from rich.console import Console
from rich.table import Table

from ledger.config.diagnosis import server, service
from ledger.config.diagnosis.findings import Check, Finding, Verdict

WITHOUT_DATABASE: tuple[Check, ...] = (service.python, service.static_files)
WITH_DATABASE: tuple[Check, ...] = (
    server.version,
    server.durability,
    server.roles,
    server.clock,
    service.migrations,
    service.partitions,
    service.beside_partitions,
    server.transaction_counter,
    server.storage,
    service.broker,
    service.worker,
)
_COLOURS = {Verdict.GOOD: "green", Verdict.WARNING: "yellow", Verdict.PROBLEM: "red"}


class Command(BaseCommand):
    """``manage.py doctor``"""

    help = "Examine the installation: what is wrong, and the remedy. Exits with 1 if anything is."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the format."""
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run every check and print what it found."""
        findings = list(examine())
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        else:
            console = Console()
            with console.capture() as printed:
                console.print(_table(findings))
            self.stdout.write(printed.get())
        problems = sum(finding.verdict is Verdict.PROBLEM for finding in findings)
        if problems:
            raise CommandError(f"{problems} problem{'s' if problems > 1 else ''} to solve.")


def examine() -> Iterator[Finding]:
    """Run the checks; a database that does not answer ends those that need it."""
    for check in WITHOUT_DATABASE:
        yield from check()
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        remedy = "Start that server, or correct DATABASE_URL; without it, ours is used."
        yield Finding("database", Verdict.PROBLEM, str(error).strip(), remedy)
        return
    for check in WITH_DATABASE:
        try:
            with transaction.atomic():
                yield from list(check())
        except DatabaseError as error:
            subject = check.__name__.replace("_", " ")
            reason = str(error).strip().splitlines()[0]
            yield Finding(subject, Verdict.PROBLEM, reason, "manage.py migrate, then look again.")


def _table(findings: list[Finding]) -> Table:
    table = Table(title="Meterbook's installation", title_justify="left")
    for heading in ("", "What", "Found", "Remedy"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        colour = _COLOURS[finding.verdict]
        verdict = f"[{colour}]{finding.verdict}[/{colour}]"
        table.add_row(verdict, finding.subject, finding.detail, finding.remedy)
    return table
