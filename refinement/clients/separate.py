#!/usr/bin/env python3
"""A controller and a broker as two processes, each ours or stock Apache Kafka: stock Kafka's tools and kcat as clients.

    separate.py [--pairs CONTROLLER+BROKER ...]     (default: kraftig+kraftig kraftig+stock stock+kraftig)

Needs kcat, Java and Maven. One line a check, "ok NAME" or "FAILED NAME why"; the last line counts them.
"""
import time

from node import KAFKA, LIMIT_S, Checks, Node, arguments, eq, free_ports, has, kafka, one_line, run, told

a = arguments(__doc__, pairs={"nargs": "+", "default": ["kraftig+kraftig", "kraftig+stock", "stock+kraftig"], "metavar": "CONTROLLER+BROKER"})
check = Checks()


class Pair:
    def __init__(self, name):
        self.name = name
        of_controller, of_broker = name.split("+")
        port, controller_port = free_ports(2)
        common = {"controller_quorum_voters": f"1@127.0.0.1:{controller_port}", "num_partitions": 2, "request_timeout_ms": LIMIT_S * 1000}
        self.controller = Node(
            of_controller, a.dir / name / "controller", 1, ports=(port, controller_port), process_roles="controller", listeners=f"CONTROLLER://127.0.0.1:{controller_port}", **common
        )
        del self.controller.properties["advertised.listeners"]
        self.controller.configure()
        self.broker = Node(of_broker, a.dir / name / "broker", 2, ports=(port, controller_port), process_roles="broker", listeners=f"PLAINTEXT://127.0.0.1:{port}", **common)
        self.bs = ("--bootstrap-server", self.broker.bootstrap)
        self.patient = a.dir / name / "client.properties"
        self.patient.write_text(f"default.api.timeout.ms={LIMIT_S * 1000}\nrequest.timeout.ms={LIMIT_S * 1000}\n")
        self.kcat = ("kcat", "-m", LIMIT_S, "-b", self.broker.bootstrap)

    def check(self):
        for step in (self.start, self.topics, self.records, self.producer_ids, self.quorum, self.broker_restarts, self.controller_restarts, self.stop):
            check(f"{self.name}: {step.__name__.replace('_', ' ')}", step)

    def start(self):
        cluster_id = self.controller.format()
        self.broker.format(cluster_id)
        self.controller.spawn()
        self.broker.start()

    def topics(self):
        has(self.create("a", "--partitions", "3", "--config", "retention.ms=777000").stdout, "Created topic a.")
        self.lists("a")
        r = self.create("a", ok=False)
        has(r.stdout + r.stderr, "Topic 'a' already exists.")
        has(kafka("topics", *self.bs, "--describe", "--topic", "a").stdout, "PartitionCount: 3", "retention.ms=777000", "Leader: 2\tReplicas: 2\tIsr: 2")
        self.create("b")
        # The tool asks the broker for what it is to delete.
        self.lists("a", "b")
        kafka("topics", *self.bs, "--delete", "--topic", "b")
        self.lists("a")

    def create(self, topic, *args, ok=True):
        return kafka("topics", *self.bs, "--command-config", self.patient, "--create", "--topic", topic, *args, ok=ok)

    def lists(self, *topics):
        """Waits until the broker does: the controller answers, and the broker has fetched what it says a little later."""
        end = time.monotonic() + LIMIT_S
        while (listed := [name for name in kafka("topics", *self.bs, "--list").stdout.split() if not name.startswith("__")]) != [*topics]:
            assert time.monotonic() < end, f"the topics are {listed}, and not {topics}"

    def records(self):
        run(*self.kcat, "-P", "-t", "a", "-p", "1", "-X", "acks=all", stdin="one\ntwo\n")
        eq(self.read(), "one\ntwo\n", "what was produced")

    def read(self):
        return run(*self.kcat, "-C", "-t", "a", "-p", "1", "-o", "beginning", "-e", "-q").stdout

    def producer_ids(self):
        run(*self.kcat, "-P", "-t", "a", "-p", "1", "-X", "enable.idempotence=true", stdin="three\n")
        eq(self.read(), "one\ntwo\nthree\n", "what was produced")

    def quorum(self):
        has(told(KAFKA, "metadata-quorum", *self.bs, "describe", "--status"), "LeaderId:               1", "CurrentObservers:       [{\"id\": 2,")

    def broker_restarts(self):
        self.broker.stop()
        self.broker.start()
        eq(self.read(), "one\ntwo\nthree\n", "what was produced")
        self.create("c")
        self.lists("a", "c")

    def controller_restarts(self):
        self.controller.stop()
        run(*self.kcat, "-P", "-t", "a", "-p", "1", "-X", "acks=all", stdin="four\n")
        self.controller.spawn()
        # The broker hands it on as soon as it can.
        self.create("d")
        self.lists("a", "c", "d")
        eq(self.read(), "one\ntwo\nthree\nfour\n", "what was produced")

    def stop(self):
        before = len(self.broker.said())
        self.broker.stop()
        self.controller.stop()
        # In order, not because a broker of ours waited for something in vain.
        said = self.broker.said()[before:]
        assert "no controlled shutdown" not in said and "kept this broker" not in said, one_line(said)


for name in a.pairs:
    Pair(name).check()
check.finish()
