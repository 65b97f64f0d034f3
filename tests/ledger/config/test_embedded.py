"""The embedded server starts, is shared, survives and recovers."""

import functools
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from ledger.config import embedded
from ledger.config.embedded import account, binaries, doctoring
from tests import processes
from tests.polling import eventually

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root meets other accounts' limits")

START = """
import sys, pathlib
from ledger.config import embedded
server = embedded.ensure(embedded.Home(pathlib.Path(sys.argv[1])))
print(server.port)
"""


@pytest.fixture(scope="module")
def settled():
    """An installation that tests only look at."""
    with processes.own_home() as home:
        embedded.ensure(home)
        yield home


def postmaster(home):
    noted = doctoring.living(home.data)
    assert noted is not None
    return psutil.Process(noted.pid)


def test_server_is_durable_checksummed_and_sorts_alike_everywhere(settled):
    ask = functools.partial(processes.ask, settled)
    wanted = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "wal_level": "replica",
        "jit": "off",
    }

    found = {name: ask("SELECT current_setting(%s)", name)[0][0] for name in wanted}

    assert found == wanted
    assert ask("SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database LIMIT 1") == [
        ("C", "UTF8")
    ]
    assert ask("SELECT upper('é') = 'É'") == [(True,)]


def test_nobody_enters_without_a_password(settled):
    server = embedded.ensure(settled)

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://{embedded.OWNER}@127.0.0.1:{server.port}/postgres")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://{embedded.APP}:guess@127.0.0.1:{server.port}/meterbook")


def test_secrets_are_for_their_owner_alone(settled):
    secrets = list(settled.store.glob("*.password"))

    assert len(secrets) == 2
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}


def test_application_is_a_plain_login_in_its_group(settled):
    assert processes.ask(
        settled,
        "SELECT rolsuper, rolcreatedb, rolcreaterole, pg_has_role(oid, 'meterbook_app', 'member')"
        " FROM pg_roles WHERE rolname = %s",
        embedded.APP,
    ) == [(False, False, False, True)]


def test_every_committed_row_survives_kills(home, ask):
    ask("CREATE TABLE noted (n int)")
    for number in range(4):
        ask("INSERT INTO noted VALUES (%s)", number)
        processes.kill_server(home)

    assert ask("SELECT count(*) FROM noted") == [(4,)]


def test_pid_file_naming_a_zombie_does_not_fool_it(home, ask):
    ask("CREATE TABLE noted (n int)")
    noted = (home.data / "postmaster.pid").read_text()
    embedded.stop(home)
    zombie = subprocess.Popen(["true"])  # not waited for, so it stays
    eventually(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE)
    write_as_server(home, noted, pid=zombie.pid)

    assert ask("SELECT count(*) FROM noted") == [(0,)]
    zombie.wait()


def test_pid_file_naming_somebody_elses_process_does_not_fool_it(home, ask):
    ask("CREATE TABLE noted (n int)")
    noted = (home.data / "postmaster.pid").read_text()
    embedded.stop(home)
    identity = {"user": account.SERVER_UID} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], **identity) as stranger:
        write_as_server(home, noted, pid=stranger.pid)

        assert ask("SELECT count(*) FROM noted") == [(0,)]
        assert stranger.poll() is None, "the stranger was left alone"
        stranger.kill()


def write_as_server(home, noted, *, pid):
    path = home.data / "postmaster.pid"
    path.write_text("\n".join([str(pid), *noted.splitlines()[1:]]) + "\n")
    owner = home.data.stat()
    os.chown(path, owner.st_uid, owner.st_gid)


def test_processes_that_start_at_once_share_one_server(empty_home):
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(empty_home.root)],
            cwd=processes.ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]

    ports = {process.communicate(timeout=60)[0].strip() for process in starting}

    assert ports == {str(embedded.ensure(empty_home).port)}


def test_server_outlives_the_process_that_started_it(home):
    subprocess.run([sys.executable, "-c", START, str(home.root)], cwd=processes.ROOT, check=True)

    assert embedded.find(home) is not None


def test_server_stops_cleanly_and_only_once(home):
    embedded.ensure(home)

    assert embedded.stop(home) is True
    assert embedded.stop(home) is False
    control = binaries.packaged().program("pg_controldata")
    said = account.server_account().run([control, home.data]).stdout
    assert "shut down\n" in said.replace(" " * 15, "")


def test_port_is_kept_unless_somebody_took_it(home):
    port = embedded.ensure(home).port
    embedded.stop(home)
    assert embedded.ensure(home).port == port
    embedded.stop(home)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ours has just left it
        taken.bind((embedded.HOST, port))
        taken.listen()

        assert embedded.ensure(home).port != port


def test_data_of_another_major_release_are_refused(empty_home):
    empty_home.prepare()
    empty_home.data.mkdir()
    (empty_home.data / "PG_VERSION").write_text("13\n")

    with pytest.raises(embedded.EmbeddedError, match=r"PostgreSQL 13.*METERBOOK_PG_BIN"):
        embedded.ensure(empty_home)


def test_interrupted_founding_is_made_anew(empty_home):
    empty_home.prepare()
    half = empty_home.store / "data.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")

    assert processes.ask(empty_home, "SELECT 1") == [(1,)]


@as_root
def test_as_root_the_server_has_an_account_of_its_own(settled):
    assert postmaster(settled).uids().real == account.SERVER_UID
    assert settled.data.stat().st_uid == account.SERVER_UID


@as_root
def test_as_root_closed_parents_stay_closed(empty_home):
    closed = empty_home.root.parent
    closed.chmod(0o700)

    assert processes.ask(empty_home, "SELECT 1") == [(1,)]
    assert closed.stat().st_mode & 0o777 == 0o700
    assert empty_home.store.parent == Path("/var/lib")


@as_root
def test_programs_out_of_reach_are_copied(empty_home, monkeypatch, tmp_path):
    original = binaries.packaged().folder.parent
    hidden = tmp_path / "hidden"  # below a folder that only root may enter
    hidden.symlink_to(original)
    hidden.parent.chmod(0o700)
    monkeypatch.setenv("METERBOOK_PG_BIN", str(hidden / "bin"))

    embedded.ensure(empty_home)

    assert Path(postmaster(empty_home).exe()).is_relative_to(empty_home.store)


@as_root
def test_folder_of_another_user_is_refused(empty_home):
    empty_home.root.mkdir()
    os.chown(empty_home.root, account.SERVER_UID, -1)

    with pytest.raises(embedded.EmbeddedError, match=f"belongs to uid {account.SERVER_UID}"):
        embedded.ensure(empty_home)


@as_root
def test_ordinary_user_runs_it_as_themselves(empty_home):
    python = next((name for name in pythons() if may_run(name)), None)
    if python is None:
        pytest.skip("every Python here lies where only root may go")
    folder = empty_home.root.parent
    user = account.founding_account().uid
    os.chown(folder, user, user)
    packages = [*(path for path in sys.path if "site-packages" in path), str(processes.ROOT)]

    done = subprocess.run(
        [python, "-c", START, str(empty_home.root)],
        user=user,
        group=user,
        extra_groups=[],
        env={"PYTHONPATH": ":".join(packages), "PATH": os.environ["PATH"]},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert postmaster(empty_home).uids().real == user
    postmaster(empty_home).send_signal(signal.SIGINT)
    eventually(lambda: doctoring.living(empty_home.data) is None)


def pythons():
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return [sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"]


def may_run(python):
    return account.server_account().run([python, "-c", "import ssl"]).returncode == 0


def test_command_explains_a_server_that_cannot_run(empty_home):
    empty_home.prepare()
    empty_home.data.mkdir()
    (empty_home.data / "PG_VERSION").write_text("13\n")
    env = processes.environment(METERBOOK_HOME=str(empty_home.root))

    done = processes.manage("showmigrations", env=env)

    assert done.returncode == 1
    assert "PostgreSQL 13" in done.stderr
    assert "Traceback" not in done.stderr
