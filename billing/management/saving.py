"""Writes documents to files, as commands do."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from billing.invoicing.documents.storing import File


def save(command: BaseCommand, file: File, path: Path | None) -> None:
    """Write a file, named by itself unless told, and say what a reader should know of it."""
    path = path or Path(file.name)
    try:
        path.write_bytes(file.content)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
    command.stdout.write(f"{path}: {len(file.content):,} bytes, SHA-256 {file.sha256}")
    for problem in file.problems:
        command.stderr.write(f"{problem['code']}: {problem['detail']}; {problem['remedy']}")
