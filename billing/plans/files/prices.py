"""Price lists in a catalogue's document: rate cards with their rates."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from billing import catalogue
from billing.models import Rate, RateCard
from billing.plans.files.changes import Action, Change, FieldChange, differences
from billing.plans.files.sections import (
    MOST,
    FileForm,
    Row,
    Section,
    Verdict,
    instant,
    instant_text,
    number,
    problems_below,
)
from billing.plans.files.simple import asset, meter
from billing.rating.reading import Object
from ledger.models import Book
from ledger.money import text

_RATE: Final[Mapping[str, object]] = {
    "match": {},
    "unit_price": None,
    "terms": None,
    "unit_cost": None,
    "provider": "",
}


class PriceLists(Section):
    """Prices in one currency; a price never changes, a list gains others."""

    name = "price_lists"
    kind = "price list"
    defaults = {"name": "", "is_default": False, "rates": []}

    def read(self, form: FileForm, held: Object, path: str) -> Row:
        form.fields(held, path, frozenset({"key", "name", "asset", "is_default", "rates"}))
        rows = form.rows(held, "rates", path, MOST)
        return {
            "key": form.key(held, "key", path),
            "name": form.words(held, "name", path, longest=200),
            "asset": form.key(held, "asset", path),
            "is_default": form.flag(held, "is_default", path, default=False),
            "rates": [
                self._rate(form, row, f"{path}.rates[{place}]") for place, row in enumerate(rows)
            ],
        }

    def _rate(self, form: FileForm, row: object, path: str) -> Row:
        held = form.fields(row, path, frozenset({"meter", "effective_from", *_RATE})) or {}
        if held.get("effective_from") is None:
            form.refuse("required", f"{path}.effective_from", "This field is required.")
        return {
            "meter": form.key(held, "meter", path),
            "match": form.texts(held, "match", path),
            "unit_price": form.amount(held, "unit_price", path),
            "terms": form.terms(held, "terms", path),
            "unit_cost": form.amount(held, "unit_cost", path),
            "provider": form.words(held, "provider", path, longest=200),
            "effective_from": form.instant(held, "effective_from", path),
        }

    def current(self, book: Book) -> dict[str, Row]:
        rates: dict[int, list[Row]] = defaultdict(list)
        rows = Rate.objects.filter(rate_card__book=book).select_related("meter").order_by("pk")
        for rate in rows:
            rates[rate.rate_card_id or 0].append(self._row(rate))
        cards = RateCard.objects.filter(book=book).select_related("asset").order_by("key")
        return {
            card.key: {
                "key": card.key,
                "name": card.name,
                "asset": card.asset.code,
                "is_default": card.is_default,
                "rates": rates[card.pk],
            }
            for card in cards
        }

    def _row(self, rate: Rate) -> Row:
        return {
            "meter": rate.meter.key,
            "match": rate.match,
            "unit_price": text(rate.unit_price) if rate.terms is None else None,
            "terms": rate.terms,
            "unit_cost": None if rate.unit_cost is None else text(rate.unit_cost),
            "provider": rate.provider,
            "effective_from": instant_text(rate.effective_from),
        }

    def compare(self, before: Row | None, row: Row, path: str) -> Verdict:
        verdict = Verdict()
        if before is None:
            created = Change(action=Action.CREATE, kind=self.kind, key=row["key"])
            verdict.changes.append(created)
        fields = [] if before is None else self._changed(before, row, path, verdict)
        known = {} if before is None else {_name(rate): rate for rate in before["rates"]}
        added = []
        for place, rate in enumerate(row["rates"]):
            there = known.get(_name(rate))
            if there is None:
                added.append(FieldChange(field=f"rates[{place}]", before=None, after=rate))
                known[_name(rate)] = rate
            for each in differences(there, rate) if there is not None else ():
                message = "A price never changes: add one from a later instant."
                verdict.refuse(each, f"{path}.rates[{place}]", message)
        if fields := fields + (added if before is not None else []):
            change = Change(
                action=Action.CHANGE, kind=self.kind, key=row["key"], fields=tuple(fields)
            )
            verdict.changes.append(change)
        return verdict

    def _changed(self, before: Row, row: Row, path: str, verdict: Verdict) -> list[FieldChange]:
        for each in differences(before["name"], row["name"], "name"):
            verdict.refuse(each, path, "A price list keeps its name.")
        for each in differences(before["asset"], row["asset"], "asset"):
            verdict.refuse(each, path, "A price list keeps its currency: make another.")
        is_new = row["is_default"] and not before["is_default"]
        return [FieldChange(field="is_default", before=False, after=True)] if is_new else []

    def apply(self, book: Book, row: Row, before: Row | None, at: datetime, path: str) -> None:
        with problems_below(path):
            card = self._card(book, row, before, at)
        known = set() if before is None else {_name(rate) for rate in before["rates"]}
        for place, rate in enumerate(row["rates"]):
            if _name(rate) in known:
                continue
            known.add(_name(rate))
            with problems_below(f"{path}.rates[{place}]"):
                effective_from = instant(rate["effective_from"])
                assert effective_from is not None, "it has been read"
                catalogue.add_rate(
                    rate_card=card,
                    meter=meter(book, rate["meter"]),
                    unit_price=number(rate["unit_price"]),
                    terms=rate["terms"],
                    match=rate["match"],
                    unit_cost=number(rate["unit_cost"]),
                    provider=rate["provider"],
                    effective_from=effective_from,
                    at=at,
                )

    def _card(self, book: Book, row: Row, before: Row | None, at: datetime) -> RateCard:
        if before is None:
            return catalogue.create_rate_card(
                book=book,
                key=row["key"],
                name=row["name"],
                asset=asset(row["asset"], "asset"),
                is_default=row["is_default"],
                at=at,
            )
        card = RateCard.objects.select_related("asset", "book").get(book=book, key=row["key"])
        if row["is_default"] and not card.is_default:
            catalogue.make_default(rate_card=card)
        return card

    def compact(self, row: Row) -> Row:
        rates = [
            {name: value for name, value in rate.items() if _RATE.get(name, ...) != value}
            for rate in row["rates"]
        ]
        return super().compact(row | {"rates": rates})


def _name(rate: Row) -> str:
    return json.dumps([rate["meter"], rate["match"], rate["effective_from"]], sort_keys=True)
