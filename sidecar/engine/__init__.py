"""How one call runs: lanes, deadlines, the native pool, processes and their supervisor."""
