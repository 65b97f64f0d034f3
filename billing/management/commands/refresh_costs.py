"""``manage.py refresh_costs``: take the installed price list of models into the price book."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.timezone import now
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from billing.costs import price_list, published


class Command(BaseCommand):
    help = (
        "Take what providers charge for models' tokens from the installed release of genai-prices."
        " Nothing is fetched; to have newer prices, install a newer release. Again changes nothing."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        models = list(published.models())
        columns = TextColumn("models compared"), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=len(models))
            done = price_list.refresh(
                at=now(), models=models, advance=lambda count: bar.advance(task, count)
            )
        self.stdout.write(
            f"genai-prices {done.release}: {done.added:,} models added, {done.changed:,} changed,"
            f" {done.unchanged:,} unchanged"
        )
