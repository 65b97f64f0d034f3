"""Signed calls to whoever wants to know what happened, by the Standard Webhooks scheme."""
