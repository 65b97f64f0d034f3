"""``manage.py rebuild_balances``: derive buckets and balances from the journal anew."""

from typing import Any

from django.core.management.base import BaseCommand

from ledger import folding


class Command(BaseCommand):
    help = (
        "Derive buckets and balances from the journal anew, as the database's owner."
        " Run verify_ledger first: the journal itself must agree."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        folded = folding.rebuild()
        self.stdout.write(f"rebuilt; {folded:,} transactions folded")
