"""The tables of prepaid credit; see wallets/README.md."""

from wallets.models.alerts import Alert, AlertFiring, Watch
from wallets.models.approvals import Approval
from wallets.models.holds import Capture, CapturedEvent, Hold, HoldPart
from wallets.models.schedules import CreditPrice, GrantSchedule, ShareUse, WalletShare
from wallets.models.topups import RechargeRule, RechargeStop, TopUp, TopUpEvent
from wallets.models.wallets import CreditGrant, Wallet

__all__ = [
    "Alert",
    "AlertFiring",
    "Approval",
    "Capture",
    "CapturedEvent",
    "CreditGrant",
    "CreditPrice",
    "GrantSchedule",
    "Hold",
    "HoldPart",
    "RechargeRule",
    "RechargeStop",
    "ShareUse",
    "TopUp",
    "TopUpEvent",
    "Wallet",
    "WalletShare",
    "Watch",
]
