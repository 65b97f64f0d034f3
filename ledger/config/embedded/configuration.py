"""How the server is tuned; written anew at each start, so that a new release takes effect."""

import os
import shutil
from pathlib import Path

import psutil

from ledger.config.embedded.binaries import Binaries
from ledger.config.embedded.home import Home

_MB = 1024 * 1024
_GB = 1024 * _MB


def write(*, home: Home, binaries: Binaries) -> None:
    """Write meterbook.conf into the cluster."""
    conf = home.data / "meterbook.conf"
    lines = (f"{name} = '{value}'" for name, value in _settings(home, binaries).items())
    conf.write_text("# Written by Meterbook at each start.\n" + "\n".join(lines) + "\n")
    owner = home.data.stat()
    os.chown(conf, owner.st_uid, owner.st_gid)
    conf.chmod(0o600)


def is_archiving(home: Home) -> bool:
    """Whether finished WAL is kept: from the first backup on."""
    return home.archive.is_dir()


def _settings(home: Home, binaries: Binaries) -> dict[str, str]:
    return {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",  # a path in a deep folder would exceed 107 bytes
        "max_connections": "100",
        "password_encryption": "scram-sha-256",
        **_durability(home, binaries),
        **_memory(),
        "jit": "off",
        "autovacuum_naptime": "15s",  # balances are rewritten all the time
        "idle_in_transaction_session_timeout": "10min",
        "timezone": "UTC",
        **_logging(home),
    }


def _durability(home: Home, binaries: Binaries) -> dict[str, str]:
    archiving = is_archiving(home)
    return {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "checkpoint_timeout": "15min",
        "max_wal_size": f"{_wal_size(home)}MB",
        "min_wal_size": f"{_wal_size(home) // 4}MB",  # recycled, not made anew under load
        "wal_buffers": "64MB",
        "wal_compression": binaries.wal_compression,
        "wal_level": "replica",
        "archive_mode": "on",
        "archive_command": _archive_command(home) if archiving else "/bin/true",
        "archive_timeout": "5min" if archiving else "0",
    }


def _archive_command(home: Home) -> str:
    """Copy a finished segment once; a repeated call with the same content succeeds."""
    target = f'"{home.archive}/%f.gz"'
    draft = f'"{home.archive}/%f.tmp"'
    write = f'gzip -1 < "%p" > {draft} && sync {draft} && mv {draft} {target}'
    return f'test -f {target} && gunzip -c {target} | cmp -s - "%p" || ({write})'


def _memory() -> dict[str, str]:
    memory = _available_memory()
    shared = max(128 * _MB, min(2 * _GB, memory // 8))
    settings = {
        "shared_buffers": f"{shared // _MB}MB",
        "effective_cache_size": f"{max(256 * _MB, memory // 2) // _MB}MB",
        "maintenance_work_mem": f"{max(64 * _MB, min(512 * _MB, memory // 32)) // _MB}MB",
        "work_mem": "16MB",
    }
    if _is_small(Path("/dev/shm")):  # noqa: S108 (containers give 64 MB; parallel queries need more)
        settings["dynamic_shared_memory_type"] = "sysv"
    return settings


def _available_memory() -> int:
    memory = psutil.virtual_memory().total
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return memory
    return memory if limit == "max" else min(memory, int(limit))


def _is_small(folder: Path) -> bool:
    return folder.is_dir() and shutil.disk_usage(folder).total < 256 * _MB


def _wal_size(home: Home) -> int:
    """Up to 8 GB, yet never more than a quarter of what the disk has left."""
    free = shutil.disk_usage(home.store).free
    return max(1024, min(8 * 1024, free // 4 // _MB))


def _logging(home: Home) -> dict[str, str]:
    return {
        "logging_collector": "on",
        "log_directory": str(home.log),
        "log_filename": "postgresql-%a.log",  # a week of logs, each day's overwritten after
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_line_prefix": "%m [%p] %q%u@%d %a ",
        "log_lock_waits": "on",
        "log_min_duration_statement": "10s",
        "log_checkpoints": "off",
    }
