"""Customers, their tree, and their balances at a glance."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger import registry
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, badge, instant, link, url
from ledger.admin.fields import BookField, CustomerField, JsonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Column, Table, number
from ledger.models import Account, Customer

_MOST_CHILDREN: Final = 100


class Glance(NamedTuple):
    """A figure of many customers at once: ``read`` takes their ids and makes one query."""

    label: str
    read: Callable[[Collection[int]], Mapping[int, SafeString]]


GLANCES: Final[list[Glance]] = []


def register_glance(
    label: str, read: Callable[[Collection[int]], Mapping[int, SafeString]]
) -> None:
    """Add a column to the list of customers."""
    GLANCES.append(Glance(label, read))


class CustomerForm(OperationForm):
    book = BookField()
    key = forms.CharField(max_length=200)
    name = forms.CharField(max_length=200)
    kind = forms.ChoiceField(choices=Customer.Kind.choices)
    parent = CustomerField(required=False, help_text="The key of the customer it stands below.")
    metadata = JsonField()


class ChangeForm(OperationForm):
    name = forms.CharField(max_length=200)
    parent = CustomerField(required=False, help_text="Empty puts it at the top of the tree.")
    is_active = forms.BooleanField(required=False, label="Active")
    metadata = JsonField()

    def prepare(self) -> None:
        names = ("name", "parent", "is_active", "metadata")
        self.initial = {name: getattr(self.row, name) for name in names}


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    customer = registry.create_customer(at=now(), **given)
    return Done(message=f"Added {customer.key}.", row=customer)


def _change(request: HttpRequest, row: Customer, given: dict[str, Any]) -> Done:
    customer = registry.update_customer(customer=row, **given)
    return Done(message=f"Changed {customer.key}.", row=customer)


def _column(place: int, glance: Glance) -> Any:
    @admin.display(description=glance.label)
    def shown(row: Any) -> SafeString:
        value: SafeString = row.glances[place]
        return value

    shown.__name__ = f"glance_{place}"
    return shown


@admin.register(Customer)
class CustomerAdmin(Listing):
    adding = Operation(
        name="add",
        label="Add a customer",
        explanation="A company, business unit or team. Customers are never deleted.",
        permission="ledger.add_customer",
        form=CustomerForm,
        run=_create,
    )
    fields = ("key", "name", "book", "kind", "line", "is_active", "metadata", "created")
    readonly_fields = fields
    keyset = ("key", "pk")
    list_display = ("key", "name", "kind", "below", "active")
    list_filter = (BookFilter, "kind", "is_active")
    list_select_related = ("parent", "book")
    operations = (
        Operation(
            name="edit",
            label="Change",
            explanation="What has been posted stays where it was posted.",
            permission="ledger.change_customer",
            form=ChangeForm,
            run=_change,
        ),
    )
    search_fields = ("key__istartswith", "name__icontains")
    search_help_text = "Key or name"

    def enrich(self, rows: list[Any]) -> None:
        ids = [row.pk for row in rows]
        read = [glance.read(ids) if ids else {} for glance in GLANCES]
        for row in rows:
            row.glances = [column.get(row.pk, NOTHING) for column in read]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [*self.list_display, *(_column(i, glance) for i, glance in enumerate(GLANCES))]

    def panels(self, request: HttpRequest, obj: Customer) -> dict[str, Any]:
        children = list(obj.children.all()[: _MOST_CHILDREN + 1])
        shown = children[:_MOST_CHILDREN]
        ids = [obj.pk, *(child.pk for child in shown)]
        read = [glance.read(ids) for glance in GLANCES]
        rows = [
            (link(row), row.name, row.get_kind_display(), *(c.get(row.pk, NOTHING) for c in read))
            for row in [obj, *shown]
        ]
        hint = f"Only {_MOST_CHILDREN} are shown." if len(children) > _MOST_CHILDREN else ""
        columns: list[Column | str] = ["Customer", "Name", "Kind"]
        columns += [number(glance.label) for glance in GLANCES]
        table = Table(title="Balances, and of those below", columns=columns, rows=rows, hint=hint)
        accounts = f"{url(Account, 'changelist')}?customer__id__exact={obj.pk}"
        return {"tables": [table], "links": [(accounts, "Accounts"), *more_links(obj)]}

    @admin.display(description="below")
    def below(self, row: Customer) -> SafeString:
        return link(row.parent)

    @admin.display(description="active")
    def active(self, row: Customer) -> SafeString:
        return NOTHING if row.is_active else badge("inactive", "warn")

    @admin.display(description="created")
    def created(self, row: Customer) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="stands below")
    def line(self, row: Customer) -> SafeString:
        above: list[Customer] = []
        while row.parent is not None and len(above) < _MOST_CHILDREN:
            above.append(row.parent)
            row = row.parent
        if not above:
            return SafeString("the top")
        return format_html_join(" › ", "{}", ((link(customer),) for customer in reversed(above)))


_LINKS: Final[list[tuple[str, Callable[[Customer], str]]]] = []


def register_link(label: str, address: Callable[[Customer], str]) -> None:
    """Add a button to the page of a customer."""
    _LINKS.append((label, address))


def more_links(customer: Customer) -> list[tuple[str, str]]:
    """Return the buttons that other packages put on a customer's page."""
    return [(address(customer), label) for label, address in _LINKS]
