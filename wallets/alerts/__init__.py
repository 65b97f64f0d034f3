"""
Alerts: a threshold on a wallet, told once when it is crossed, then armed again.

| kind | fires when | armed again |
|---|---|---|
| balance | what it has to spend is below the threshold | from 5 % of the threshold above it on |
| usage | so many percent of the living credit are used | from 5 % of the threshold below it on |
| run_out | at its present pace it lasts for fewer days | from 5 % of the threshold above it on |
| expiry | a grant with something left expires within so many days | each grant is told once |

Budgets tell their own thresholds (billing).
"""

from wallets.alerts.defining import change, create, end
from wallets.alerts.firing import look, look_ahead

__all__ = ["change", "create", "end", "look", "look_ahead"]
