"""
Backups, and recovery to a point in time.

A backup is a folder of compressed files, checked after it is written. From the first
one on, finished WAL is kept as well, so that any later instant can be restored. What is
older than the oldest backup kept is deleted.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger.config.embedded import binaries, cluster, lifecycle
from ledger.config.embedded.account import server_account
from ledger.config.embedded.errors import EmbeddedError
from ledger.config.embedded.home import Home

_STAMP = "%Y%m%dT%H%M%S.%fZ"
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_PASSWORDS = (cluster.OWNER, cluster.APP)


@dataclass(frozen=True, slots=True, order=True)
class Backup:
    """One base backup: a state of the whole database, complete at ``taken_at`` (UTC)."""

    taken_at: datetime
    folder: Path

    @property
    def first_segment(self) -> str:
        """The oldest WAL that restoring it needs, without the timeline."""
        manifest = json.loads((self.folder / "backup_manifest").read_text())
        high, _, low = manifest["WAL-Ranges"][0]["Start-LSN"].partition("/")
        return f"{int(high, 16):08X}{int(low, 16) >> 24:08X}"


def listed(folder: Path) -> list[Backup]:
    """Return the backups in a folder, oldest first."""
    found = []
    for path in folder.glob("*Z"):
        taken_at = datetime.strptime(f"{path.name}+0000", f"{_STAMP}%z")
        found.append(Backup(taken_at, path))
    return sorted(found)


def take(*, home: Home, keep: int) -> Backup:
    """
    Back the embedded database up, keep WAL from here on, and drop what is too old.

    Raises:
        EmbeddedError: the backup failed or does not verify; older ones are left alone.
    """
    server = lifecycle.ensure(home)
    lifecycle.own_folder(home, "archive")
    lifecycle.reload(home)
    home.backups.mkdir(mode=0o700, exist_ok=True)
    backup = copy(url=server.url(user=cluster.OWNER), folder=home.backups)
    for user in _PASSWORDS:  # the backup knows only their hashes; a new machine needs them
        kept = backup.folder / f"{user}.password"
        kept.touch(mode=0o600)
        kept.write_text(home.password(user))
    prune(home=home, keep=keep)
    return backup


def copy(*, url: str, folder: Path) -> Backup:
    """
    Copy a whole server, ours or another, through replication, and verify the copy.

    Raises:
        EmbeddedError: the server does not let us, or the copy does not verify.
    """
    programs = binaries.packaged()
    address = conninfo_to_dict(url)
    password = str(address.pop("password", ""))  # command lines are for everybody to see
    draft = folder / f"{os.getpid()}.partial"
    try:
        _say(
            [
                programs.program("pg_basebackup"),
                f"--dbname={make_conninfo('', **address)}",
                f"--pgdata={draft}",
                "--format=tar",
                "--compress=gzip:1",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-password",
                "--manifest-checksums=SHA256",
            ],
            env={"PGPASSWORD": password},
        )
        verify(draft)
        finished_at = datetime.now(UTC)  # an instant before this one is not complete in it
        return Backup(finished_at, draft.rename(folder / finished_at.strftime(_STAMP)))
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def verify(folder: Path) -> None:
    """
    Read a backup back, and compare each file with the checksum that the server gave.

    Raises:
        EmbeddedError: naming the files that are missing or differ.
    """
    manifest = json.loads((folder / "backup_manifest").read_text())
    expected = {file["Path"]: file["Checksum"] for file in manifest["Files"]}
    with tarfile.open(folder / "base.tar.gz") as tar:
        found = {member.name: _digest(tar, member) for member in tar if member.isfile()}
    wrong = sorted(name for name, digest in expected.items() if found.get(name) != digest)
    if wrong:
        raise EmbeddedError(f"The backup is damaged: {', '.join(wrong[:5])}")


def _digest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = tar.extractfile(member)
    assert content is not None
    return hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]


def prune(*, home: Home, keep: int) -> None:
    """Drop all but the newest backups, and the WAL that no backup needs."""
    kept = listed(home.backups)[-keep:]
    for backup in listed(home.backups)[:-keep]:
        shutil.rmtree(backup.folder)
    oldest = kept[0].first_segment
    for path in home.archive.iterdir():
        if _SEGMENT.match(path.name) and path.name[8:24] < oldest:
            path.unlink()


def restore(*, home: Home, to: datetime | None, source: Path | None = None) -> Backup:
    """
    Bring the embedded database back to an instant, or as far as the WAL reaches.

    The present state is moved aside, never deleted. An empty home is restored too.

    Raises:
        EmbeddedError: no backup is old enough, or the WAL does not reach the instant.
    """
    chosen = _chosen(listed(source or home.backups), to)
    home.prepare()
    with home.locked():  # nobody may start the server while its data are exchanged
        return _exchange(home, chosen, to)


def _exchange(home: Home, chosen: Backup, to: datetime | None) -> Backup:
    aside = _move_aside(home)
    lifecycle.own_folder(home, "archive")
    try:
        _unpack(home, chosen, to)
        lifecycle.ensure(home)
    except EmbeddedError:
        _move_back(home, aside)
        raise
    _forget_target(home)
    return chosen


def _chosen(backups: Sequence[Backup], to: datetime | None) -> Backup:
    fitting = [backup for backup in backups if to is None or backup.taken_at <= to]
    if not fitting:
        oldest = f"; the oldest is of {backups[0].taken_at}" if backups else ""
        raise EmbeddedError(f"There is no backup from before that instant{oldest}.")
    return fitting[-1]


def _move_aside(home: Home) -> Path | None:
    if not home.data.exists():
        return None
    _stop_completely(home)
    number = 1
    while (path := home.store / f"data.before-restore-{number}").exists():
        number += 1
    return home.data.rename(path)


def _move_back(home: Home, aside: Path | None) -> None:
    lifecycle.stop(home)
    shutil.rmtree(home.data, ignore_errors=True)
    if aside is not None:
        aside.rename(home.data)


def _stop_completely(home: Home) -> None:
    """
    Stop the server in the way that puts all of its WAL into the archive.

    One that was killed is started once more for that. One that does not start any more
    is left as it is: what it had not archived is lost to the restored state.
    """
    with contextlib.suppress(EmbeddedError):
        lifecycle.ensure(home)
    lifecycle.stop(home)


def _unpack(home: Home, backup: Backup, to: datetime | None) -> None:
    draft = home.store / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    for archive, folder in (("base.tar.gz", draft), ("pg_wal.tar.gz", draft / "pg_wal")):
        with tarfile.open(backup.folder / archive) as tar:
            tar.extractall(folder)  # noqa: S202 (our own backup, checked when it was written)
    for path in (draft, *draft.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    for user in _PASSWORDS:
        kept, here = backup.folder / f"{user}.password", home.store / f"{user}.password"
        if kept.exists() and not here.exists():
            here.touch(mode=0o600)
            here.write_text(kept.read_text())
    _aim(draft, home, to)
    server_account().own(draft)
    draft.rename(home.data)


def _aim(data: Path, home: Home, to: datetime | None) -> None:
    settings = {
        "restore_command": f'gunzip -c "{home.archive}/%f.gz" > "%p"',
        "recovery_target_action": "promote",
        "hot_standby": "off",
    }
    if to is not None:
        settings["recovery_target_time"] = to.isoformat()
    lines = (f"{name} = '{value}'\n" for name, value in settings.items())
    (data / "postgresql.auto.conf").write_text("".join(lines))
    (data / "recovery.signal").touch()


def _forget_target(home: Home) -> None:
    """Later starts must not aim at the past again."""
    conf = home.data / "postgresql.auto.conf"
    owner = conf.stat()
    conf.write_text("")
    os.chown(conf, owner.st_uid, owner.st_gid)


def _say(command: Sequence[str | Path], *, env: Mapping[str, str]) -> None:
    known = {**os.environ, **env}
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
    if done.returncode:
        name = Path(command[0]).name
        raise EmbeddedError(f"{name} failed: {done.stderr.strip()}")
