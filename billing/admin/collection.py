"""Who sells, who buys, and how invoices are put together."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing import collection
from billing.models import CollectionProfile, Party, Supplier
from ledger.admin.base import BookFilter, CustomersBookFilter, Listing, cause_of
from ledger.admin.display import NOTHING, amount, badge, instant, link
from ledger.admin.fields import BookField, CustomerField, InstantField
from ledger.admin.operations import Done, Operation, OperationForm

_ADDRESS: Final = ("line1", "line2", "postal_code", "city", "region", "country")
_CONTACT: Final = ("name", "email", "phone")
_ISO: Final = "ISO 8601, like P1M, P1W or P14D."


class TermsForm(OperationForm):
    """All terms of a profile."""

    alignment = forms.ChoiceField(
        choices=[
            ("subscription", "When it falls due"),
            ("anchored", "Collected until the next date"),
        ],
        label="Invoiced",
    )
    anchor = InstantField(label="Dates count from (UTC)", required=False)
    cadence = forms.CharField(max_length=40, initial="P1M", help_text=f"Between dates. {_ISO}")
    grace = forms.DurationField(
        initial="1:00:00", help_text="For usage that comes late: hours:minutes:seconds, or days."
    )
    payer = CustomerField(
        required=False,
        help_text="Who pays for it and for all below that have no profile; empty: each for itself.",
    )
    group_by = forms.ChoiceField(choices=CollectionProfile.Grouping.choices, initial="none")
    purchase_order = forms.CharField(max_length=200, required=False)
    cost_centre = forms.CharField(max_length=200, required=False)
    beneficiary = CustomerField(required=False, help_text="Who benefits; for reports only.")
    threshold = forms.DecimalField(
        max_digits=38,
        decimal_places=12,
        required=False,
        help_text="Running periods are invoiced once spending comes to it.",
    )
    progressive_cadence = forms.CharField(
        max_length=40, required=False, help_text=f"Or so often. {_ISO}"
    )
    minimum = forms.DecimalField(max_digits=38, decimal_places=12, initial=0)
    below_minimum = forms.ChoiceField(choices=CollectionProfile.BelowMinimum.choices)
    most_carried_months = forms.IntegerField(initial=3, min_value=0, max_value=120)
    approval = forms.ChoiceField(choices=CollectionProfile.Approval.choices)
    auto_delay = forms.DurationField(initial="0:00:00", help_text="Of an automatic approval.")
    payment_terms = forms.CharField(max_length=40, initial="P30D", required=False, help_text=_ISO)
    collection = forms.ChoiceField(choices=CollectionProfile.Collection.choices)
    corrections = forms.ChoiceField(
        choices=CollectionProfile.Corrections.choices, help_text="Of what was issued and fell."
    )
    paid_credit = forms.ChoiceField(
        choices=CollectionProfile.PaidCredit.choices,
        help_text="Before tax: it was taxed when it was sold. As payment: when it is used.",
    )
    zero_invoices = forms.ChoiceField(
        choices=CollectionProfile.ZeroInvoices.choices, initial="skip"
    )
    dunning_schedule = forms.CharField(max_length=100, required=False, help_text="Its key.")
    series_key = forms.CharField(max_length=40, initial="INV", help_text="Of the numbers.")


class ProfileForm(TermsForm):
    book = BookField()
    customer = CustomerField(required=False, help_text="Empty: the book's own.")
    field_order = ("book", "customer")


class ChangeProfileForm(TermsForm):
    def prepare(self) -> None:
        self.initial = {name: getattr(self.row, name) for name in self.fields}


def _set_profile(
    request: HttpRequest, row: CollectionProfile | None, given: dict[str, Any]
) -> Done:
    book = given.pop("book") if row is None else row.book
    customer = given.pop("customer") if row is None else row.customer
    made = collection.set_profile(
        book=book, customer=customer, at=now(), cause=cause_of(request), **given
    )
    whose = customer.key if customer is not None else book.key
    return Done(message=f"Set how invoices of {whose} are put together.", row=made)


@admin.register(CollectionProfile)
class CollectionProfileAdmin(Listing):
    adding = Operation(
        name="add",
        label="Set how invoices are put together",
        explanation="For a customer and all below that have no profile, or for a book. Drafts"
        " follow when they are drafted again; what is issued stays.",
        permission="billing.add_collectionprofile",
        form=ProfileForm,
        run=_set_profile,
    )
    fields = (
        ("whose", "book", "version", "in_force"),
        ("alignment", "anchor_at", "cadence", "grace"),
        ("payer_link", "group_by", "purchase_order", "cost_centre", "beneficiary"),
        ("threshold", "progressive_cadence"),
        ("minimum", "below_minimum", "most_carried_months"),
        ("approval", "auto_delay", "payment_terms", "collection"),
        ("corrections", "paid_credit", "zero_invoices"),
        ("dunning_schedule", "series_key", "cause"),
    )
    readonly_fields = (
        "whose", "book", "version", "in_force", "alignment", "anchor_at", "cadence", "grace",
        "payer_link", "group_by", "purchase_order", "cost_centre", "beneficiary", "threshold",
        "progressive_cadence", "minimum", "below_minimum", "most_carried_months", "approval",
        "auto_delay", "payment_terms", "collection", "corrections", "paid_credit",
        "zero_invoices", "dunning_schedule", "series_key", "cause",
    )  # fmt: skip
    list_display = (
        "whose", "book", "alignment", "payer_link", "group_by", "approval", "payment_terms",
        "in_force",
    )  # fmt: skip
    list_filter = (BookFilter, "alignment", "approval")
    list_select_related = ("book", "customer", "payer")
    operations = (
        Operation(
            name="edit",
            label="Change",
            explanation="A new version, in force at once. Drafts follow when drafted again.",
            permission="billing.add_collectionprofile",
            form=ChangeProfileForm,
            run=_set_profile,
            applies=lambda row: row.effective_to is None,
        ),
    )
    search_fields = ("customer__key__istartswith",)

    @admin.display(description="of")
    def whose(self, row: CollectionProfile) -> SafeString | str:
        return link(row.customer) if row.customer is not None else "all others"

    @admin.display(description="payer")
    def payer_link(self, row: CollectionProfile) -> SafeString | str:
        return link(row.payer) if row.payer is not None else "each for itself"

    @admin.display(description="dates count from")
    def anchor_at(self, row: CollectionProfile) -> SafeString:
        return instant(row.anchor)

    @admin.display(description="in force")
    def in_force(self, row: CollectionProfile) -> SafeString:
        if row.effective_to is None:
            return badge("in force", "good")
        return badge(f"until {row.effective_to:%Y-%m-%d}")

    @admin.display(description="threshold")
    def threshold(self, row: CollectionProfile) -> SafeString:
        return amount(row.threshold)


def _address_fields() -> dict[str, forms.Field]:
    return {f"address_{name}": forms.CharField(max_length=256, required=False) for name in _ADDRESS}


class _AddressForm(OperationForm):
    legal_name = forms.CharField(max_length=256, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.update(_address_fields())
        if self.row is not None:
            for name, said in self.row.address.items():
                self.initial[f"address_{name}"] = said


def _address(given: dict[str, Any]) -> dict[str, str]:
    return {name: given.pop(f"address_{name}") for name in _ADDRESS}


class PartyTermsForm(_AddressForm):
    emails = forms.CharField(required=False, help_text="Several: commas between them.")
    locale = forms.CharField(max_length=20, required=False, help_text="Of documents, like de.")
    is_business = forms.BooleanField(required=False, initial=True, label="Is a business")
    contact = forms.CharField(max_length=256, required=False)
    endpoint = forms.CharField(max_length=256, required=False, help_text="Peppol: scheme:id.")


class PartyForm(PartyTermsForm):
    customer = CustomerField()
    field_order = ("customer", "legal_name")


class ChangePartyForm(PartyTermsForm):
    def prepare(self) -> None:
        names = ("legal_name", "locale", "is_business", "contact", "endpoint")
        self.initial = {name: getattr(self.row, name) for name in names}
        self.initial["emails"] = ", ".join(self.row.emails)


def _set_party(request: HttpRequest, row: Party | None, given: dict[str, Any]) -> Done:
    customer = given.pop("customer") if row is None else row.customer
    emails = [one.strip() for one in given.pop("emails").split(",") if one.strip()]
    address = _address(given)
    tax_ids = row.tax_ids if row is not None else {}
    made = collection.set_party(
        customer=customer, at=now(), emails=emails, address=address, tax_ids=tax_ids, **given
    )
    return Done(message=f"Set how documents name {customer.key}.", row=made)


@admin.register(Party)
class PartyAdmin(Listing):
    adding = Operation(
        name="add",
        label="Say how documents name a customer",
        explanation="What was said of it before is replaced; what is issued stays.",
        permission="billing.add_party",
        form=PartyForm,
        run=_set_party,
    )
    fields = (
        ("customer_link", "legal_name", "is_business"),
        ("shown_address", "emails", "locale"),
        ("contact", "endpoint", "updated"),
    )
    readonly_fields = (
        "customer_link", "legal_name", "is_business", "shown_address", "emails", "locale",
        "contact", "endpoint", "updated",
    )  # fmt: skip
    list_display = ("customer_link", "legal_name", "shown_address", "is_business")
    list_filter = (CustomersBookFilter, "is_business")
    list_select_related = ("customer",)
    operations = (
        Operation(
            name="edit",
            label="Change",
            explanation="Drafts follow when they are drafted again; what is issued stays.",
            permission="billing.add_party",
            form=ChangePartyForm,
            run=_set_party,
        ),
    )
    search_fields = ("customer__key__istartswith", "legal_name__istartswith")

    @admin.display(description="customer")
    def customer_link(self, row: Party) -> SafeString:
        return link(row.customer)

    @admin.display(description="address")
    def shown_address(self, row: Party) -> SafeString | str:
        return _written(row.address)

    @admin.display(description="changed")
    def updated(self, row: Party) -> SafeString:
        return instant(row.updated_at)


class SupplierTermsForm(_AddressForm):
    registration = forms.CharField(max_length=256, required=False, help_text="In a register.")
    vat_id = forms.CharField(max_length=40, required=False, label="EU VAT id")
    contact_name = forms.CharField(max_length=256, required=False)
    contact_email = forms.EmailField(required=False)
    contact_phone = forms.CharField(max_length=100, required=False)
    endpoint = forms.CharField(max_length=256, required=False, help_text="Peppol: scheme:id.")
    default_tax_code = forms.CharField(max_length=100, required=False, help_text="Its key.")
    iban = forms.CharField(max_length=40, required=False, label="IBAN")
    bic = forms.CharField(max_length=20, required=False, label="BIC")
    colour = forms.CharField(max_length=20, required=False, help_text="Of the brand, like #0055aa.")
    footer = forms.CharField(max_length=1000, required=False)
    invoice_note = forms.CharField(max_length=5000, required=False)
    may_void = forms.BooleanField(
        required=False, initial=True, help_text="Otherwise what is issued is credited, never void."
    )


class SupplierForm(SupplierTermsForm):
    book = BookField()
    field_order = ("book", "legal_name")


class ChangeSupplierForm(SupplierTermsForm):
    def prepare(self) -> None:
        row = self.row
        names = (
            "legal_name", "registration", "endpoint", "default_tax_code", "invoice_note",
            "may_void",
        )  # fmt: skip
        account = row.bank_accounts[0] if row.bank_accounts else {}
        self.initial = {name: getattr(row, name) for name in names} | {
            "vat_id": row.tax_ids.get("eu_vat", ""),
            "iban": account.get("iban", ""),
            "bic": account.get("bic", ""),
            "colour": row.brand.get("colour", ""),
            "footer": row.brand.get("footer", ""),
            **{f"contact_{name}": row.contact.get(name, "") for name in _CONTACT},
        }


def _set_supplier(request: HttpRequest, row: Supplier | None, given: dict[str, Any]) -> Done:
    book = given.pop("book") if row is None else row.book
    known = {} if row is None else {"tax_ids": row.tax_ids, "brand": row.brand}
    accounts = [] if row is None else row.bank_accounts[1:]
    first = {name: said for name in ("iban", "bic") if (said := given.pop(name))}
    vat_id, colour, footer = (given.pop(name) for name in ("vat_id", "colour", "footer"))
    brand = {**known.get("brand", {}), "colour": colour, "footer": footer}
    tax_ids = {**known.get("tax_ids", {}), "eu_vat": vat_id}
    made = collection.set_supplier(
        book=book,
        at=now(),
        address=_address(given),
        contact={name: given.pop(f"contact_{name}") for name in _CONTACT},
        bank_accounts=[first, *accounts] if first else accounts,
        brand={name: said for name, said in brand.items() if said},
        tax_ids={name: said for name, said in tax_ids.items() if said},
        **given,
    )
    return Done(message=f"Set how documents name {book.key}.", row=made)


@admin.register(Supplier)
class SupplierAdmin(Listing):
    adding = Operation(
        name="add",
        label="Say who sells",
        explanation="From then on the book invoices by itself. What is issued stays as it is.",
        permission="billing.add_supplier",
        form=SupplierForm,
        run=_set_supplier,
    )
    fields = (
        ("book", "legal_name", "registration"),
        ("shown_address", "shown_contact", "endpoint"),
        ("tax_ids", "default_tax_code", "may_void"),
        ("bank_accounts", "invoice_note", "updated"),
    )
    readonly_fields = (
        "book", "legal_name", "registration", "shown_address", "shown_contact", "endpoint",
        "tax_ids", "default_tax_code", "may_void", "bank_accounts", "invoice_note", "updated",
    )  # fmt: skip
    list_display = ("book", "legal_name", "shown_address", "may_void")
    list_select_related = ("book",)
    operations = (
        Operation(
            name="edit",
            label="Change",
            explanation="Drafts follow when they are drafted again; what is issued stays.",
            permission="billing.add_supplier",
            form=ChangeSupplierForm,
            run=_set_supplier,
        ),
    )

    @admin.display(description="address")
    def shown_address(self, row: Supplier) -> SafeString | str:
        return _written(row.address)

    @admin.display(description="contact")
    def shown_contact(self, row: Supplier) -> SafeString | str:
        return ", ".join(row.contact.values()) or NOTHING

    @admin.display(description="changed")
    def updated(self, row: Supplier) -> SafeString:
        return instant(row.updated_at)


def _written(address: dict[str, str]) -> SafeString | str:
    return ", ".join(address[name] for name in _ADDRESS if address.get(name)) or NOTHING
