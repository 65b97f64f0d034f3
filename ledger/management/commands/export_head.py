"""``manage.py export_head``: the head of the chain of seals, to be kept elsewhere."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ledger import sealing


class Command(BaseCommand):
    help = "Write the head of the chain of seals; verify_ledger --head holds the books to it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("-o", "--output", type=Path, help="the file to write (else: stdout)")

    def handle(self, *_args: Any, output: Path | None, **_options: Any) -> None:
        head = sealing.export_head()
        if output is None:
            self.stdout.write(head, ending="")
        else:
            output.write_text(head)
