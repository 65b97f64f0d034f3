"""``manage.py issue_invoices``: draft what is due for everybody, and issue what needs no person."""

from billing.management.invoicing import RunCommand


class Command(RunCommand):
    help = (
        "Draft the invoices of all who have something due, and issue those that nobody has to"
        " approve: numbered without gaps and posted. A run can be interrupted, killed and gone on"
        " with; nothing is billed twice."
    )
    issues = True
