"""
Everything that runs by the clock, and how work reaches a worker.

This is the one place where periodic work is declared. Tasks are named as strings, as
everything here is. ``ledger.jobs`` says what a job promises.
"""

from datetime import timedelta
from typing import Any

from kombu import Queue

from ledger.periodic import HEARTBEAT, Job

QUEUE = "meterbook"

JOBS: tuple[Job, ...] = (
    Job(name=HEARTBEAT, task="ledger.tasks.heartbeat", every=timedelta(seconds=15)),
    Job(name="relay_outbox", task="ledger.tasks.relay_outbox", every=timedelta(seconds=10)),
    Job(name="seal", task="ledger.tasks.seal", every=timedelta(seconds=10)),
    Job(name="fold", task="ledger.tasks.fold", every=timedelta(seconds=10)),
    Job(name="fold_usage", task="billing.tasks.fold_usage", every=timedelta(seconds=10)),
    Job(name="post_mapped", task="billing.tasks.post_mapped", every=timedelta(seconds=10)),
    Job(name="do_what_is_due", task="billing.tasks.do_what_is_due", every=timedelta(minutes=1)),
    Job(name="make_invoices", task="billing.tasks.make_invoices", every=timedelta(minutes=10)),
    Job(
        name="work_on_invoice_runs",
        task="billing.tasks.work_on_invoice_runs",
        every=timedelta(seconds=15),
    ),
    Job(name="render_documents", task="billing.tasks.render_documents", every=timedelta(minutes=1)),
    Job(name="set_off", task="billing.tasks.set_off", every=timedelta(minutes=1)),
    Job(name="dun", task="billing.tasks.dun", every=timedelta(minutes=5)),
    Job(name="settle_captures", task="billing.tasks.settle_captures", every=timedelta(minutes=5)),
    Job(
        name="ensure_partitions",
        task="ledger.tasks.ensure_partitions",
        every=timedelta(hours=1),
    ),
    Job(name="prune", task="ledger.tasks.prune", every=timedelta(hours=1)),
    Job(name="verify", task="ledger.tasks.verify", every=timedelta(days=1)),
    Job(
        name="deliver_webhooks",
        task="integrations.tasks.deliver_webhooks",
        every=timedelta(seconds=5),
    ),
    Job(name="verify_tax_ids", task="integrations.tasks.verify_tax_ids", every=timedelta(hours=1)),
    Job(name="prune_webhooks", task="integrations.tasks.prune_webhooks", every=timedelta(days=1)),
    Job(name="refresh_costs", task="billing.tasks.refresh_costs", every=timedelta(days=1)),
    Job(name="issue_grants", task="wallets.tasks.issue_grants", every=timedelta(minutes=1)),
    Job(name="expire_holds", task="wallets.tasks.expire_holds", every=timedelta(seconds=30)),
    Job(
        name="evaluate_watches",
        task="wallets.tasks.evaluate_watches",
        every=timedelta(seconds=10),
    ),
    Job(name="look_ahead", task="wallets.tasks.look_ahead", every=timedelta(minutes=5)),
    Job(name="sweep_wallets", task="wallets.tasks.sweep", every=timedelta(hours=1)),
)

# Outbox topic → the function that handles a row of it: called as handler(key=…, payload=…).
OUTBOX_HANDLERS: dict[str, str] = {"event": "integrations.tasks.tell_event"}

# Operation that may need a second person → the function that reads its arguments.
APPROVAL_OPERATIONS: dict[str, str] = {
    "invoice.issue": "billing.approving.issue_of",
    "credit_note.issue": "billing.approving.credit_of",
    "write_off": "billing.approving.write_off_of",
    "payment.refund": "billing.approving.refund_of",
    "period.reopen": "billing.approving.reopen_of",
}

# Who reads again what was refused in the shape of a source, when its dead letter is replayed.
USAGE_SHAPES: dict[str, str] = {
    "access-log": "integrations.sources.access_logs.again",
    "kong/http-log": "integrations.sources.kong.again",
    "litellm": "integrations.sources.litellm.again",
    "otlp": "integrations.sources.otlp.again",
}


def queues(broker: str) -> list[Queue]:
    """Return the queues that workers read; on RabbitMQ they are quorum queues."""
    arguments = {"x-queue-type": "quorum"} if broker.startswith(("amqp", "pyamqp")) else {}
    return [Queue(QUEUE, durable=True, queue_arguments=arguments)]


def transport_options(broker: str, *, visibility: int) -> dict[str, Any]:
    """Return what kombu needs to know about a broker."""
    scheme = broker.partition("://")[0]
    if scheme in {"database", "pgmq"}:
        return {
            "init_extension": False,  # manage.py install_broker puts the SQL in place
            "visibility_timeout": visibility,
            "wait_time_seconds": 1,
            "polling_interval": 0.1,
            "pool_size": 2,
        }
    if scheme in {"redis", "rediss"}:
        return {
            "visibility_timeout": visibility,
            # By default Redis is looked through for messages of the dead every 100 s only, and a
            # worker that dies while it looks keeps all others from looking for five minutes.
            "unacked_restore_interval": min(visibility, 10),
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": min(visibility, 30),
        }
    if scheme in {"amqp", "amqps", "pyamqp"}:
        return {"confirm_publish": True}
    return {}
