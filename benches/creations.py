"""Creations of topics on a quorum of three: how many a second, and what CPU each takes of all nodes together.

Three controllers and a broker of one kind as processes on loopback, default timeouts, each controller with a directory of its own on one
disk; what is committed is flushed by a majority. Topics of one partition are created one a request, so that nothing but the cluster joins them,
with IN_FLIGHT under way all the time.
"""
import sys
import threading
import time
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "refinement" / "clients"))
from bench import Proc, pct  # noqa: E402
from node import LIMIT_S, Node, free_ports, one_line  # noqa: E402

CONTROLLERS = 3
CLIENTS = 4  # a broker answers what comes over one connection in order
IN_FLIGHT = 64
WARM_UP_S = 10  # a JVM is slow before
MEASURED_S = 10


def cluster(kind, base):
    *ports, broker = free_ports(CONTROLLERS + 1)
    voters = dict(enumerate(ports, 1))
    nodes = []
    for i, port in [*voters.items(), (CONTROLLERS + 1, broker)]:
        role, listener = ("controller", "CONTROLLER") if i in voters else ("broker", "PLAINTEXT")
        node = Node(kind, base / str(i), i, ports=(port, port), request_timeout_ms=LIMIT_S * 1000)
        node.properties["process.roles"] = role
        node.properties["listeners"] = node.properties["advertised.listeners"] = f"{listener}://127.0.0.1:{port}"
        node.properties["controller.quorum.voters"] = ",".join(f"{j}@127.0.0.1:{p}" for j, p in voters.items())
        if role == "controller" and kind == "stock":
            del node.properties["advertised.listeners"]
        node.configure()
        nodes.append(node)
    cluster_id = nodes[0].random_uuid()
    for node in nodes:
        node.format(cluster_id)
        node.spawn()
    return nodes


class Creations:
    """As many under way as IN_FLIGHT says, until `stop`."""

    def __init__(self, bootstrap):
        self.clients = [AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 100}) for _ in range(CLIENTS)]
        self.lock, self.over = threading.Lock(), threading.Event()
        self.next, self.under_way = 0, IN_FLIGHT
        self.done, self.failed = [], []  # (when, seconds); errors
        for i in range(IN_FLIGHT):
            self.send(self.clients[i % CLIENTS])

    def send(self, client):
        with self.lock:
            name = f"c-{self.next}"
            self.next += 1
        sent = time.monotonic()
        future = client.create_topics([NewTopic(name, 1, 1)], operation_timeout=LIMIT_S, request_timeout=LIMIT_S)[name]
        future.add_done_callback(lambda future: self.answered(client, sent, future.exception()))

    def answered(self, client, sent, error):
        now = time.monotonic()
        with self.lock:
            self.failed.append(str(error)) if error else self.done.append((now, now - sent))
            if self.over.is_set():
                self.under_way -= 1
                return
        self.send(client)

    def stop(self, limit_s=LIMIT_S + 10):
        self.over.set()
        end = time.monotonic() + limit_s
        while self.under_way and time.monotonic() < end:
            time.sleep(0.01)


def topics_of(client):
    return len([topic for topic in client.list_topics(timeout=LIMIT_S).topics if topic.startswith("c-")])


def measure(kind, base):
    """One result in bench.py's form."""
    nodes = cluster(kind, base)
    end = time.monotonic() + LIMIT_S
    while not nodes[-1].names_a_broker():
        if time.monotonic() > end or not all(node.alive() for node in nodes):
            sys.exit(f"{kind}: no broker is named: {[one_line(node.said()) for node in nodes]}")
        time.sleep(0.05)
    processes = [Proc(node.process.pid) for node in nodes]
    controllers_rss = max(p.rss() for p in processes[:-1])
    creations = Creations(nodes[-1].bootstrap)
    time.sleep(WARM_UP_S)
    began, cpu = time.monotonic(), sum(p.cpu() for p in processes)
    time.sleep(MEASURED_S)
    cpu, ended = sum(p.cpu() for p in processes) - cpu, time.monotonic()
    creations.stop()
    # A controller acknowledges what is committed; the broker, which answers here, may be a moment behind it.
    end = time.monotonic() + LIMIT_S
    while (there := topics_of(creations.clients[0])) < len(creations.done) and time.monotonic() < end:
        time.sleep(0.05)
    took = sorted(seconds for at, seconds in creations.done if began < at < ended)
    for node in nodes:
        node.kill()
    return {
        "test": "creations", "expected": len(creations.done), "got": there, "errors": creations.failed[:3], "n": len(took),
        "per_s": round(len(took) / (ended - began), 1), "cpu_ms": round(cpu / max(1, len(took)) * 1000, 3),
        "p50_ms": pct([s * 1000 for s in took], 50), "p99_ms": pct([s * 1000 for s in took], 99), "controller_rss_mib": controllers_rss,
    }  # fmt: skip
