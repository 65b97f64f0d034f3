"""Making a cluster: initdb, and who may connect how."""

import os
import shutil
import tempfile
from pathlib import Path

from ledger.config.embedded.account import Account, founding_account
from ledger.config.embedded.binaries import Binaries
from ledger.config.embedded.errors import EmbeddedError
from ledger.config.embedded.home import Home

OWNER = "meterbook_owner"  # superuser: migrations, backups
APP = "meterbook"  # everything else
DATABASE = "meterbook"

_ACCESS = f"""\
# Passwords only, from this machine only.
host all         all     127.0.0.1/32 scram-sha-256
host replication {OWNER} 127.0.0.1/32 scram-sha-256
"""


def create(*, home: Home, binaries: Binaries, account: Account) -> None:
    """
    Make an empty cluster; one that was interrupted half-way is made anew.

    Raises:
        EmbeddedError: initdb failed; the message holds what it said.
    """
    draft = home.store / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    founder = founding_account()
    founder.own(draft)
    _initdb(draft, home.password(OWNER), binaries=binaries, founder=founder)
    (draft / "pg_hba.conf").write_text(_ACCESS)
    with (draft / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude 'meterbook.conf'  # written by Meterbook at each start\n")
    account.own(draft)
    draft.rename(home.data)


def _initdb(data: Path, password: str, *, binaries: Binaries, founder: Account) -> None:
    descriptor, name = tempfile.mkstemp(dir=data.parent, prefix=".password.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(password)
        founder.own(Path(name))
        done = founder.run(
            [
                binaries.program("initdb"),
                f"--pgdata={data}",
                f"--username={OWNER}",
                f"--pwfile={name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--data-checksums",
                *_locale(binaries),
            ]
        )
    finally:
        Path(name).unlink()
    if done.returncode:
        raise EmbeddedError(f"initdb could not make the cluster:\n{done.stderr.strip()}")


def _locale(binaries: Binaries) -> list[str]:
    if binaries.version >= (17, 0):  # needs no locale of the operating system
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]
