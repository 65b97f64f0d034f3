"""Events over HTTP: how they are sent, and what became of them."""

from billing.models import DeadLetter, UnattributedEvent, UsageEvent

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"
BINARY = {"ce_id": "one", "ce_source": "s", "ce_type": "call", "ce_subject": "api"}
COUNTED = ("accepted", "duplicate", "conflicting", "unattributed", "rejected")


def batch(*written):
    return b"[" + b",".join(written) + b"]"


def counts(response):
    return {name: response.json()[name] for name in COUNTED if response.json()[name]}


def kept():
    """Count what is on record of all that was sent, but for repetitions."""
    letters = sum(DeadLetter.objects.values_list("times", flat=True))
    return letters + UsageEvent.objects.count() + UnattributedEvent.objects.count()
