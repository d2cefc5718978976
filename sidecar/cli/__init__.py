"""Commands: one file each; they parse arguments and print, and do nothing else."""
