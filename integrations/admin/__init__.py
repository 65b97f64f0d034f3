"""The admin of the outside world: webhooks, what was sent to them, and VIES."""

from integrations.admin import deliveries, endpoints, tax_ids

__all__ = ["deliveries", "endpoints", "tax_ids"]
