"""Exit statuses of processes that run jobs, beside those of `worker.job.heartbeat`."""

EXIT_RESTED = 0
"""It had nothing to do for long: its successor holds no memory and no device."""
EXIT_DEVICE = 73
"""Its compute device failed: only a new process gets a new device."""
