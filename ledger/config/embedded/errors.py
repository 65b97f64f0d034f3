"""What can keep the embedded PostgreSQL from serving."""


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot be used; the message says why and what to do."""
