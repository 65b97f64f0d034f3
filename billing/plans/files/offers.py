"""Plans and add-ons in a catalogue's document: each with all its versions."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from billing.models import Addon, AddonVersion, Plan, PlanVersion
from billing.plans import addons, documents, drafting, publishing, versions
from billing.plans.documents import Document
from billing.plans.errors import InvalidDraftError
from billing.plans.files.changes import Action, Change, FieldChange, differences
from billing.plans.files.sections import (
    FileForm,
    Row,
    Section,
    Verdict,
    instant,
    instant_text,
    problems_below,
)
from billing.plans.reading import below
from billing.rating.reading import Object
from ledger.errors import InvalidInputError
from ledger.models import Book

_DATES: Final = frozenset({"version", "effective_from", "effective_to"})
_MOST: Final = 1000
_ATTACHED: Final[Mapping[str, object]] = {
    "name": "",
    "description": "",
    "max_quantity": None,
    "metadata": {},
}


class _Offers(Section):
    """What plans and add-ons have in common: published versions stay, a draft is replaced."""

    own: ClassVar[frozenset[str]] = frozenset()  # fields of a version beside its document's

    @abstractmethod
    def parse(self, document: object) -> Document:
        """Return a version's document in its full form."""

    def read(self, form: FileForm, held: Object, path: str) -> Row:
        form.fields(held, path, frozenset({"key", "versions"}))
        key = form.key(held, "key", path)
        rows = form.rows(held, "versions", path, _MOST)
        read = [
            self._version(form, key, row, f"{path}.versions[{place}]", place + 1)
            for place, row in enumerate(rows)
        ]
        return {"key": key, "versions": read}

    def _version(self, form: FileForm, key: str, row: object, path: str, expected: int) -> Row:
        if not isinstance(row, Mapping):
            form.fields(row, path, frozenset())
            return {}
        if row.get("version") != expected:
            message = f"Versions are there in order from 1: this is {expected}."
            form.refuse("not_in_order", f"{path}.version", message, value=row.get("version"))
        dates = {name: form.instant(row, name, path) for name in sorted(_DATES - {"version"})}
        extra = {name: row.get(name) for name in self.own}
        text = {name: row[name] for name in row if name not in _DATES | self.own}
        try:
            read = _keyed(self.parse(text | {"key": key}))
        except InvalidDraftError as error:
            for one in error.problems:
                form.refuse(one.code, below(path, one.field), one.message, **one.attributes)
            read = {}
        return {"version": expected, **dates, **read, **self._extra(form, extra, path)}

    def _extra(self, form: FileForm, held: Object, path: str) -> Row:
        return {}

    def compare(self, before: Row | None, row: Row, path: str) -> Verdict:
        verdict = Verdict()
        known = {} if before is None else {old["version"]: old for old in before["versions"]}
        for place, version in enumerate(row["versions"]):
            self._compare(known.get(version["version"]), version, row["key"], verdict,
                          f"{path}.versions[{place}]")  # fmt: skip
        return verdict

    def _compare(
        self, before: Row | None, version: Row, key: str, verdict: Verdict, path: str
    ) -> None:
        name = f"{key} v{version['version']}"
        fields = [] if before is None else list(differences(_text(before), _text(version)))
        is_published = before is not None and before["effective_from"] is not None
        if before is None:
            verdict.changes.append(Change(action=Action.CREATE, kind=self.kind, key=name))
        elif is_published:
            for each in fields:
                verdict.refuse(each, path, "It is published: make a new version.")
            for each in differences(
                before["effective_from"], version["effective_from"], "effective_from"
            ):
                verdict.refuse(each, path, "It is published from that instant on.")
            fields = []
        if before is not None:
            fields += self._gained(before, version)
        if fields:
            verdict.changes.append(
                Change(action=Action.CHANGE, kind=self.kind, key=name, fields=tuple(fields))
            )
        if version["effective_from"] is not None and not is_published:
            dated = FieldChange(
                field="effective_from", before=None, after=version["effective_from"]
            )
            verdict.changes.append(
                Change(action=Action.PUBLISH, kind=self.kind, key=name, fields=(dated,))
            )

    def _gained(self, before: Row, version: Row) -> list[FieldChange]:
        return []

    def apply(self, book: Book, row: Row, before: Row | None, at: datetime, path: str) -> None:
        known = {} if before is None else {old["version"]: old for old in before["versions"]}
        for place, version in enumerate(row["versions"]):
            old = known.get(version["version"])
            with problems_below(f"{path}.versions[{place}]"):
                self._apply(book, row["key"], version, old, at)

    def _apply(self, book: Book, key: str, version: Row, before: Row | None, at: datetime) -> None:
        document = _text(version)
        if before is None:
            self.draft(book, key, document, version["version"], at)
        elif before["effective_from"] is None and _text(before) != document:
            self.replace(book, key, document, at)
        self.attach(book, key, version, before, at)
        effective_from = instant(version["effective_from"])
        if effective_from is not None and (before is None or before["effective_from"] is None):
            self.publish(book, key, effective_from, at)

    def attach(self, book: Book, key: str, version: Row, before: Row | None, at: datetime) -> None:
        """Attach what a version gains."""

    @abstractmethod
    def draft(self, book: Book, key: str, document: Document, number: int, at: datetime) -> None:
        """Draft a version."""

    @abstractmethod
    def replace(self, book: Book, key: str, document: Document, at: datetime) -> None:
        """Have the draft say something else."""

    @abstractmethod
    def publish(self, book: Book, key: str, effective_from: datetime, at: datetime) -> None:
        """Put the draft on offer."""

    @abstractmethod
    def archive(self, book: Book, key: str, number: int, effective_to: datetime) -> None:
        """Take a version off offer."""

    @abstractmethod
    def dates(self, book: Book, key: str) -> dict[int, datetime | None]:
        """Return until when each version of a key is on offer."""

    def finish(self, book: Book, row: Row, path: str) -> list[Change]:
        found, changes = self.dates(book, row["key"]), []
        for place, version in enumerate(row["versions"]):
            wanted, ends_at = instant(version["effective_to"]), found.get(version["version"])
            if wanted is None or wanted == ends_at:
                continue
            with problems_below(f"{path}.versions[{place}]"):
                if ends_at is not None and wanted > ends_at:
                    remedy = f"it ends at {instant_text(ends_at)} and not later: leave it out"
                    raise InvalidInputError(
                        field="effective_to", value=version["effective_to"], remedy=remedy
                    )
                self.archive(book, row["key"], version["version"], wanted)
            dated = FieldChange(
                field="effective_to", before=instant_text(ends_at), after=version["effective_to"]
            )
            name = f"{row['key']} v{version['version']}"
            changes.append(Change(action=Action.ARCHIVE, kind=self.kind, key=name, fields=(dated,)))
        return changes

    def compact(self, row: Row) -> Row:
        return {
            "key": row["key"],
            "versions": [
                {name: value for name, value in self._compact(version).items() if name != "key"}
                for version in row["versions"]
            ],
        }

    def _compact(self, version: Row) -> Row:
        found = documents.compact(version)
        return {
            name: value
            for name, value in found.items()
            if not (name in _DATES and value is None) and not (name in self.own and value == [])
        }


class Addons(_Offers):
    """Add-ons."""

    name = "addons"
    kind = "add-on"

    def parse(self, document: object) -> Document:
        return documents.read_addon(document)

    def current(self, book: Book) -> dict[str, Row]:
        found: dict[str, Row] = {}
        for version in versions.addons(book):
            row = found.setdefault(version.addon.key, {"key": version.addon.key, "versions": []})
            row["versions"].append(_dated(version) | _keyed(versions.addon_document(version)))
        return found

    def draft(self, book: Book, key: str, document: Document, number: int, at: datetime) -> None:
        if number == 1:
            addons.create(book=book, document=document, at=at)
        else:
            addons.next_version(addon=_addon(book, key), document=document, at=at)

    def replace(self, book: Book, key: str, document: Document, at: datetime) -> None:
        addons.replace(addon=_addon(book, key), document=document, at=at)

    def publish(self, book: Book, key: str, effective_from: datetime, at: datetime) -> None:
        publishing.publish_addon(addon=_addon(book, key), effective_from=effective_from, at=at)

    def archive(self, book: Book, key: str, number: int, effective_to: datetime) -> None:
        publishing.archive_addon(
            addon=_addon(book, key), version=number, effective_to=effective_to, at=effective_to
        )

    def dates(self, book: Book, key: str) -> dict[int, datetime | None]:
        rows = AddonVersion.objects.filter(addon__book=book, addon__key=key)
        return dict(rows.values_list("version", "effective_to"))


class Plans(_Offers):
    """Plans, but for those that are one customer's own."""

    name = "plans"
    kind = "plan"
    own = frozenset({"addons"})

    def parse(self, document: object) -> Document:
        return documents.read_plan(document)

    def _extra(self, form: FileForm, held: Object, path: str) -> Row:
        rows = form.rows(held, "addons", path, _MOST)
        return {
            "addons": [
                self._attached(form, row, f"{path}.addons[{place}]")
                for place, row in enumerate(rows)
            ]
        }

    def _attached(self, form: FileForm, row: object, path: str) -> Row:
        known = frozenset({"addon", "version", "from_plan_phase", *_ATTACHED})
        held = form.fields(row, path, known) or {}
        return {
            "addon": form.key(held, "addon", path),
            "version": form.count(held, "version", path) or 1,
            "from_plan_phase": form.key(held, "from_plan_phase", path),
            "name": form.words(held, "name", path, longest=256),
            "description": form.words(held, "description", path),
            "max_quantity": form.count(held, "max_quantity", path),
            "metadata": form.json(held, "metadata", path),
        }

    def current(self, book: Book) -> dict[str, Row]:
        found: dict[str, Row] = defaultdict(dict)
        for version in versions.plans(book).filter(plan__customer=None):
            row = found.setdefault(version.plan.key, {"key": version.plan.key, "versions": []})
            attached = [_attached(each) for each in version.addons.all()]
            text = _keyed(versions.plan_document(version))
            row["versions"].append(_dated(version) | text | {"addons": attached})
        return found

    def _gained(self, before: Row, version: Row) -> list[FieldChange]:
        if before["effective_from"] is None:
            return list(differences(before["addons"], version["addons"], "addons"))
        there = {(each["addon"], each["version"]) for each in before["addons"]}
        return [
            FieldChange(field=f"addons[{place}]", before=None, after=each)
            for place, each in enumerate(version["addons"])
            if (each["addon"], each["version"]) not in there
        ]

    def attach(self, book: Book, key: str, version: Row, before: Row | None, at: datetime) -> None:
        found = versions.plans(book).get(plan__key=key, version=version["version"])
        there = set()
        for attached in found.addons.all():
            if found.effective_from is None and _attached(attached) not in version["addons"]:
                addons.detach(attached=attached)
            else:
                there.add((attached.addon_version.addon.key, attached.addon_version.version))
        for place, each in enumerate(version["addons"]):
            if (each["addon"], each["version"]) in there:
                continue
            with problems_below(f"addons[{place}]"):
                terms = {name: each[name] for name in ("from_plan_phase", *_ATTACHED)}
                addons.attach(
                    plan_version=found,
                    addon_version=_addon_version(book, each),
                    at=at,
                    may_be_archived=True,
                    **terms,
                )

    def draft(self, book: Book, key: str, document: Document, number: int, at: datetime) -> None:
        if number == 1:
            drafting.create(book=book, document=document, at=at)
        else:
            drafting.next_version(plan=_plan(book, key), document=document, at=at, bare=True)

    def replace(self, book: Book, key: str, document: Document, at: datetime) -> None:
        drafting.replace(plan=_plan(book, key), document=document, at=at)

    def publish(self, book: Book, key: str, effective_from: datetime, at: datetime) -> None:
        publishing.publish_plan(plan=_plan(book, key), effective_from=effective_from, at=at)

    def archive(self, book: Book, key: str, number: int, effective_to: datetime) -> None:
        publishing.archive_plan(
            plan=_plan(book, key), version=number, effective_to=effective_to, at=effective_to
        )

    def dates(self, book: Book, key: str) -> dict[int, datetime | None]:
        rows = PlanVersion.objects.filter(plan__book=book, plan__key=key)
        return dict(rows.values_list("version", "effective_to"))

    def _compact(self, version: Row) -> Row:
        attached = [
            {name: value for name, value in each.items() if _ATTACHED.get(name, ...) != value}
            for each in version["addons"]
        ]
        return super()._compact(version | {"addons": attached})


def _addon(book: Book, key: str) -> Addon:
    return Addon.objects.select_related("book").get(book=book, key=key)


def _plan(book: Book, key: str) -> Plan:
    return Plan.objects.select_related("book").get(book=book, key=key, customer=None)


def _addon_version(book: Book, named: Row) -> AddonVersion:
    rows = versions.addons(book).filter(addon__key=named["addon"], version=named["version"])
    if (found := rows.first()) is None:
        remedy = "name a version of an add-on of the book or of this catalogue"
        value = f"{named['addon']} v{named['version']}"
        raise InvalidInputError(field="addon", value=value, remedy=remedy)
    return found


def _attached(attached: Any) -> Row:
    return {
        "addon": attached.addon_version.addon.key,
        "version": attached.addon_version.version,
        "from_plan_phase": attached.from_plan_phase,
        "name": attached.name,
        "description": attached.description,
        "max_quantity": attached.max_quantity,
        "metadata": attached.metadata,
    }


def _dated(version: PlanVersion | AddonVersion) -> Row:
    return {
        "version": version.version,
        "effective_from": instant_text(version.effective_from),
        "effective_to": instant_text(version.effective_to),
    }


def _text(version: Row) -> Document:
    """Return what a version says, without its dates and add-ons."""
    return {name: value for name, value in version.items() if name not in _DATES | {"addons"}}


def _keyed(document: Document) -> Document:
    """Return a document that names features and tax codes by their keys alone."""
    found: Document = {}
    for name, value in document.items():
        if name in {"phases", "rate_cards"}:
            found[name] = [_keyed(part) for part in value]
        elif name == "feature" and value is not None:
            found[name] = value.get("key", value)
        elif name == "tax_config" and value is not None:
            found[name] = {**value, "code": value["code"].get("key", value["code"])}
        else:
            found[name] = value
    return found
