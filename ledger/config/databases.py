"""Which database this process talks to, and as whom."""

from pathlib import Path
from typing import Any

from ledger.config import embedded
from ledger.config.environment import Environment


def default(env: Environment, *, home: Path, is_testing: bool) -> dict[str, Any]:
    """
    Return Django's settings of the one database.

    The application role may only read and append in the ledger. Tests and the commands
    that change the schema (see manage.py) connect as the owner.
    """
    role = env.choice("METERBOOK_DATABASE_ROLE", ("app", "owner"), "owner" if is_testing else "app")
    named = env.database("DATABASE_URL")
    owner = env.database("DATABASE_OWNER_URL")
    env.require(
        holds=named is not None or owner is None,
        otherwise="DATABASE_OWNER_URL is set without DATABASE_URL.",
    )
    chosen = (owner if role == "owner" else None) or named or _embedded(env, role, home)
    chosen["OPTIONS"] = {**_options(env), **chosen.get("OPTIONS", {})}
    pool = env.whole("METERBOOK_DATABASE_POOL", 0)
    if pool:
        chosen["OPTIONS"]["pool"] = {"min_size": 1, "max_size": pool, "timeout": 10}
    return {
        "ENGINE": "ledger.config.postgres",
        **chosen,
        # A connection stays with its thread and is checked before use, so that a restart of
        # the server costs no request. A pool keeps its own connections.
        "CONN_MAX_AGE": 0 if pool else env.whole("METERBOOK_DATABASE_MAX_AGE", 300),
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"NAME": env.text("MB_TEST_DATABASE", "test_meterbook")},
    }


def app_login(env: Environment) -> str:
    """Return the login of the application, whoever this process connects as."""
    named = env.database("DATABASE_URL")
    return str(named["USER"]) if named else embedded.APP


def development_key(env: Environment, *, home: Path) -> str:
    """Return the secret key that the home keeps while nobody gives one."""
    try:
        return embedded.Home(home).secret_key()
    except (embedded.EmbeddedError, OSError) as error:
        env.require(holds=False, otherwise=f"METERBOOK_HOME cannot be used: {error}")
        return ""


def _embedded(env: Environment, role: str, home: Path) -> dict[str, Any]:
    return {
        "NAME": env.text("METERBOOK_DATABASE_NAME", embedded.DATABASE),
        "USER": embedded.OWNER if role == "owner" else embedded.APP,
        "EMBEDDED_HOME": str(home),
    }


def _options(env: Environment) -> dict[str, Any]:
    statement = env.whole("METERBOOK_STATEMENT_TIMEOUT_MS", 0)
    lock = env.whole("METERBOOK_LOCK_TIMEOUT_MS", 0)
    limits = {"statement_timeout": statement, "lock_timeout": lock}
    options = {
        "application_name": f"meterbook {env.text('METERBOOK_PROCESS', 'command')}",
        "connect_timeout": "10",
        "keepalives_idle": "30",
    }
    given = " ".join(f"-c {name}={value}" for name, value in limits.items() if value)
    return {**options, "options": given} if given else options
