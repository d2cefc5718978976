"""Sidecar: one local daemon per user that editors, tools and agents share over a Unix socket."""

__version__ = "0.1.0"
