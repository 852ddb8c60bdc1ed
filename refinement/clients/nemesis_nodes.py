"""The nodes that the nemesis disturbs."""
import shutil
import signal
import socket
import struct

from node import LIMIT_S, Node

# Small, so that snapshots are taken all the time and each cleaning, once a minute, takes something away.
SMALL = {
    "metadata.log.max.record.bytes.between.snapshots": 100_000,
    "metadata.max.retention.bytes": 100_000,
    "internal.metadata.log.segment.bytes": 524_288,
}


class Member(Node):
    """A controller, or the broker, which finds the others through links that can be cut. All but its traces and its own log lies on `disk`, if there is one."""

    def __init__(self, base, node_id, links, controllers, dynamic, clock=None, disk=None):
        self.host, port = links.place(node_id)
        super().__init__("kraftig", base, node_id, dirs=("disk/data",) if disk else ("data",), ports=(port, port))
        self.bootstrap = f"{self.host}:{port}"
        self.clock, self.disk = clock, disk
        self.prefix = links.command(node_id) + (clock.command if clock else [])
        self.traces = [self.base / "trace.jsonl"]
        listener = ("CONTROLLER" if node_id in controllers else "PLAINTEXT") + "://" + self.bootstrap
        self.properties["process.roles"] = "controller" if node_id in controllers else "broker"
        self.properties["listeners"] = self.properties["advertised.listeners"] = listener
        ways = {i: "{}:{}".format(*links.way(node_id, i)) for i in controllers}
        if dynamic:
            del self.properties["controller.quorum.voters"]
            self.properties["controller.quorum.bootstrap.servers"] = ",".join(ways.values())
        else:
            self.properties["controller.quorum.voters"] = ",".join(f"{i}@{at}" for i, at in ways.items())
        self.properties.update(SMALL)
        self.configure()
        self.paused = self.stopping = False

    def command(self, *args):
        found = super().command(*args)
        return [*self.prefix, *found] if args[0] == "server" else found

    def up(self):
        if not self.alive():
            self.spawn("--trace", self.traces[-1])
            self.stopping = False

    def pause(self):
        if self.alive():
            self.process.send_signal(signal.SIGSTOP)
            self.paused = True

    def resume(self):
        if self.paused and self.alive():
            self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def end(self, how):
        """A node that is stopped or cut off may need longer to end after SIGTERM than the fault lasts."""
        if self.alive():
            self.stopping = how == signal.SIGTERM
            if self.stopping:
                self.terminate()
            else:
                self.process.kill()
                self.process.wait(LIMIT_S)
                self.paused = False

    def wipe(self, *how):
        """Its directory is lost and made anew, with another directory id."""
        cluster = self.meta_properties()["cluster.id"]
        for path in self.dirs:
            shutil.rmtree(path)
        self.traces.append(self.base / f"trace-{len(self.traces)}.jsonl")
        self.storage("format", "-t", cluster, "-c", self.file, *how)

    def describe(self, limit=1.0):
        """(leader, epoch, high watermark, {voter: end}) by DescribeQuorum v0, or None where the node does not lead or does not answer."""
        name = b"__cluster_metadata"
        body = struct.pack(">hhih", 55, 0, 7, 1) + b"q\0" + bytes([2, len(name) + 1]) + name + bytes([2]) + struct.pack(">i", 0) + b"\0\0\0"
        try:
            with socket.create_connection((self.host, self.port), limit) as s:
                s.settimeout(limit)
                s.sendall(struct.pack(">i", len(body)) + body)
                r = s.recv(65536)
            at = 4 + 4 + 1 + 2 + 1 + 1 + len(name) + 1
            _, error, leader, epoch, high = struct.unpack_from(">ihiiq", r, at)
            voters = [struct.unpack_from(">iq", r, at + 23 + 13 * i) for i in range(r[at + 22] - 1)]
        except (OSError, struct.error, IndexError):
            return None
        return None if error else (leader, epoch, high, dict(voters))

    def loaded(self):
        """How many snapshots it loaded in each of its lives on one disk."""
        return [file.read_text().count('"effect":"installSnapshot"') for file in self.traces if file.exists()]
