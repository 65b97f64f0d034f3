"""Holds: credit that is set aside for work under way, before it is spent."""

from wallets.holds.capturing import Arrived, Beyond, Claim, capture
from wallets.holds.ending import expire, release
from wallets.holds.extending import extend
from wallets.holds.orders import Credit, Order
from wallets.holds.reserving import Reserved, reserve, reserve_all

__all__ = [
    "Arrived",
    "Beyond",
    "Claim",
    "Credit",
    "Order",
    "Reserved",
    "capture",
    "expire",
    "extend",
    "release",
    "reserve",
    "reserve_all",
]
