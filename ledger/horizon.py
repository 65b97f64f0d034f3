"""
Up to where the journal is final.

Readers that go through the journal once (sealing, folding) take transactions in the order of
(xid, id), and only those whose xid is below every running one: nothing can still appear before
them. That holds within one PostgreSQL cluster. A journal loaded into another (``pg_restore`` of a
dump) carries xids that this cluster has not reached; until it has, readers would wait without
end, and then pass over what was written in between. So they refuse to start.
"""

from __future__ import annotations

from django.db import connection

from ledger.errors import ForeignHistoryError


def check() -> None:
    """
    Make sure that the journal was written by this cluster.

    Raises:
        ForeignHistoryError: it carries xids that this cluster has not given yet.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        newest, next_xid = cursor.fetchone()
    if newest is not None and newest >= next_xid:
        raise ForeignHistoryError(newest_xid=newest, next_xid=next_xid)


_NEWEST = """
    SELECT greatest(
        (SELECT xid::text::numeric FROM ledger_receipt ORDER BY xid DESC LIMIT 1),
        (SELECT last_xid FROM ledger_seal ORDER BY seq DESC LIMIT 1),
        (SELECT xid FROM ledger_watermark WHERE name = 'fold')
    )::bigint, greatest(
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
        pg_current_xact_id_if_assigned()::text::bigint + 1  -- ours, where it has written
    )
"""
