#!/usr/bin/env python3
"""A node to test: ours or stock Apache Kafka, formatted, started, stopped and killed in one way.

    node.py [--server kraftig|stock] [--set KEY=VALUE ...] -- COMMAND ...

Starts a fresh single combined node (broker and controller) on free loopback ports and a temporary directory, runs COMMAND
with {bootstrap} replaced by HOST:PORT, stops the node with SIGTERM and ends with COMMAND's status (1 if the node did not
stop cleanly). The other scripts of this directory use it as a module. Needs nothing but Python, and Java and Maven for stock.

Environment: KRAFTIG (the binary, default target/release/kraftig), KAFKA_VERSION and KAFKA_JARS as in ../apache/kafka.
"""
import argparse
import atexit
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KAFKA = ROOT / "refinement" / "apache" / "kafka"
KRAFTIG = Path(os.environ.get("KRAFTIG", ROOT / "target" / "release" / "kraftig")).absolute()
STOPPED_BY_SIGTERM = 143  # 128 + 15, as the JVM of stock Kafka ends after its shutdown hooks
# A stock controller that stops closes its log before the thread that reads what was committed is at rest. If that thread still reads, it ends the
# process, with status 1. One that has only just started reads much.
STOPPED_WHILE_READING = r"Unhandled fault in MetadataLoader#handleCommit.*\s*java.io.UncheckedIOException: Failed to read records into memory"
LIMIT_S = 240  # for one tool, one start, one stop: a bound against hanging, no measure of speed; a JVM may take minutes on a busy machine

_running = []
_dirs = []
_marks = []


def _clean_up():
    for process in _running:
        if process.poll() is None:
            process.kill()
            process.wait()
    for path in _dirs:
        shutil.rmtree(path, ignore_errors=True)


atexit.register(_clean_up)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def temp_dir(keep=False):
    """A new directory that goes when the script ends."""
    path = Path(tempfile.mkdtemp(prefix="kraftig-"))
    if not keep:
        _dirs.append(path)
    return path


def _not_handed_out():
    """Ports that the kernel gives to nobody by itself. One that it does may be gone when a node comes to listen, or does again: whoever connects
    to somewhere gets one, and he who tries a port where nobody listens may even get that one."""
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    return [port for port in range(10000, 65536) if not low <= port <= high] or range(10000, 65536)


def free_ports(n):
    """n different loopback ports that nobody listens on. Until this script ends no other gets them, nor does it itself get them again: each is
    marked by a name that ends with the process."""
    ports = _not_handed_out()
    found = []
    for port in random.sample(ports, len(ports)):
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0kraftig-port-{port}")
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            mark.close()
            continue
        _marks.append(mark)
        found.append(port)
        if len(found) == n:
            return found
    raise OSError(f"no {n} free ports")


def unless_changed(state, look):
    """What `look` gives of a state. Where it fails and the state is another by then, it looks again: on a busy machine a leader may go at any
    moment, and what was read before is of no use."""
    end = time.monotonic() + LIMIT_S
    while True:
        before = state()
        try:
            return look(before)
        except AssertionError:
            if state() == before or time.monotonic() > end:
                raise


def run(*command, ok=True, stdin="", limit=LIMIT_S, env=None):
    """Run a command to its end. With ok, a status other than 0 is an error that shows what it said."""
    command = [str(c) for c in command]
    r = subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=limit, env={**os.environ, **(env or {})}, check=False)
    if ok and r.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {r.returncode}: {one_line(r.stderr or r.stdout)}")
    return r


def kafka(*args, **kw):
    """One of stock Kafka's tools, by the name of its script."""
    return run(KAFKA, *args, **kw)


def told(*command):
    """What a tool prints, as soon as it can: a controller is active a little after it leads, and none is while another one is elected."""
    end = time.monotonic() + LIMIT_S
    while (r := run(*command, ok=False)).returncode:
        assert time.monotonic() < end, f"{' '.join(map(str, command))}: status {r.returncode}: {one_line(r.stderr or r.stdout)}"
        time.sleep(0.1)
    return r.stdout


# The last: a stock one that has just come to lead may not know the metadata version yet.
NOT_NOW = r"timed out|TimeoutException|lagging behind|No controller is active|No answer within|could be reached|API_VERSIONS returned an error|intended only for the leader|closed|Direct-to-controller communication is not supported"


def change_voters(ask, done):
    """Has the tool add or remove a voter, which it says by `done` and nothing else. A leader gives up after controller.quorum.request.timeout.ms, 2 s, and may go: then it is
    asked again. What took too long may have been done, and is refused then."""
    end, open_ = time.monotonic() + LIMIT_S, False
    while (r := ask()).returncode:
        said = r.stderr + r.stdout
        if open_ and re.search("is already part of the set of voters|Cannot remove voter", said):
            return
        assert re.search(NOT_NOW, said) and time.monotonic() < end, f"status {r.returncode}: {one_line(said)}"
        open_ = True
        time.sleep(0.1)
    if not re.fullmatch(done, r.stdout):
        raise AssertionError(f"nothing like {done!r} in {one_line(r.stdout)!r}")


def one_line(text, width=400):
    text = " ".join(text.split())
    return text if len(text) <= width else "..." + text[-width:]


def eq(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {one_line(str(got))}, want {one_line(str(want))}")


def has(text, *wanted):
    for w in wanted:
        if w not in text:
            raise AssertionError(f"no {w!r} in {one_line(text)!r}")


class Node:
    """One combined node. `kind` is "kraftig" or "stock"; both get the same server.properties."""

    def __init__(self, kind, base, node_id=1, dirs=("data",), ports=None, **properties):
        self.kind = kind
        self.base = Path(base)
        self.base.mkdir(parents=True, exist_ok=True)
        self.node_id = node_id
        self.port, self.controller_port = ports or free_ports(2)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.dirs = [self.base / d for d in dirs]
        self.file = self.base / "server.properties"
        self.log = self.base / "node.log"
        self.process = None
        self.properties = {
            "process.roles": "broker,controller",
            "node.id": node_id,
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"{node_id}@127.0.0.1:{self.controller_port}",
            "log.dirs": ",".join(map(str, self.dirs)),
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            # So long a broker waits for controllers that start.
            "initial.broker.registration.timeout.ms": LIMIT_S * 1000,
        }
        self.configure(**properties)

    def configure(self, **properties):
        """Set keys (`_` stands for `.`) and write the file."""
        self.properties.update({k.replace("_", "."): v for k, v in properties.items()})
        self.file.write_text("".join(f"{k}={v}\n" for k, v in self.properties.items()))

    def command(self, *args):
        if self.kind == "stock":
            args = ("server-start", *args[2:]) if args[:2] == ("server", "start") else args
            return [str(a) for a in (KAFKA, *args)]
        return [str(a) for a in (KRAFTIG, *args)]

    def storage(self, *args, **kw):
        return run(*self.command("storage", *args), **kw)

    def random_uuid(self):
        return self.storage("random-uuid").stdout.strip()

    def format(self, cluster_id=None):
        """Format with a given or a new cluster id; gives the id."""
        cluster_id = cluster_id or self.random_uuid()
        self.storage("format", "-t", cluster_id, "-c", self.file)
        return cluster_id

    def spawn(self, *args):
        """Start without waiting for it to be ready."""
        env = dict(os.environ)
        if self.kind == "stock":
            env.setdefault("KAFKA_HEAP_OPTS", "-Xmx512M")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command("server", "start", self.file, *args), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        _running.append(self.process)
        return self

    def start(self, *args):
        """Start and wait until a Metadata answer names a broker."""
        self.spawn(*args)
        end = time.monotonic() + LIMIT_S
        while not self.names_a_broker():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.kind} ended with {self.process.returncode} at its start: {one_line(self.said())}")
            if time.monotonic() > end:
                raise AssertionError(f"{self.kind} is not ready after {LIMIT_S} s: {one_line(self.said())}")
            time.sleep(0.01)
        return self

    def names_a_broker(self):
        """Metadata v1 for no topics, without a client library."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                s.settimeout(5)
                s.sendall(struct.pack(">ihhihi", 14, 3, 1, 1, -1, 0))
                answer = s.recv(65536)
                return len(answer) >= 12 and struct.unpack_from(">i", answer, 8)[0] > 0
        except OSError:
            return False

    def refused(self, *args):
        """Start it where it must refuse: gives (status, what it said)."""
        before = len(self.said())
        self.spawn(*args)
        try:
            status = self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.kind} started where it must refuse: {one_line(self.said()[before:])}") from None
        return status, self.said()[before:]

    def terminate(self):
        """SIGTERM, once the process catches it: one that has only just begun would end by it as any other does."""
        status, end = Path(f"/proc/{self.process.pid}/status"), time.monotonic() + LIMIT_S
        while self.alive() and not int(re.search(r"^SigCgt:\s+(\w+)", status.read_text(), re.M)[1], 16) >> (signal.SIGTERM - 1) & 1:
            assert time.monotonic() < end, f"{self.kind} does not catch SIGTERM: {one_line(self.said())}"
            time.sleep(0.01)
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """SIGTERM; the node must end by itself, as stock Kafka does."""
        before = len(self.said())
        self.terminate()
        try:
            status = self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.kind} did not stop within {LIMIT_S} s of SIGTERM: {one_line(self.said())}") from None
        if self.kind == "stock" and status == 1 and re.search(STOPPED_WHILE_READING, self.said()[before:]):
            return
        eq(status, STOPPED_BY_SIGTERM, f"{self.kind}: status after SIGTERM ({one_line(self.said(), 200)})")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def said(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def meta_properties(self, directory=None):
        """A directory's meta.properties as a dictionary."""
        text = ((directory or self.dirs[0]) / "meta.properties").read_text()
        return dict(re.findall(r"^([^#=\s]+)=(.*)$", text, re.M))

    @property
    def metadata_log(self):
        return self.dirs[0] / "__cluster_metadata-0" / "00000000000000000000.log"


class Checks:
    """Runs named checks, one line each, and counts them."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, name, function, *args):
        """Run one check; gives what it gave, or None when it failed."""
        started = time.monotonic()
        try:
            result = function(*args)
        except Exception as e:  # a check may fail in any way; the others must still run
            self.failed += 1
            where = traceback.extract_tb(e.__traceback__)[-1]
            known = isinstance(e, AssertionError) and str(e)
            why = str(e) if known else f"{type(e).__name__}: {one_line(str(e))} ({Path(where.filename).name}:{where.lineno})"
            print(f"FAILED {name} {why}", flush=True)
            return None
        self.passed += 1
        print(f"ok {name} ({time.monotonic() - started:.1f} s)", flush=True)
        return result if result is not None else True

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)


def arguments(doc, **extra):
    """The command line that the scripts share."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=["kraftig", "stock"], default="kraftig", help="the node under test (stock: try the script itself)")
    parser.add_argument("--keep", action="store_true", help="leave the temporary directory behind and print its name")
    for name, options in extra.items():
        parser.add_argument("--" + name.replace("_", "-"), **options)
    a = parser.parse_args()
    if a.server == "kraftig" and not KRAFTIG.is_file():
        sys.exit(f"{KRAFTIG} is not there: build it with `cargo build --release -p kraftig`, or name it in KRAFTIG")
    a.dir = temp_dir(a.keep)
    if a.keep:
        print(f"keeping {a.dir}", flush=True)
    return a


def main():
    if "--" not in sys.argv:
        sys.argv.append("--help")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    command, sys.argv = sys.argv[split + 1:], sys.argv[:split]
    a = arguments(__doc__, set={"action": "append", "default": [], "metavar": "KEY=VALUE", "help": "a line of server.properties"})
    node = Node(a.server, a.dir / "node", **dict(s.split("=", 1) for s in a.set))
    node.format()
    node.start()
    status = subprocess.run([c.replace("{bootstrap}", node.bootstrap) for c in command], check=False).returncode
    try:
        node.stop()
    except AssertionError as e:
        print(f"FAILED stop {e}", flush=True)
        status = status or 1
    sys.exit(status)


if __name__ == "__main__":
    main()
