"""Backups verify, and any instant since the first one comes back."""

import gzip

import pytest

from ledger.config import embedded
from ledger.config.embedded import backups, doctoring
from tests import processes
from tests.polling import eventually


@pytest.fixture
def note(ask):
    """Return a function that writes a number down and returns the server's time after it."""
    ask("CREATE TABLE noted (n int)")

    def note(number):
        ask("INSERT INTO noted VALUES (%s)", number)
        return ask("SELECT clock_timestamp()")[0][0]

    return note


@pytest.fixture
def noted(ask):
    """Return a function that reads the numbers back."""
    return lambda: [number for (number,) in ask("SELECT n FROM noted ORDER BY n")]


def test_an_instant_between_two_rows_comes_back_and_life_goes_on(home, note, noted):
    note(1)
    backups.take(home=home, keep=2)
    between = note(2)
    note(3)

    backups.restore(home=home, to=between)
    assert noted() == [1, 2]

    later = note(4)
    note(5)
    backups.restore(home=home, to=later)
    assert noted() == [1, 2, 4]


def test_rows_of_a_killed_server_are_restored_to_the_last_one(home, note, noted):
    backups.take(home=home, keep=2)
    note(1)
    processes.kill_server(home)

    backups.restore(home=home, to=None)

    assert noted() == [1]


def test_instant_out_of_reach_is_refused_and_changes_nothing(home, note, noted):
    before = note(1)
    taken = backups.take(home=home, keep=2).taken_at

    with pytest.raises(embedded.EmbeddedError, match="no backup from before"):
        backups.restore(home=home, to=before)
    with pytest.raises(embedded.EmbeddedError, match="before configured recovery target"):
        backups.restore(home=home, to=taken.replace(year=taken.year + 1))

    assert noted() == [1]
    assert not list(home.store.glob("data.before-restore-*"))


def test_new_machine_is_restored_from_the_folder_of_backups(home, note):
    note(1)
    backups.take(home=home, keep=2)

    with processes.empty_home() as fresh:
        backups.restore(home=fresh, to=None, source=home.backups)
        rows = processes.ask(fresh, "SELECT n FROM noted")

    assert rows == [(1,)]


def test_damaged_backup_does_not_verify(home, note):
    folder = backups.take(home=home, keep=2).folder
    archive = folder / "base.tar.gz"
    content = bytearray(gzip.decompress(archive.read_bytes()))
    place = content.index(b"include 'meterbook.conf'")
    content[place] ^= 1
    archive.write_bytes(gzip.compress(bytes(content), 1))

    with pytest.raises(embedded.EmbeddedError, match=r"damaged: postgresql\.conf"):
        backups.verify(folder)


def test_old_backups_and_the_wal_before_them_go(home, note):
    first = backups.take(home=home, keep=1)
    note(1)
    backups.take(home=home, keep=1)
    segments = eventually(lambda: sorted(path.name for path in home.archive.glob("*.gz")))

    assert not first.folder.exists()
    assert len(backups.listed(home.backups)) == 1
    assert all(name[8:24] >= backups.listed(home.backups)[0].first_segment for name in segments)


def test_commands_back_up_and_restore(home, note, noted):
    env = processes.environment(METERBOOK_HOME=str(home.root))
    note(1)

    done = processes.manage("backup", "--keep", "2", env=env)
    assert "Backed up and verified" in done.stdout, done.stderr
    between = note(2)
    note(3)
    done = processes.manage("restore", "--yes", "--to", between.isoformat(), env=env)

    assert "Restored to" in done.stdout, done.stderr
    assert noted() == [1, 2]
    assert doctoring.living(home.data)


@pytest.mark.parametrize(
    ("instant", "complaint"),
    [("2026-03-01T12:00:00", "has no zone"), ("tuesday", "write an instant")],
)
def test_unclear_instant_is_refused(home, instant, complaint):
    env = processes.environment(METERBOOK_HOME=str(home.root))

    done = processes.manage("restore", "--yes", "--to", instant, env=env)

    assert done.returncode == 1
    assert complaint in done.stderr


def test_another_server_is_backed_up_through_replication(home, note, tmp_path):
    note(1)
    url = embedded.ensure(home).url(user=embedded.OWNER)
    env = processes.environment(DATABASE_URL=url, METERBOOK_HOME=str(tmp_path / "other"))

    refused = processes.manage("backup", env=env)
    done = processes.manage("backup", "--folder", str(tmp_path / "copies"), env=env)

    assert "Say where to" in refused.stderr
    assert "Backed up and verified" in done.stdout, done.stderr
    assert len(backups.listed(tmp_path / "copies")) == 1


def test_login_without_replication_is_told_so(home, tmp_path):
    url = embedded.ensure(home).url(user=embedded.APP)
    env = processes.environment(DATABASE_URL=url, METERBOOK_HOME=str(tmp_path / "other"))

    done = processes.manage("backup", "--folder", str(tmp_path / "copies"), env=env)

    assert done.returncode == 1
    assert "needs REPLICATION" in done.stderr
    assert not list((tmp_path / "copies").iterdir())
