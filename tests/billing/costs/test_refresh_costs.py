"""Refreshing the price book by command and by schedule."""

from io import StringIO

from django.core.management import call_command

from billing import tasks
from billing.costs import published
from billing.models import CostPrice
from ledger.config.schedule import JOBS


def refreshed() -> str:
    written = StringIO()
    call_command("refresh_costs", stdout=written)
    return written.getvalue()


def test_the_command_takes_the_list_and_says_what_became_of_it(db):
    first, again = refreshed(), refreshed()

    assert f"genai-prices {published.release()}: " in first
    assert " 0 changed, 0 unchanged" in first
    assert "0 models added, 0 changed, 2," in again


def test_an_installation_has_the_list_once_it_is_prepared(db):
    def prepared() -> str:
        written = StringIO()
        call_command("prepare", no_static=True, stdout=written)
        [line] = [line for line in written.getvalue().splitlines() if "genai-prices" in line]
        return line

    assert prepared().endswith(" models added, 0 changed, 0 unchanged")
    assert CostPrice.objects.filter(book=None, model="gpt-5").exists()
    assert "0 models added, 0 changed" in prepared()


def test_the_daily_job_takes_what_the_installed_list_has(db):
    [job] = [job for job in JOBS if job.name == "refresh_costs"]
    assert (job.task, job.every.days) == ("billing.tasks.refresh_costs", 1)

    assert tasks.refresh_costs() > 2_000
    assert tasks.refresh_costs(later="keywords are fine") == 0
    assert CostPrice.objects.filter(provider="openai", model="gpt-5").count() == 1
