"""Measurements by hand or nightly: `python -m tests.benchmarks --help`. Never part of CI."""
