"""``manage.py import_catalogue``: a book's catalogue made as a file says, or what that would do."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TextIO, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now
from rich.console import Console
from rich.text import Text

from billing.management.commands.ingest import book_named
from billing.plans.errors import InvalidDraftError
from billing.plans.files import exchange, writing
from billing.plans.files.changes import Action, Change

_SIGNS: Final = {
    Action.CREATE: ("+", "green"),
    Action.CHANGE: ("~", "yellow"),
    Action.PUBLISH: ("↑", "cyan"),
    Action.ARCHIVE: ("-", "red"),
}
_SHOWN: Final = 60  # characters of a value
_MOST: Final = 20  # fields of one thing


class Command(BaseCommand):
    help = (
        "Make a book's catalogue as a file in YAML or JSON says: what is missing is made, what may"
        " change is changed, what is not in the file stays. All of it or nothing; again changes"
        " nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the file; - for standard input")
        parser.add_argument("--book", help="the book's key; may be left out if there is only one")
        parser.add_argument(
            "--dry-run", action="store_true", help="only show what would change, field by field"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        content, book = self._content(options["file"]), book_named(options["book"])
        console = Console(file=cast("TextIO", self.stdout), soft_wrap=True, highlight=False)
        try:
            changes = exchange.load(
                book=book,
                document=writing.read(content),
                at=now(),
                is_dry_run=options["dry_run"],
            )
        except InvalidDraftError as error:
            listed = (f"{each.field or 'file'}: {each.message}" for each in error.problems)
            raise CommandError("Nothing was changed.\n" + "\n".join(listed)) from error
        for change in changes:
            console.print(shown(change))
        console.print(_summary(changes, is_dry_run=options["dry_run"]))

    def _content(self, file: str) -> bytes:
        most = writing.MAX_BYTES + 1
        if file == "-":
            return sys.stdin.buffer.read(most)
        try:
            with Path(file).open("rb") as opened:
                return opened.read(most)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error


def shown(change: Change) -> Text:
    """Return a change as lines: what becomes of what, then each field."""
    sign, colour = _SIGNS[change.action]
    text = Text(f"{sign} {change.action} {change.kind} {change.key}", style=colour)
    for each in change.fields[:_MOST]:
        text.append(f"\n    {each.field}: ", style="default")
        text.append(_value(each.before), style="red")
        text.append(" → ", style="default")
        text.append(_value(each.after), style="green")
    if (more := len(change.fields) - _MOST) > 0:
        text.append(f"\n    and {more} more", style="default")
    return text


def _value(value: Any) -> str:
    written = "–" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"


def _summary(changes: Sequence[Change], *, is_dry_run: bool) -> str:
    if not changes:
        return "The catalogue is as the file says."
    counts = [(sum(each.action is action for each in changes), action) for action in Action]
    listed = ", ".join(f"{count} × {action}" for count, action in counts if count)
    return f"{'Would do' if is_dry_run else 'Done'}: {listed}."
