"""Coupons, and who has redeemed them."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing import coupons
from billing.models import Coupon, CouponRedemption, Feature
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, badge, figures, instant, link
from ledger.admin.fields import AssetField, BookField, InstantField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table
from ledger.models import Asset

_REDEMPTIONS: Final = 200


def _only(wanted: str, **attrs: str) -> dict[str, Any]:
    return {"data-shown-for": wanted, **attrs}


class LimitsForm(OperationForm):
    name = forms.CharField(max_length=256)
    max_redemptions = forms.IntegerField(
        label="Redeemed at most", min_value=1, required=False, help_text="Empty is without end."
    )
    expires_at = InstantField(label="Expires (UTC)", required=False, help_text="Empty is never.")

    def prepare(self) -> None:
        if self.row is not None:
            names = ("name", "max_redemptions", "expires_at")
            self.initial = {name: getattr(self.row, name) for name in names}

    class Media:
        js = ["billing/choices.js"]


class CouponForm(LimitsForm):
    book = BookField()
    key = forms.CharField(max_length=100, help_text="What customers type.")
    kind = forms.ChoiceField(label="Takes off", choices=Coupon.Kind.choices)
    percentage = forms.DecimalField(
        label="Percent",
        required=False,
        max_digits=9,
        decimal_places=6,
        widget=forms.NumberInput(attrs=_only("kind=percentage", step="any")),
    )
    amount = forms.DecimalField(
        required=False,
        max_digits=38,
        decimal_places=12,
        help_text="Of each cycle.",
        widget=forms.NumberInput(attrs=_only("kind=amount", step="any")),
    )
    asset = AssetField(
        Asset.Kind.CURRENCY,
        Asset.Kind.CREDIT,
        label="Currency",
        required=False,
        widget=forms.Select(attrs=_only("kind=amount")),
    )
    duration = forms.ChoiceField(label="For", choices=Coupon.Duration.choices)
    periods = forms.IntegerField(
        label="So many cycles",
        min_value=1,
        required=False,
        widget=forms.NumberInput(attrs=_only("duration=periods")),
    )
    features = forms.ModelMultipleChoiceField(
        Feature.objects.none(), required=False, help_text="Only their charges; none is all."
    )
    max_redemptions_per_customer = forms.IntegerField(
        label="By each customer at most",
        min_value=1,
        required=False,
        initial=1,
        help_text="Empty is without end.",
    )
    field_order = (
        "book", "key", "name", "kind", "percentage", "amount", "asset", "duration", "periods",
        "features", "max_redemptions", "max_redemptions_per_customer", "expires_at",
    )  # fmt: skip

    def prepare(self) -> None:
        field = self.fields["features"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = Feature.objects.filter(archived_at=None)

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        unused = ["amount", "asset"] if given.get("kind") == "percentage" else ["percentage"]
        if given.get("duration") != Coupon.Duration.PERIODS:
            unused.append("periods")
        # What the page hides plays no part.
        return {**given, **dict.fromkeys(unused)}


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    chosen = given.pop("features")
    coupon = coupons.create(at=now(), feature_keys=[each.key for each in chosen], **given)
    return Done(message=f"Added the coupon {coupon.key}.", row=coupon)


def _change(request: HttpRequest, row: Coupon, given: dict[str, Any]) -> Done:
    coupon = coupons.update(coupon=row, metadata=row.metadata, **given)
    return Done(message=f"Changed {coupon.key}.", row=coupon)


def _archive(request: HttpRequest, row: Coupon, given: dict[str, Any]) -> Done:
    return Done(message=f"Archived {row.key}.", row=coupons.archive(coupon=row, at=now()))


CHANGE: Final = Operation(
    name="edit",
    label="Change",
    explanation="What it takes off stays; who has redeemed it keeps it.",
    permission="billing.change_coupon",
    form=LimitsForm,
    run=_change,
)
ARCHIVE: Final = Operation(
    name="archive",
    label="Archive",
    explanation="Nobody can redeem it any more. Who has keeps it.",
    permission="billing.change_coupon",
    run=_archive,
    applies=lambda row: row.archived_at is None,
    is_grave=True,
)


@admin.register(Coupon)
class CouponAdmin(Listing):
    adding = Operation(
        name="add",
        label="Add a coupon",
        explanation="A discount that is redeemed for a subscription.",
        permission="billing.add_coupon",
        form=CouponForm,
        run=_create,
    )
    fields = (
        "key", "name", "book", "worth", "lasts", "covers", "most", "each", "expires", "state",
        "created",
    )  # fmt: skip
    readonly_fields = fields
    keyset = ("key", "pk")
    list_display = ("key", "name", "worth", "lasts", "redeemed", "expires", "state")
    list_filter = (BookFilter, "kind")
    list_select_related = ("book", "asset")
    operations = (CHANGE, ARCHIVE)
    search_fields = ("key__istartswith", "name__icontains")

    def enrich(self, rows: list[Any]) -> None:
        found = CouponRedemption.objects.filter(coupon__in=[row.pk for row in rows]).order_by()
        counts = dict(found.values_list("coupon").annotate(Count("pk")))
        for row in rows:
            row.count = counts.get(row.pk, 0)

    def panels(self, request: HttpRequest, obj: Coupon) -> dict[str, Any]:
        found = obj.redemptions.select_related("subscription__customer").order_by("-pk")
        rows = [
            (
                instant(one.redeemed_at),
                link(one.subscription),
                link(one.subscription.customer),
                instant(one.removed_at),
                one.cause or NOTHING,
            )
            for one in found[: _REDEMPTIONS + 1]
        ]
        hint = f"Only the newest {_REDEMPTIONS}." if len(rows) > _REDEMPTIONS else ""
        columns = ("Redeemed", "Subscription", "Customer", "Removed", "By")
        table = Table(
            title="Redemptions",
            columns=columns,
            rows=rows[:_REDEMPTIONS],
            hint=hint,
            empty="Nobody has redeemed it yet.",
        )
        return {"tables": [table]}

    @admin.display(description="takes off")
    def worth(self, row: Coupon) -> str:
        if row.percentage is not None:
            return f"{figures(row.percentage)} %"
        assert row.amount is not None, "a coupon takes something"
        assert row.asset is not None, "an amount has a currency"
        return f"{figures(row.amount, row.asset)} {row.asset.code}"

    @admin.display(description="for")
    def lasts(self, row: Coupon) -> str:
        return f"{row.periods} cycles" if row.periods else row.get_duration_display().lower()

    @admin.display(description="charges for")
    def covers(self, row: Coupon) -> str:
        return ", ".join(row.feature_keys) or "everything"

    @admin.display(description="redeemed")
    def redeemed(self, row: Any) -> str:
        most = "" if row.max_redemptions is None else f" of {row.max_redemptions:,}"
        return f"{row.count:,}{most}"

    @admin.display(description="redeemed at most")
    def most(self, row: Coupon) -> str | SafeString:
        return NOTHING if row.max_redemptions is None else f"{row.max_redemptions:,}"

    @admin.display(description="by each customer")
    def each(self, row: Coupon) -> str | SafeString:
        most = row.max_redemptions_per_customer
        return NOTHING if most is None else f"{most:,}"

    @admin.display(description="expires")
    def expires(self, row: Coupon) -> SafeString:
        return instant(row.expires_at)

    @admin.display(description="state")
    def state(self, row: Coupon) -> SafeString:
        if row.archived_at is not None:
            return badge("archived", "warn")
        is_expired = row.expires_at is not None and row.expires_at <= now()
        return badge("expired", "warn") if is_expired else badge("on offer", "good")

    @admin.display(description="created")
    def created(self, row: Coupon) -> SafeString:
        return instant(row.created_at)
