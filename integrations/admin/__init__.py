"""The admin of the outside world: webhooks, and what was sent to them."""

from integrations.admin import deliveries, endpoints

__all__ = ["deliveries", "endpoints"]
