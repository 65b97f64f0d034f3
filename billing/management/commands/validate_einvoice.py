"""``manage.py validate_einvoice``: check a file against the schema and the rules of EN 16931."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.invoicing.documents import validating
from billing.invoicing.documents.validating import Result, Validation
from ledger.errors import DomainError


class Command(BaseCommand):
    help = (
        "Check an e-invoice (UBL, CII, or a PDF with one in it). Fails if it is not valid, and if"
        " what was asked could not be checked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", choices=validating.FORMATS, help="by the file unless given")
        parser.add_argument("--rules", action="store_true", help="the rules of EN 16931, too")

    def handle(self, *_args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        kind = options["format"] or ("facturx" if content.startswith(b"%PDF") else "ubl")
        try:
            found = validating.validate(content=content, format=kind, rules=options["rules"])
        except DomainError as error:
            raise CommandError(str(error)) from error
        self._tell(found, is_asked_for_rules=options["rules"])

    def _tell(self, found: Validation, *, is_asked_for_rules: bool) -> None:
        self.stdout.write(f"schema: {found.schema}")
        if is_asked_for_rules:
            self.stdout.write(f"rules: {found.rules}")
        for failure in found.failures:
            severity = "warning" if failure.is_warning else "failed"
            self.stdout.write(f"{severity} {failure.rule}: {failure.detail}")
        if found.has_failed:
            raise CommandError("The file is not valid.")
        wanted = [found.schema, found.rules] if is_asked_for_rules else [found.schema]
        if Result.NOT_CHECKED in wanted:
            raise CommandError(f"Not all could be checked: {found.remedy}.")
