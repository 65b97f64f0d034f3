"""
Why an entry exists: the usage event, grant or other fact that its ``source_id`` names.

Each package tells how its own facts are found; nobody else's ids are touched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from django.utils.safestring import SafeString

Resolver = Callable[[Collection[int]], Mapping[int, SafeString]]

_RESOLVERS: Final[list[Resolver]] = []


def register(resolver: Resolver) -> Resolver:
    """Add a way to find sources; it returns links for the ids it knows, in one query."""
    _RESOLVERS.append(resolver)
    return resolver


def links(source_ids: Collection[int | None]) -> dict[int, SafeString]:
    """Return a link for each source that some package knows."""
    wanted = {source_id for source_id in source_ids if source_id is not None}
    found: dict[int, SafeString] = {}
    for resolver in _RESOLVERS:
        if wanted:
            found |= resolver(wanted)
    return found
