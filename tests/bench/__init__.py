"""Benchmarks: each module is one group of rows, runnable alone as `python -m tests.bench.NAME`; they report numbers and decide no test."""
