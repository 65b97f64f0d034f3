"""Histories of subscriptions, drawn at random, and what they sell in plain words."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from billing.subscriptions.history import Event, Kind
from billing.subscriptions.offers import AddonTerms, Card, Extra, Offer, Phase
from billing.subscriptions.timeline import fold
from ledger.durations import parse
from ledger.errors import ConflictError

START = datetime(2024, 1, 31, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def terms(price):
    return {"price": price, "unit_config": None, "discounts": None, "commitments": None}


def fee(key, amount, *, cadence="P1M"):
    return Card(
        key=key,
        name=key,
        terms=terms({"type": "flat", "amount": amount}),
        payment_term="in_advance",
        billing_cadence=cadence,
    )


def usage(key, amount, *, meter=1):
    return Card(
        key=key,
        name=key,
        terms=terms({"type": "unit", "amount": amount}),
        payment_term="in_arrears",
        billing_cadence="P1M",
        feature_id=meter,
        meter_id=meter,
    )


def phase(key, *cards, duration=None):
    return Phase(key=key, duration=duration and parse("duration", duration), cards=cards)


def offer(number, *phases, addons=None):
    return Offer(
        id=number,
        label=f"plan {number}",
        billing_cadence=parse("billing_cadence", "P1M"),
        phases=phases,
        addons=addons or {},
    )


EXTRA = Extra(
    id=7, key="seats", is_single=False, cards=(fee("seat", "5"), fee("fit", "9", cadence=""))
)
ADDONS = {7: AddonTerms(from_phase="main", max_quantity=None)}
OFFERS = {
    1: offer(
        1,
        phase("trial", usage("tokens", "0"), duration="P14D"),
        phase("main", fee("base", "10"), fee("setup", "50", cadence=""), usage("tokens", "1")),
        addons=ADDONS,
    ),
    2: offer(
        2, phase("main", fee("base", "20"), usage("tokens", "1"), usage("calls", "2", meter=2))
    ),
    3: offer(
        3,
        phase("ramp", fee("base", "10"), duration="P1M"),
        phase("ramp2", fee("base", "15"), duration="P1M"),
        phase("main", fee("base", "20"), usage("tokens", "1")),
        addons=ADDONS,
    ),
}
EXTRAS = {7: EXTRA}

instants = st.integers(0, 150 * 24).map(lambda hours: START + timedelta(hours=hours))
KEYS = ["base", "tokens", "setup", "own"]
patches = st.fixed_dictionaries(
    {
        "key": st.sampled_from(KEYS),
        "discounts": st.sampled_from([None, {"percentage": 10}, {"percentage": 20}]),
        "phase": st.sampled_from(["", "main"]),
    }
)
plans = st.fixed_dictionaries(
    {
        "plan_version": st.sampled_from(list(OFFERS)),
        "overrides": st.lists(patches, max_size=2),
        "starting_phase": st.sampled_from(["", "main"]),
    }
)
edits = st.one_of(
    st.just({"add": [{**fee("own", "3").document(), "phase": ""}]}),
    patches.map(lambda patch: {"replace": [patch]}),
    st.sampled_from(KEYS).map(lambda key: {"remove": [{"key": key, "phase": ""}]}),
)
contents = {
    Kind.CHANGED: plans,
    Kind.MIGRATED: plans,
    Kind.EDITED: edits,
    Kind.ADDON_SET: st.integers(0, 3).map(
        lambda quantity: {"addon": 1, "addon_version": 7, "quantity": quantity}
    ),
    Kind.PAUSED: st.just({}),
    Kind.RESUMED: st.just({}),
    Kind.CANCELED: st.just({}),
}


def comes_to(events):
    return fold(events, offers=OFFERS, extras=EXTRAS, zone=UTC)


@st.composite
def histories(draw):
    """Return changes of which each was possible when it was made."""
    first = Event(sequence=1, kind=Kind.CREATED, effective_at=START, content=draw(plans))
    events = [first]
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(list(contents)))
        event = Event(
            sequence=len(events) + 1,
            kind=kind,
            effective_at=draw(instants),
            content=draw(contents[kind]),
        )
        try:
            comes_to([*events, event])
        except ConflictError:
            continue
        events.append(event)
    return events


def sold(events, at):
    """Say what is sold at an instant: key → (terms, phase, quantity), from the changes alone."""
    past = sorted((e for e in events if e.effective_at <= at), key=lambda e: e.effective_at)
    states = [e.kind for e in past if e.kind in {Kind.PAUSED, Kind.RESUMED, Kind.CANCELED}]
    if not past or Kind.CANCELED in states or states[-1:] == [Kind.PAUSED]:
        return {}
    plan_changes = [e for e in past if e.kind in {Kind.CREATED, Kind.CHANGED, Kind.MIGRATED}]
    text = OFFERS[plan_changes[-1].content["plan_version"]]
    chosen = [e for e in plan_changes if e.kind is not Kind.MIGRATED][-1].effective_at
    here = _phase(text, plan_changes[-1].content["starting_phase"], _counted_from(plan_changes), at)
    items = {card.key: dict(card.terms) for card in here.cards}
    edited = [e.content for e in past if e.kind is Kind.EDITED and e.effective_at >= chosen]
    for content in [{"replace": plan_changes[-1].content["overrides"]}, *edited]:
        for gone in content.get("remove", ()):
            items.pop(gone["key"], None)
        for patch in content.get("replace", ()):
            if patch["key"] in items and patch["phase"] in {"", here.key}:
                items[patch["key"]] = {**items[patch["key"]], "discounts": patch["discounts"]}
        for new in content.get("add", ()):
            items[new["key"]] = dict(new["terms"])
    found = {key: (terms, here.key, 1) for key, terms in items.items()}
    quantities = [e.content["quantity"] for e in past if e.kind is Kind.ADDON_SET]
    if quantities and quantities[-1] and text.addons and here.key == "main":
        found |= {f"seats/{c.key}": (c.terms, "main", quantities[-1]) for c in EXTRA.cards}
    return found


def _counted_from(plan_changes):
    chosen = [e for e in plan_changes if e.kind is not Kind.MIGRATED]
    return chosen[-1].effective_at


def _phase(text, first, starts_at, at):
    keys = [own.key for own in text.phases]
    for own in text.phases[keys.index(first) if first in keys else 0 :]:
        if own.duration is None:
            return own
        ends_at = {"P14D": starts_at + 14 * DAY, "P1M": _a_month_later(starts_at)}[_text(own)]
        if at < ends_at:
            return own
        starts_at = ends_at
    raise AssertionError("the last phase is open")


def _text(own):
    return {("day", 14): "P14D", ("month", 1): "P1M"}[own.duration.unit, own.duration.count]


def _a_month_later(at):
    year, month = at.year + at.month // 12, at.month % 12 + 1
    for day in (at.day, 30, 29, 28):
        try:
            return at.replace(year=year, month=month, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
