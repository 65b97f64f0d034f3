"""What may be done with a subscription: each a form, one call of the domain, who and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now

from billing import coupons
from billing.admin import dry_runs
from billing.admin.forms.timing import ReasonedForm, TimingForm, note_of, timing_of
from billing.models import AddonVersion, Coupon, CouponRedemption, PlanVersion, Subscription
from billing.subscriptions import changing, operations, statuses
from billing.subscriptions.timeline import Status
from ledger import clocks
from ledger.admin.base import cause_of
from ledger.admin.fields import CustomerField, InstantField
from ledger.admin.operations import Done, Operation, OperationForm

if TYPE_CHECKING:
    _VersionField: TypeAlias = forms.ModelChoiceField[Any]
else:
    _VersionField = forms.ModelChoiceField


Run: TypeAlias = Callable[[HttpRequest, Any, dict[str, Any]], Done]


class PlanField(_VersionField):
    """A plan version that may be subscribed to."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(PlanVersion.objects.none(), **kwargs)

    def offer(self, at: datetime, *conditions: Q, **which: Any) -> None:
        """Offer the versions that are published, and not archived by an instant."""
        on_offer = Q(effective_to=None) | Q(effective_to__gt=at)
        published = PlanVersion.objects.filter(
            on_offer, *conditions, effective_from__isnull=False, **which
        )
        self.queryset = published.select_related("plan").order_by("plan__key", "version")


class CreateForm(ReasonedForm):
    customer = CustomerField()
    plan = PlanField()
    name = forms.CharField(max_length=256, required=False)
    starts_at = InstantField(
        label="From (UTC)", required=False, help_text="Empty is now; it may lie in the past."
    )
    billing_anchor = InstantField(
        label="Cycles counted from (UTC)", required=False, help_text="Empty is the start."
    )
    proration = forms.ChoiceField(
        required=False,
        choices=[("", "as the plan says"), *Subscription.Proration.choices],
    )
    field_order = ("customer", "plan", "name", "starts_at", "billing_anchor", "proration")

    def prepare(self) -> None:
        plan = self.fields["plan"]
        assert isinstance(plan, PlanField)
        plan.offer(now())


class ChangeForm(TimingForm):
    plan = PlanField(label="To the plan")
    dry_run = forms.BooleanField(label="Only show what would change", required=False, initial=True)
    field_order = ("plan", "timing", "instant", "reason", "dry_run")

    def prepare(self) -> None:
        row: Subscription = self.row
        plan = self.fields["plan"]
        assert isinstance(plan, PlanField)
        own = Q(plan__customer=None) | Q(plan__customer=row.customer_id)
        plan.offer(now(), own, plan__book=row.book_id, asset=row.asset_id)


class MigrateForm(ChangeForm):
    def prepare(self) -> None:
        row: Subscription = self.row
        plan = self.fields["plan"]
        assert isinstance(plan, PlanField)
        current = row.plan_version
        plan.label = "To the version"
        plan.offer(now(), plan=current.plan_id, version__gt=current.version)


class AddonForm(TimingForm):
    addon = _VersionField(AddonVersion.objects.none(), label="Add-on")
    quantity = forms.IntegerField(min_value=0, initial=1, help_text="Nought ends it.")
    field_order = ("addon", "quantity", "timing", "instant", "reason")

    def prepare(self) -> None:
        field = self.fields["addon"]
        assert isinstance(field, forms.ModelChoiceField)
        offered = self.row.plan_version.addons.values("addon_version")
        bought = self.row.addons.values("addon_version")
        versions = AddonVersion.objects.filter(Q(pk__in=offered) | Q(pk__in=bought))
        field.queryset = versions.select_related("addon").order_by("addon__key", "version")


class RedeemForm(OperationForm):
    coupon = forms.CharField(max_length=100, help_text="Its key, as the customer types it.")

    def clean_coupon(self) -> Coupon:
        key = self.cleaned_data["coupon"]
        found = Coupon.objects.filter(book=self.row.book_id, key=key).first()
        if found is None:
            raise forms.ValidationError("The book has no such coupon.")
        return found


class RemoveCouponForm(OperationForm):
    redemption = _VersionField(CouponRedemption.objects.none(), label="Coupon", empty_label=None)

    def prepare(self) -> None:
        field = self.fields["redemption"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = self.row.redemptions.filter(removed_at=None).select_related(
            "coupon", "subscription"
        )


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    reason = given.pop("reason")
    at = clocks.now_of(given["customer"], now())
    made = operations.create(**given, at=at, cause=cause_of(request), reason=reason)
    return Done(message=f"{made.customer.key} has subscribed to {given['plan']}.", row=made)


def _change(request: HttpRequest, row: Subscription, given: dict[str, Any]) -> Done | HttpResponse:
    plan, timing, note = given["plan"], timing_of(given), note_of(request, row, given)
    if given["dry_run"]:
        return dry_runs.of_change(request, CHANGE, row, plan=plan, timing=timing, at=note["at"])
    operations.change(subscription=row, plan=plan, timing=timing, **note)
    return Done(message=f"Changed to {plan}.", row=row)


def _migrate(request: HttpRequest, row: Subscription, given: dict[str, Any]) -> Done | HttpResponse:
    version, timing, note = given["plan"], timing_of(given), note_of(request, row, given)
    if given["dry_run"]:
        found = changing.try_migration(
            subscription=row, version=version, timing=timing, at=note["at"]
        )
        return dry_runs.page(request, MIGRATE, row, found)
    operations.migrate(subscription=row, version=version, timing=timing, **note)
    return Done(message=f"Moved on to {version}.", row=row)


def _timed(act: Callable[..., Any], said: str) -> Run:
    """Have a change done at the instant that the form names."""

    def run(request: HttpRequest, row: Subscription, given: dict[str, Any]) -> Done:
        act(subscription=row, timing=timing_of(given), **note_of(request, row, given))
        return Done(message=said, row=row)

    return run


def _at_once(act: Callable[..., Any], said: str) -> Run:
    """Have a change done now."""

    def run(request: HttpRequest, row: Subscription, given: dict[str, Any]) -> Done:
        act(subscription=row, **note_of(request, row, given))
        return Done(message=said, row=row)

    return run


def _set_addon(request: HttpRequest, row: Subscription, given: dict[str, Any]) -> Done:
    operations.set_quantity(
        subscription=row,
        addon=given["addon"],
        quantity=given["quantity"],
        timing=timing_of(given),
        **note_of(request, row, given),
    )
    return Done(message=f"{given['quantity']:,} of {given['addon']}.", row=row)


def _redeem(request: HttpRequest, row: Subscription, given: dict[str, Any]) -> Done:
    coupon: Coupon = given["coupon"]
    at = clocks.now_of(row.customer, now())
    before = coupon.redemptions.filter(subscription=row).count()
    coupons.redeem(
        coupon=coupon,
        subscription=row,
        key=f"{row.key[:200]}:{before + 1}",
        at=at,
        cause=cause_of(request),
    )
    return Done(message=f"Redeemed {coupon.key}.", row=row)


def _remove_coupon(request: HttpRequest, row: Subscription, given: dict[str, Any]) -> Done:
    redemption = given["redemption"]
    coupons.remove(redemption=redemption, at=clocks.now_of(row.customer, now()))
    return Done(message=f"Took {redemption.coupon.key} off.", row=row)


def _goes_on(row: Subscription) -> bool:
    return row.ends_at is None


def _lives(row: Subscription) -> bool:
    return row.ends_at is None or row.ends_at > clocks.now_of(row.customer, now())


def _is_canceled(row: Subscription) -> bool:
    return row.ends_at is not None and _lives(row)


def _is_paused(row: Subscription) -> bool:
    found = statuses.statuses([row], lambda one: clocks.now_of(one.customer, now()))
    return found[row.pk] is Status.PAUSED


def _operation(**terms: Any) -> Operation:
    return Operation(**{"permission": "billing.change_subscription", **terms})


CREATE: Final = Operation(
    name="add",
    label="Subscribe a customer",
    explanation="To a published plan: from now on, from later, or from an earlier instant.",
    permission="billing.add_subscription",
    form=CreateForm,
    run=_create,
)
CHANGE: Final = _operation(
    name="change-plan",
    label="Change plan",
    explanation="Puts it on another plan. What was paid in advance for the rest of a cycle is "
    "given back in part, as its proration says; the new fees are charged in part.",
    form=ChangeForm,
    run=_change,
    applies=_lives,
)
MIGRATE: Final = _operation(
    name="migrate",
    label="Migrate",
    explanation="Moves it on to a newer version of its plan; negotiated terms stay.",
    form=MigrateForm,
    run=_migrate,
    applies=_lives,
)
ADDON: Final = _operation(
    name="set-addon",
    label="Add-on",
    explanation="Has so many of an add-on from an instant on.",
    form=AddonForm,
    run=_set_addon,
    applies=_lives,
)
REDEEM: Final = _operation(
    name="redeem",
    label="Redeem a coupon",
    explanation="Its discount applies from now on.",
    permission="billing.add_couponredemption",
    form=RedeemForm,
    run=_redeem,
    applies=_lives,
)
REMOVE_COUPON: Final = _operation(
    name="remove-coupon",
    label="Take off a coupon",
    explanation="It counts against the coupon's limits for good.",
    permission="billing.change_couponredemption",
    form=RemoveCouponForm,
    run=_remove_coupon,
    applies=lambda row: row.redemptions.filter(removed_at=None).exists(),
)
PAUSE: Final = _operation(
    name="pause",
    label="Pause",
    explanation="Nothing is sold until it is resumed. Time goes on: phases end as they would.",
    form=TimingForm,
    run=_timed(operations.pause, "Paused."),
    applies=lambda row: _goes_on(row) and not _is_paused(row),
)
RESUME: Final = _operation(
    name="resume",
    label="Resume",
    explanation="Sells again what its plan says.",
    form=TimingForm,
    run=_timed(operations.resume, "Resumed."),
    applies=_is_paused,
)
CANCEL: Final = _operation(
    name="cancel",
    label="Cancel",
    explanation="Ends it. What was paid in advance for later is given back as its proration says.",
    form=TimingForm,
    run=_timed(operations.cancel, "Canceled."),
    applies=_goes_on,
    is_grave=True,
)
UNSCHEDULE: Final = _operation(
    name="unschedule",
    label="Take back the cancelation",
    explanation="Lets it go on.",
    form=ReasonedForm,
    run=_at_once(operations.unschedule_cancelation, "It goes on."),
    applies=_is_canceled,
)
RESTORE: Final = _operation(
    name="restore",
    label="Take back what lies ahead",
    explanation="Withdraws every change that has not taken effect yet.",
    form=ReasonedForm,
    run=_at_once(operations.restore, "Took back what lay ahead."),
    applies=lambda row: row.history.filter(
        effective_at__gt=clocks.now_of(row.customer, now())
    ).exists(),
)
ALL: Final = (
    CHANGE, MIGRATE, ADDON, REDEEM, REMOVE_COUPON, PAUSE, RESUME, UNSCHEDULE, RESTORE, CANCEL,
)  # fmt: skip
