"""Disks that can be filled: a tmpfs each, so this needs the right to mount."""
import atexit
import errno
import os
import subprocess

SIZE_MIB = 64  # of each disk; a node wants 16 MiB to be left, and 32 before it comes back
BALLAST = "ballast"


class Disk:
    """A file system of its own at a new directory."""

    def __init__(self, path):
        self.path = path
        path.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "kraftig-full-disk", path]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode:
            raise OSError(f"a tmpfs cannot be mounted: {mounted.stderr.strip()}")
        atexit.register(subprocess.run, ["umount", "-l", path], check=False)

    def room(self):
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave):
        """A ballast file takes all but `leave` bytes."""
        with open(self.path / BALLAST, "ab") as file:
            while (room := self.room()) > leave:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, room - leave)
                except OSError as error:
                    # The node may have taken some of it meanwhile.
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self):
        (self.path / BALLAST).unlink(missing_ok=True)
