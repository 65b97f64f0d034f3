"""``make bench``: speed and memory, each figure beside a baseline of the same run."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time

from tests.benchmarks import database
from tests.benchmarks.progress import say
from tests.benchmarks.table import Line, written

SECTIONS = (
    "ingest",
    "tiers",
    "http",
    "file",
    "previews",
    "subscriptions",
    "schedules",
    "calls",
    "holds",
    "invoices",
    "pdf",
    "charging",
    "history",
)
_QUICK = {
    "events": 40_000,
    "history": 220_000,
    "file_events": 50_000,
    "turns": 2,
    "subscriptions": 2_000,
    "schedules": 1_000,
    "rounds": 20,
    "operations": 40,
    "calls": 500,
    "customers": 400,
    "usage": 8_000,
    "documents": 40,
}
_ON_AN_EMPTY_LEDGER = {
    "ingest",
    "tiers",
    "http",
    "file",
    "previews",
    "subscriptions",
    "schedules",
    "calls",
    "holds",
}
_SEEDS = {"ingest": 1, "tiers": 50, "http": 100, "file": 400, "calls": 500}


def main() -> None:
    """Run what was asked for, and print the table."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))  # and clean up
    began, lines = time.monotonic(), []
    names = [database.NAME, *(f"{database.NAME}_{of}" for of in ("small", "large", "charging"))]
    try:
        if _ON_AN_EMPTY_LEDGER & set(options.only):
            lines += _on_an_empty_ledger(options)
        if "invoices" in options.only:
            lines += _of_invoices(options)
        if "pdf" in options.only:
            lines += _documents(options)
        if "charging" in options.only:
            lines += _charging(options)
        if "history" in options.only:
            lines += _after_a_history(options)
    finally:
        for name in () if options.keep else names:
            database.drop(name)
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"\n{written(lines)}\n")
    print(
        f"{cores} cores, Python {platform.python_version()}, load {load:.1f} at the end,"
        f" {(time.monotonic() - began) / 60:.0f} minutes"
    )
    if not options.quick and not all(line.is_met for line in lines):
        sys.exit(1)


def _on_an_empty_ledger(options: argparse.Namespace) -> list[Line]:
    say("an empty ledger")
    database.make()
    from tests.benchmarks import (
        access_speed,
        call_speed,
        file_memory,
        http_speed,
        ingest_speed,
        preview_speed,
        tiers_speed,
        world,
    )

    book, lines = world.make(), []
    if {"ingest", "http"} & set(options.only):
        say(f"ingest of {options.events:,} events by one worker, COPY, two workers")
        speeds = ingest_speed.measure(book, events=options.events, seed=_SEEDS["ingest"])
        lines += speeds.lines()
    if "tiers" in options.only:
        say(f"ingest of {options.events:,} events in tiers, with discount, cap and cost")
        lines += tiers_speed.measure(book, events=options.events, seed=_SEEDS["tiers"])
    if "http" in options.only:
        say(f"HTTP, {options.events:,} events")
        lines += http_speed.measure(book, speeds, events=options.events, seed=_SEEDS["http"])
    if "file" in options.only:
        say(f"a file of {options.file_events:,} events")
        lines += file_memory.measure(book, events=options.file_events, seed=_SEEDS["file"])
    if "previews" in options.only:
        say("previews by the command")
        lines += preview_speed.measure()
    lines += _of_many(options)
    if "calls" in options.only:
        say(f"{options.calls:,} calls over HTTP, in turns with an empty view")
        lines += call_speed.measure(book, calls=options.calls)
        lines += access_speed.measure(
            book, events=options.events, calls=options.calls // 10, seed=_SEEDS["calls"]
        )
    if "holds" in options.only:
        lines += _holds(options)
    return lines


def _documents(options: argparse.Namespace) -> list[Line]:
    from tests.benchmarks import pdf_speed

    say(f"{options.documents:,} documents as PDF")
    return pdf_speed.measure(many=options.documents)


def _of_many(options: argparse.Namespace) -> list[Line]:
    from tests.benchmarks import schedule_speed, subscription_speed

    lines = []
    if "subscriptions" in options.only:
        say(f"a change of one subscription of {options.subscriptions:,}")
        lines += subscription_speed.measure(many=options.subscriptions)
    if "schedules" in options.only:
        say(f"{options.schedules:,} recurring grants")
        lines += schedule_speed.measure(many=options.schedules)
    return lines


def _of_invoices(options: argparse.Namespace) -> list[Line]:
    if options.again:
        database.attach()
    elif not _ON_AN_EMPTY_LEDGER & set(options.only):
        database.make()
    from tests.benchmarks import invoice_speed

    many = {"customers": options.customers, "events": options.usage}
    if not options.again:
        invoice_speed.fill(**many)
    return [] if options.fill else invoice_speed.measure(**many)


def _charging(options: argparse.Namespace) -> list[Line]:
    database.make(f"{database.NAME}_charging")
    from tests.benchmarks import charging_speed

    return charging_speed.measure(customers=options.customers)


def _holds(options: argparse.Namespace) -> list[Line]:
    from tests.benchmarks import holds_at_once, world

    say(f"{options.rounds:,} rounds of reserves at once")
    lines = holds_at_once.rounds(world.empty("rounds"), many=options.rounds)
    say(f"{options.clients} clients, {options.operations:,} operations each")
    return lines + holds_at_once.clients(
        world.empty("clients"), many=options.clients, operations=options.operations
    )


def _after_a_history(options: argparse.Namespace) -> list[Line]:
    database.attach()
    from tests.benchmarks import history

    return history.measure(
        entries=options.history,
        turns=options.turns,
        crowd=options.schedules,
        is_filled=options.again,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="to ingest, and over HTTP")
    parser.add_argument("--history", type=int, default=10_000_000, help="entries")
    parser.add_argument("--file-events", type=int, default=2_000_000, help="events of the file")
    parser.add_argument("--schedules", type=int, default=100_000, help="all due at once")
    parser.add_argument("--subscriptions", type=int, default=100_000, help="in the crowded book")
    parser.add_argument("--rounds", type=int, default=1_000, help="of twenty reserves at once")
    parser.add_argument("--clients", type=int, default=64, help="that hold and capture at once")
    parser.add_argument("--operations", type=int, default=1_000, help="of each client")
    parser.add_argument("--calls", type=int, default=10_000, help="over HTTP, a turn")
    parser.add_argument(
        "--customers", type=int, default=10_000, help="that are charged, get invoices"
    )
    parser.add_argument("--usage", type=int, default=5_000_000, help="events of a month of theirs")
    parser.add_argument("--documents", type=int, default=500, help="as PDF")
    parser.add_argument("--turns", type=int, default=15, help="between small and large history")
    parser.add_argument("--only", type=_sections, default=SECTIONS, metavar=",".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="a small run: says whether it works")
    parser.add_argument("--keep", action="store_true", help="leave the databases to look at")
    parser.add_argument(
        "--again",
        action="store_true",
        help="history, invoices: measure what a run with --keep has filled",
    )
    parser.add_argument("--fill", action="store_true", help="invoices: fill only; needs --keep")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(_QUICK)
    return options


def _sections(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if unknown := set(chosen) - set(SECTIONS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: know {SECTIONS}")
    return chosen


if __name__ == "__main__":
    main()
