"""
Why a change of a subscription is refused (pure).

    ConflictError
    ├── SameInstantError        two changes would take effect at one instant
    ├── SubscriptionStateError  the subscription is not in a state that allows this
    ├── BegunError              it would undo what has been in force
    └── FeatureTakenError       another item already sells the feature at that time

What is wrong with a single field by itself is an InvalidInputError.
"""

from __future__ import annotations

from ledger.errors import ConflictError


class ChangeRefusedError(ConflictError):
    """
    A change collides with what the subscription's history says.

    ``field`` names what was sent, ``remedy`` what to send instead.
    """

    code = "change_refused"

    def __init__(self, *, field: str, value: object, remedy: str, **facts: object) -> None:
        super().__init__(field=field, value=value, remedy=remedy, **facts)
        self.field, self.value, self.remedy = field, value, remedy

    def __str__(self) -> str:
        return f"{self.detail} {self.field} is {self.value}: {self.remedy}"


class SameInstantError(ChangeRefusedError):
    """Two changes of one subscription cannot take effect at one instant."""

    code = "same_instant"


class SubscriptionStateError(ChangeRefusedError):
    """The subscription is not in a state that allows this."""

    code = "subscription_state"


class BegunError(ChangeRefusedError):
    """What has been in force for some time cannot be undone, only ended."""

    code = "already_in_force"


class FeatureTakenError(ChangeRefusedError):
    """Another item of the customer sells that feature at that time."""

    code = "feature_taken"
