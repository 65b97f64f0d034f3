"""
Errors that webhooks raise on purpose.

    DomainError
    ├── ConflictError
    │   ├── EndpointEndedError     the endpoint was ended, for good
    │   ├── EndpointDisabledError  nothing is sent to an endpoint that is disabled
    │   └── SecretRotatingError    the secret before the last is still in use
    ├── keeping.SecretUnreadableError    it was encrypted under another SECRET_KEY
    ├── addresses.AddressRefusedError    a private address, which may not be called
    └── addresses.HostUnknownError       the host's name leads to no address
"""

from ledger.errors import ConflictError


class EndpointEndedError(ConflictError):
    """The endpoint was ended, for good; make another."""

    code = "endpoint_ended"


class EndpointDisabledError(ConflictError):
    """Nothing is sent to an endpoint that is disabled; enable it first."""

    code = "endpoint_disabled"


class SecretRotatingError(ConflictError):
    """
    The secret was replaced already, and the one before it still signs, too.

    Wait until it no longer does, or ask to discard the current one, if its receiver never got it.
    """

    code = "secret_rotating"
