"""``manage.py draft_invoices``: draft what is due for everybody, and issue nothing."""

from billing.management.invoicing import RunCommand


class Command(RunCommand):
    help = (
        "Draft the invoices of all who have something due. Drafting again changes only what has"
        " changed; a run can be interrupted, killed and gone on with."
    )
    issues = False
