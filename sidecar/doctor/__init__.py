"""What can be wrong and how to mend it: a table of checks over plain values."""
