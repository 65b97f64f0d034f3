"""A book in an installation of its own, and files of usage for it. Run as a script to make them."""

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

CUSTOMERS = 20
FILES = 10
EVENTS = 120_000
TOKENS = [n % 17 for n in range(EVENTS)]
BEGINNING = datetime(2025, 6, 1, tzinfo=UTC)


def write_usage(folder: Path) -> None:
    """Write events, a line each, in turns into as many files as asked."""
    for number in range(FILES):
        with (folder / f"usage{number}.ndjson").open("w") as file:
            file.writelines(written(n) for n in range(number, EVENTS, FILES))


def written(number: int) -> str:
    at = (BEGINNING + timedelta(seconds=number)).isoformat()
    return (
        f'{{"specversion":"1.0","id":"e{number}","source":"gateway","type":"call",'
        f'"subject":"s{number // FILES % CUSTOMERS}","time":"{at}",'
        f'"data":{{"tokens":{TOKENS[number]}}}}}\n'
    )


def make_book() -> None:
    """Make a book with prepaid customers that have less than they will use."""
    import django

    django.setup()
    from billing import catalogue
    from ledger.models import Asset, Book, Customer
    from wallets import grants

    at = datetime(2025, 1, 1, tzinfo=UTC)
    dollars, _ = Asset.objects.get_or_create(
        code="USD", defaults={"name": "USD", "kind": "currency", "scale": 12}
    )
    tokens, _ = Asset.objects.get_or_create(
        code="token", defaults={"name": "token", "kind": "unit", "scale": 0}
    )
    book = Book.objects.create(
        key="main", name="main", base_currency="USD", time_zone="UTC", created_at=at
    )
    card = catalogue.create_rate_card(book=book, key="list", asset=dollars, at=at, is_default=True)
    for aggregation in ("sum", "max"):
        meter = catalogue.create_meter(
            book=book,
            key=aggregation,
            event_type="call",
            aggregation=aggregation,
            value_path="$.tokens",
            unit=tokens,
            at=at,
        )
        catalogue.add_rate(
            rate_card=card, meter=meter, unit_price=Decimal("0.5"), effective_from=at, at=at
        )
    for n in range(CUSTOMERS):
        customer = Customer.objects.create(book=book, key=f"c{n}", name=f"c{n}", created_at=at)
        catalogue.map_subject(book=book, key=f"s{n}", customer=customer, at=at)
        wallet = grants.open_wallet(customer=customer, asset=dollars, key="w", at=at)
        grants.issue(wallet=wallet, key="g", amount=Decimal(1000), at=at)


if __name__ == "__main__":
    write_usage(Path(sys.argv[1]))
    make_book()
