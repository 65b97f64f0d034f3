"""Deliver what is due in a process of its own, on the database that is named: to be killed."""

import sys


def main(database: str) -> None:
    import django

    django.setup()
    from django.db import connection
    from django.utils.timezone import now

    from integrations.webhooks import delivering

    connection.settings_dict["NAME"] = database
    delivering.deliver(clock=now)


if __name__ == "__main__":
    main(sys.argv[1])
