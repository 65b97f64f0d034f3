"""Benchmarks are run by ``make bench``; the tests leave them alone."""

collect_ignore_glob = ["*.py"]
