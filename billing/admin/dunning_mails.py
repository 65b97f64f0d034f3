"""What a schedule's mails say, before anybody is sent one."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from billing import dunning
from billing.admin.money import time_of
from billing.dunning import mails
from billing.invoicing.documents.wording import LANGUAGES
from billing.models import DunningSchedule, Invoice
from ledger.admin import pages
from ledger.admin.display import anchor
from ledger.admin.tables import Table


class Choices(forms.Form):
    schedule = forms.ModelChoiceField(DunningSchedule.objects.none(), empty_label=None)
    step = forms.IntegerField(min_value=1, initial=1)
    language = forms.CharField(
        max_length=20, required=False, help_text=f"Usual words are in {', '.join(LANGUAGES)}."
    )

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data)
        field = self.fields["schedule"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = DunningSchedule.objects.select_related("book").order_by("-pk")


def view(request: HttpRequest) -> HttpResponse:
    """Draw the mail of a step as a document of the book would have it."""
    first = DunningSchedule.objects.order_by("-pk").first()
    choices = Choices({"schedule": first.pk if first else None, "step": 1} | request.GET.dict())
    if not choices.is_valid():
        return pages.report(request, PAGE, {"choices": choices})
    schedule, place = choices.cleaned_data["schedule"], choices.cleaned_data["step"]
    steps = dunning.steps_of(schedule)
    shown = Invoice.objects.select_related("payer__clock", "book", "asset").filter(
        book=schedule.book, due_date__isnull=False
    )
    invoice = shown.exclude(number="").order_by("-pk").first()
    problem = ""
    if place > len(steps):
        problem = f"{schedule} has {len(steps)} steps."
    elif steps[place - 1].act not in mails.MAILED:
        problem = f"Nobody is written a mail when step {place} is done: {steps[place - 1].act}."
    elif invoice is None:
        problem = "The book has issued no document yet that could be shown."
    if problem or invoice is None:
        return pages.report(request, PAGE, {"choices": choices, "problem": problem})
    mail = mails.compose(
        act=steps[place - 1].act,
        step=steps[place - 1],
        invoice=invoice,
        at=time_of(invoice.payer),
        language=choices.cleaned_data["language"],
    )
    return pages.report(request, PAGE, {"choices": choices, "tables": [_table(mail, invoice)]})


def link(schedule: DunningSchedule, place: int) -> SafeString:
    """Link to what a step's mail says."""
    asked = urlencode({"schedule": schedule.pk, "step": place})
    return anchor(f"{reverse(f'admin:{PAGE.url_name}')}?{asked}", "Preview")


def _table(mail: mails.Mail, invoice: Invoice) -> Table:
    text = format_html('<pre style="white-space: pre-wrap">{}</pre>', mail.text)
    html = format_html(
        '<iframe sandbox srcdoc="{}" title="HTML" style="width: 34em; height: 26em"></iframe>',
        mail.html,
    )
    return Table(
        title=mail.subject,
        hint=f"As it would be about {invoice.number} now; answers go to"
        f" {mail.reply_to or 'the sender'}.",
        columns=["As text", "As HTML"],
        rows=[[text, html]],
    )


PAGE: Final = pages.register(
    pages.Page(
        app_label="billing",
        name="dunning-mail",
        title="Mails of dunning",
        permission="billing.view_dunningschedule",
        view=view,
    )
)
