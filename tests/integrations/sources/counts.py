"""What was taken of what a source sent."""

from billing.models import UsageEvent


def tokens() -> dict[str, int]:
    """Return how many tokens of each type were taken."""
    found: dict[str, int] = {}
    for event in UsageEvent.objects.filter(type="llm.tokens"):
        kind = event.data["type"]
        found[kind] = found.get(kind, 0) + int(event.data["tokens"])
    return found
