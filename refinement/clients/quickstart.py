#!/usr/bin/env python3
"""`kraftig quickstart` as a new user meets it: a node on port 9092 that kcat talks to, and that finds its records again.

    quickstart.py

Needs kcat and that ports 9092 and 9093 are free.
"""
import signal
import subprocess
import time

from node import KRAFTIG, LIMIT_S, STOPPED_BY_SIGTERM, Checks, Node, arguments, eq, has, one_line, run

a = arguments(__doc__)
check = Checks()
KCAT = ("kcat", "-m", LIMIT_S, "-b", "127.0.0.1:9092")


class Quickstart(Node):
    """The node that quickstart makes: no file of ours, its own ports."""

    def __init__(self, base):
        super().__init__("kraftig", base, ports=(9092, 9093))

    def command(self, *_):
        return [str(KRAFTIG), "quickstart", "--dir", str(self.dirs[0])]


node = Quickstart(a.dir / "quickstart")


def starts():
    node.start()
    end = time.monotonic() + LIMIT_S
    while "kcat" not in node.said():
        assert time.monotonic() < end, f"it does not say how to connect: {one_line(node.said())}"
        time.sleep(0.01)
    has(node.said(), "9092")


def talks():
    run(*KCAT, "-P", "-t", "hello", "-p", "0", stdin="world\n")
    eq(run(*KCAT, "-C", "-q", "-t", "hello", "-p", "0", "-o", "beginning", "-e").stdout, "world\n", "consumed")


def again():
    node.stop()
    node.start()
    eq(run(*KCAT, "-C", "-q", "-t", "hello", "-p", "0", "-o", "beginning", "-e").stdout, "world\n", "consumed after a restart")


def ctrl_c():
    node.process.send_signal(signal.SIGINT)
    try:
        status = node.process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        raise AssertionError("it goes on after SIGINT") from None
    assert status in (0, 130, STOPPED_BY_SIGTERM), f"status {status} after SIGINT: {one_line(node.said())}"
    assert (node.dirs[0] / ".kafka_cleanshutdown").exists(), "no clean stop"


if check("starts", starts):
    for f in (talks, again, ctrl_c):
        check(f.__name__, f)
check.finish()
