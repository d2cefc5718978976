"""The tools: one file each, its spec at the bottom is its only registration."""
