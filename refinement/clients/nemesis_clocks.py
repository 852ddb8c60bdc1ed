"""Clocks that are set forward and back under running processes, by libfaketime: each reads how far its own is off from a file.

Only the clock of the day moves (CLOCK_REALTIME): nobody who sets a clock moves the monotonic one.
"""
from pathlib import Path

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
WHY_NOT = None if LIBRARY else "libfaketime is not there (Debian's package faketime)"


class Clock:
    """Of one node."""

    def __init__(self, file):
        self.file = file
        self.set(0)
        # It is run by `env`, so that this library is the node's alone.
        self.command = ["env", f"LD_PRELOAD={LIBRARY}", f"FAKETIME_TIMESTAMP_FILE={file}", "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]

    def set(self, seconds):
        """That far off. There is never half a file."""
        beside = self.file.with_suffix(".new")
        beside.write_text(f"{seconds:+d}\n")
        beside.rename(self.file)
