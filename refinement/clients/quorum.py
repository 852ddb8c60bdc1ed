#!/usr/bin/env python3
"""Controllers as processes: who leads when the leader is killed or stopped, who is refused, and what the tools say.

    quorum.py [--rounds 10]

Starts three and five controllers on loopback with default timeouts. Prints for each way to end the leader how long it takes until
the others name another one; the figures are no check, that there is a leader at all is. The output of `metadata-quorum describe`
is compared with that of stock Kafka's tool on the same cluster. Needs nothing but Python, and Java and Maven for stock's tool.
"""
import re
import signal
import socket
import struct
import time

from node import KAFKA, KRAFTIG, LIMIT_S, Checks, Node, arguments, eq, free_ports, has, one_line, run, told, unless_changed

a = arguments(__doc__, rounds={"type": int, "default": 10})
check = Checks()


class Controller(Node):
    """A node that is just a controller, or with `port` set a broker too far from it."""

    def __init__(self, base, node_id, voters, port=None, **properties):
        own = voters.get(node_id)
        super().__init__("kraftig", base, node_id, ports=(port or own, own), **properties)
        listener = f"PLAINTEXT://127.0.0.1:{port}" if port else f"CONTROLLER://127.0.0.1:{own}"
        self.properties["process.roles"] = "broker" if port else "controller"
        self.properties["listeners"] = self.properties["advertised.listeners"] = listener
        self.properties["controller.quorum.voters"] = ",".join(f"{i}@127.0.0.1:{p}" for i, p in voters.items())
        self.configure()


def describe(port):
    """(leader, epoch) by DescribeQuorum v0, or None where the node does not lead or does not answer."""
    name = b"__cluster_metadata"
    body = struct.pack(">hhih", 55, 0, 7, 1) + b"q\0" + bytes([2, len(name) + 1]) + name + bytes([2]) + struct.pack(">i", 0) + b"\0\0\0"
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as s:
            s.settimeout(1)
            s.sendall(struct.pack(">i", len(body)) + body)
            r = s.recv(65536)
    except OSError:
        return None
    # length, correlation id, tags, error, topics, name, partitions
    at = 4 + 4 + 1 + 2 + 1 + 1 + len(name) + 1
    if len(r) < at + 14:
        return None
    _, error, leader, epoch = struct.unpack_from(">ihii", r, at)
    return None if error else (leader, epoch)


def leader(nodes, after=0):
    """Waits until one of them says that it leads, in a later epoch than `after`."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        for node in nodes:
            if node.alive() and (found := describe(node.controller_port)) and found[1] > after:
                return found
        time.sleep(0.001)
    raise AssertionError(f"no leader within {LIMIT_S} s: " + "; ".join(one_line(n.said()[-300:]) for n in nodes))


def started(name, count, **properties):
    voters = dict(zip(range(1, count + 1), free_ports(count)))
    nodes = [Controller(a.dir / name / str(i), i, voters, **properties) for i in voters]
    cluster = nodes[0].random_uuid()
    for node in nodes:
        node.format(cluster)
        node.spawn()
    return nodes, cluster, voters


def figures(text, times):
    times = sorted(round(t * 1000) for t in times)
    print(f"   {text}: p50 {times[len(times) // 2]} ms, max {times[-1]} ms, of {len(times)}", flush=True)


def ended(name, count, at_once, how):
    """The leader is ended again and again, with others if `at_once` is more than 1."""
    nodes, *_ = started(re.sub("[^a-z0-9]+", "-", name), count)
    by_id = {node.node_id: node for node in nodes}
    (lead, epoch), times = leader(nodes), []
    for _ in range(a.rounds):
        caught_up(by_id[lead], count)
        others = [i for i in by_id if i != lead][:at_once - 1]
        begun = time.monotonic()
        for i in [lead, *others]:
            by_id[i].terminate() if how == signal.SIGTERM else by_id[i].process.kill()
        found = leader([n for n in nodes if n.node_id not in (lead, *others)], epoch)
        times.append(time.monotonic() - begun)
        for i in [lead, *others]:
            by_id[i].process.wait(LIMIT_S)
            by_id[i].spawn()
        lead, epoch = found
    figures(name, times)
    for node in nodes:
        node.kill()


def caught_up(lead, count):
    """Waits until all voters take part."""
    end = time.monotonic() + LIMIT_S
    while (lag := lags(lead)) is None or len(lag) < count or max(lag) > 5:
        if time.monotonic() > end:
            raise AssertionError(f"not all voters keep up with node {lead.node_id}: {lag}")
        time.sleep(0.02)


def lags(node):
    """How far each voter is behind."""
    r = run(KRAFTIG, "metadata-quorum", "--bootstrap-controller", f"127.0.0.1:{node.controller_port}", "describe", "--replication", ok=False)
    rows = [line.split("\t") for line in r.stdout.splitlines()[1:]]
    if r.returncode or not rows:
        return None
    return [int(row[3]) if int(row[2]) >= 0 else 1 << 30 for row in rows if row[6].strip() != "Observer"]


def masked(text):
    """Without what changes from one moment to the next; cells keep their width."""
    text = re.sub(r"(MaxFollowerLagTimeMs: +)\d+", r"\1N", text)
    return re.sub(r"\d{13}", "T" * 13, re.sub(r"\d+ ms ago *\t", "N ms ago\t", text))


def tools():
    quiet = {"metadata.max.idle.interval.ms": 0}
    nodes, cluster, voters = started("tools", 3, **quiet)
    (port,) = free_ports(1)
    broker = Controller(a.dir / "tools" / "7", 7, voters, port=port, **quiet)
    broker.format(cluster)
    broker.start()
    # No more is written once all have told that they are there.
    caught_up(nodes[leader(nodes)[0] - 1], 3)
    places = [("--bootstrap-server", port)] + [("--bootstrap-controller", p) for p in voters.values()]
    for where, at in places:
        for what in (["--status"], ["--replication"], ["--replication", "--human-readable"]):
            command = ["metadata-quorum", where, f"127.0.0.1:{at}", "describe", *what]

            def said(tool):
                text = told(tool, *command)
                # The heads are padded to the cells, whose width the times have.
                return masked(re.sub(" +\t", "\t", text) if "--human-readable" in what else text)

            def same(ours):
                has(ours, *(("LeaderId:",) if what == ["--status"] else ("Observer", "Follower", "Leader")))
                eq(ours, said(KAFKA), " ".join(command))
            unless_changed(lambda: said(KRAFTIG), same)
    broker.stop()
    for node in nodes:
        node.stop()


def another_cluster():
    nodes, cluster, voters = started("foreign", 3)
    leader(nodes)
    stranger = nodes[2]
    stranger.kill()
    for path in stranger.dirs[0].iterdir():
        if path.name == "meta.properties":
            path.write_text(path.read_text().replace(cluster, "AAAAAAAAAAAAAAAAAAAAAQ"))
    # Its log is another's too.
    status, said = stranger.refused()
    eq(status, 1, "status")
    has(said, f"their cluster.id is {cluster}, and this node's is AAAAAAAAAAAAAAAAAAAAAQ", "meta.properties", "127.0.0.1:", "controller.quorum.voters")
    leader(nodes[:2])
    for node in nodes[:2]:
        node.stop()


check("the leader of three is killed", ended, "kill, 3 voters", 3, 1, signal.SIGKILL)
check("the leader of three is stopped", ended, "stop, 3 voters", 3, 1, signal.SIGTERM)
check("the leader of five is killed with a follower", ended, "kill, 5 voters", 5, 2, signal.SIGKILL)
check("a node of another cluster", another_cluster)
check("metadata-quorum describe as stock prints it", tools)
check.finish()
