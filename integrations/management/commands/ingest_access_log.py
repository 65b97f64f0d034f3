"""``manage.py ingest_access_log``: calls from the access logs of nginx, Envoy and others."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.console import Console

from billing.management.commands import ingest
from billing.management.commands.ingest import Loaded, load_files, pairs, zone
from billing.metering.files import reader_of_times
from integrations.sources import made
from integrations.sources.access_logs import ATTRIBUTES, SERVERS, Reader
from ledger.models import Book


class Command(ingest.Command):
    help = (
        "Take calls in from access logs, a JSON object a line, plain or gzip: an event of each"
        " line, under the id that the server gave the call. Lines that were taken before are"
        " duplicates, whatever the file is called by now, as long as --source is the same."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_common_arguments(parser)
        parser.add_argument("--server", choices=sorted(SERVERS), help="whose names are mapped")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="NAME=MEMBER",
            help=f"{', '.join(ATTRIBUTES)}, or a member of the data; added to the server's names",
        )
        parser.add_argument("--source", default="access-log", help="of all lines")
        parser.add_argument("--type", default=made.REQUEST, help="of all lines")
        parser.add_argument("--time-format", default="", help="as strptime's, unix or unix_ms")
        parser.add_argument("--zone", default="UTC", help="of times that name none")

    def load(self, book: Book, options: dict[str, Any]) -> Loaded:
        """Take the files in."""
        reader = _reader(options)
        return load_files(
            book=book,
            paths=options["files"],
            columns_of=_lines,
            workers=max(1, options["workers"]),
            console=Console(stderr=True),
            change=reader.event,
        )


def _lines(_path: Path) -> None:
    """Say that a file has no columns."""


def _reader(options: dict[str, Any]) -> Reader:
    members = {**SERVERS.get(options["server"], {}), **pairs("--map", options["map"])}
    for name in ATTRIBUTES:
        if name not in members:
            raise CommandError(f"Say where the {name} is: --map {name}=MEMBER, or name a --server.")
    return Reader(
        source=options["source"],
        members=members,
        instant=reader_of_times(options["time_format"], zone(options["zone"])),
        kind=options["type"],
    )
