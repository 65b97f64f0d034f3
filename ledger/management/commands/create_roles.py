"""Make the default groups of the admin's users."""

from typing import Any

from django.core.management.base import BaseCommand

from ledger.admin import roles


class Command(BaseCommand):
    help = "Make the groups 'Finance operations' and 'Auditor' with their permissions."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, count in roles.create().items():
            self.stdout.write(f"{name}: {count} permissions")
