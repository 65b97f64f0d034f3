"""Settings come from variables, and everything wrong with them is said at once."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from ledger.config import databases
from ledger.config.environment import Environment
from tests.processes import environment, manage

PRODUCTION = {
    "METERBOOK_ENV": "production",
    "SECRET_KEY": "d3vh8sKq" * 8,
    "ALLOWED_HOSTS": "books.example",
}


def test_every_problem_is_named_at_once():
    env = Environment(
        {
            "A": "maybe",
            "B": "-1",
            "C": "purple",
            "DATABASE_URL": "mysql://me@db/books",
        }
    )
    env.flag("A", default=False)
    env.whole("B", 1)
    env.choice("C", ("red", "blue"), "red")
    env.database("DATABASE_URL")

    with pytest.raises(ImproperlyConfigured) as refused:
        env.check()

    shape = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    assert str(refused.value).splitlines() == [
        "The environment needs correcting:",
        "  - A is 'maybe', must be true or false.",
        "  - B is '-1', must be a whole number from 0.",
        "  - C is 'purple', must be one of: red, blue.",
        f"  - DATABASE_URL names mysql scheme, only PostgreSQL serves; write {shape}.",
    ]


@pytest.mark.parametrize("url", ["postgresql://", "postgresql://me@db", "postgresql://me@db:x/b"])
def test_address_that_names_no_database_is_a_problem(url):
    env = Environment({"DATABASE_URL": url})
    env.database("DATABASE_URL")

    assert len(env.problems) == 1


def test_socket_folder_and_options_are_read_from_an_address():
    env = Environment({"DATABASE_URL": "postgresql:///books?host=/run/postgresql&sslmode=prefer"})

    found = env.database("DATABASE_URL")

    assert found is not None
    assert (found["HOST"], found["NAME"], found["OPTIONS"]) == (
        "/run/postgresql",
        "books",
        {"sslmode": "prefer"},
    )


@pytest.mark.parametrize(
    ("role", "user"), [("app", "clerk"), ("owner", "chief")], ids=["application", "owner"]
)
def test_role_chooses_the_address(role, user, tmp_path):
    env = Environment(
        {
            "METERBOOK_DATABASE_ROLE": role,
            "DATABASE_URL": "postgresql://clerk@db/books",
            "DATABASE_OWNER_URL": "postgresql://chief@db/books",
        }
    )

    assert databases.default(env, home=tmp_path, is_testing=False)["USER"] == user


def test_without_an_address_the_embedded_server_serves_the_application(tmp_path):
    chosen = databases.default(Environment({}), home=tmp_path, is_testing=False)

    assert (chosen["USER"], chosen["EMBEDDED_HOME"]) == ("meterbook", str(tmp_path))


def test_time_limits_reach_the_server(tmp_path):
    env = Environment({"METERBOOK_STATEMENT_TIMEOUT_MS": "30000"})

    chosen = databases.default(env, home=tmp_path, is_testing=False)

    assert chosen["OPTIONS"]["options"] == "-c statement_timeout=30000"


def test_production_without_secrets_does_not_start(tmp_path):
    env = environment(METERBOOK_ENV="production", METERBOOK_DEBUG="1", METERBOOK_HOME=str(tmp_path))

    done = manage("check", env=env)

    assert done.returncode != 0
    for problem in ("METERBOOK_DEBUG is on", "SECRET_KEY must be", "ALLOWED_HOSTS must name"):
        assert problem in done.stderr


def test_production_passes_djangos_deployment_check(tmp_path):
    env = environment(**PRODUCTION, METERBOOK_HOME=str(tmp_path))

    done = manage("check", "--deploy", "--fail-level", "WARNING", env=env)

    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout


def test_development_keeps_its_secret_key_to_itself(tmp_path):
    env = environment(METERBOOK_HOME=str(tmp_path / "home"))

    done = manage("check", env=env)

    assert done.returncode == 0, done.stderr
    kept = tmp_path / "home" / "secret_key"
    assert len(kept.read_text()) >= 50
    assert kept.stat().st_mode & 0o777 == 0o600


def test_folder_that_cannot_be_used_is_a_problem(tmp_path):
    (tmp_path / "file").touch()
    env = Environment({})

    databases.development_key(env, home=tmp_path / "file" / "home")

    assert "METERBOOK_HOME cannot be used" in env.problems[0]


def test_networks_and_a_way_for_mail_are_read_from_variables():
    env = Environment({"N": "10.0.0.0/8, fd00::/8", "M": "smtps://ann:s%40fe@mail.example"})

    assert [str(network) for network in env.networks("N")] == ["10.0.0.0/8", "fd00::/8"]
    mail = env.mail("M")
    assert (mail.host, mail.port, mail.password, mail.is_tls) == ("mail.example", 465, "s@fe", True)
    assert env.mail("NONE").backend == "console"
    assert env.problems == []


def test_networks_and_ways_for_mail_that_are_none_are_problems():
    env = Environment({"N": "10.0.0.1/8", "M": "imap://mail.example", "O": "smtp://"})
    env.networks("N")
    env.mail("M")
    env.mail("O")

    assert [problem.partition(",")[0] for problem in env.problems] == [
        "N names '10.0.0.1/8'",
        "M names imap scheme; write smtp+tls://USER:PASSWORD@HOST:PORT",
        "O names no host; write smtp+tls://USER:PASSWORD@HOST:PORT",
    ]
