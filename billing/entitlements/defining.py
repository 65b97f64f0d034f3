"""
What a question is about: the feature, who has a right to it, its price, the budgets that count it.

All of it are definitions at the versions that the question was asked at; no amounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from billing.budgets.matching import OpenBudget
from billing.entitlements import estimates, rights, sale
from billing.entitlements.answers import Reason
from billing.entitlements.cases import Case, Limit, Money
from billing.entitlements.parties import Party
from billing.entitlements.rights import Rights
from billing.entitlements.sale import Sale, Sold
from billing.metering import own_items, snapshot
from billing.metering.own_items import OwnItems
from billing.metering.snapshot import Snapshot
from billing.rating.filters import Labels


class Definitions:
    """A catalogue and some customers' agreements, each at one version."""

    def __init__(self, book_id: int, version: int, parties: Iterable[Party]) -> None:
        versions: dict[int, int] = {}
        for party in parties:
            versions |= party.versions
        self.catalogue: Snapshot = snapshot.at_version(book_id, version)
        self.sale: Sale = sale.at_version(book_id, version)
        self.rights: Mapping[int, Rights] = rights.of(versions)
        self.items: Mapping[int, OwnItems] = own_items.at_versions(versions)

    def apply(self, case: Case) -> None:
        """Say what a question is about, or why it is refused whatever is left."""
        assert case.party is not None, "it is about somebody"
        key = case.ask.feature_key
        if key and (sold := self.sale.features.get(key)) is None:
            case.refusal = Reason.FEATURE_UNKNOWN
            return
        labels: Labels = ()
        if key and sold is not None:
            case.meter = self.sale.meters.get(sold.meter_id or 0)
            labels = self._labels(case, sold)
            self._entitle(case, case.party, sold)
        if case.refusal is None:
            self._quote(case, case.party, labels)
            case.limits = [*self._limits(case, case.party, labels)]

    def _labels(self, case: Case, sold: Sold) -> Labels:
        meter = case.meter
        if meter is None:
            return ()
        case.unit = self.sale.assets[meter.unit_id].code
        named = {**case.ask.labels, **sold.constants}
        return tuple([named.get(name) for name in meter.dimensions])

    def _entitle(self, case: Case, party: Party, sold: Sold) -> None:
        if sold.id is None:
            return
        line = [held for node in party.line if (held := self.rights.get(node))]
        case.rights = [right for held in line for right in held.at(sold.id, case.at)]
        if sold.is_gated and not case.rights:
            is_bought = any(held.sells(sold.id, case.at) for held in line)
            case.refusal = None if is_bought else Reason.FEATURE_UNAVAILABLE

    def _quote(self, case: Case, party: Party, labels: Labels) -> None:
        if case.meter is not None:
            case.quote = estimates.quote(
                catalogue=self.catalogue,
                own=self.items.get(party.id),
                customer_id=party.id,
                meter=case.meter,
                labels=labels,
                at=case.at,
            )
        case.money = self._money(case, party)

    def _money(self, case: Case, party: Party) -> Money | None:
        """Return what is asked of the customer's credit; None where nothing is priced."""
        quote, ask = case.quote, case.ask
        if quote is None and ask.cost is None and ask.feature_key:
            return None
        terms = self.catalogue.terms_of([party.id])[party.id]
        if quote is not None:
            asset_id, is_credit_only = quote.asset_id, quote.is_credit_only
        else:
            card_id, is_credit_only = terms.rate_card_id, terms.is_credit_only
            priced_in = self.catalogue.assets[card_id] if card_id else None
            asset_id = priced_in or self.catalogue.base_currency_id or 0
        if not asset_id:
            return None
        return Money(
            asset_id=asset_id,
            code=self.sale.assets[asset_id].code,
            scale=self.sale.assets[asset_id].scale,
            feature_key=quote.feature_key if quote else ask.feature_key,
            may_owe=not is_credit_only,
            limit=terms.credit_limit,
            cost=ask.cost,
        )

    def _limits(self, case: Case, party: Party, labels: Labels) -> Iterable[Limit]:
        """Yield the budgets that count it, in money and in units."""
        if not self.catalogue.budgets:
            return
        money, meter = case.money, case.meter
        assets = {money.asset_id if money else 0: True, meter.unit_id if meter else 0: False}
        for asset_id, is_money in assets.items():
            for budget in self._counting(case, party, asset_id, labels):
                period = budget.period_of(case.at)
                yield Limit(
                    budget=budget,
                    is_money=is_money,
                    starts_at=period.starts_at,
                    ends_at=period.ends_at,
                )

    def _counting(
        self, case: Case, party: Party, asset_id: int, labels: Labels
    ) -> Sequence[OpenBudget]:
        budgets = self.catalogue.budgets
        if case.meter is None:
            return [
                budget
                for budget in budgets.of(party.id)
                if budget.asset_id == asset_id
                and not budget.labels
                and budget.feature_key in {"", case.ask.feature_key}
            ]
        counters = budgets.counters(party.id, case.meter, asset_id)
        return [one.budget for one in counters if one.counts(labels, case.at)]
