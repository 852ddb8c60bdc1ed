#!/usr/bin/env python3
"""A controller and a broker as two processes, each ours or stock Apache Kafka: stock Kafka's tools and kcat as clients.

    separate.py [--pairs CONTROLLER+BROKER ...]     (default: kraftig+kraftig kraftig+stock stock+kraftig)

Needs kcat, Java and Maven. One line a check, "ok NAME" or "FAILED NAME why"; the last line counts them.
"""
import time

from node import Checks, Node, arguments, eq, free_ports, has, kafka, run

a = arguments(__doc__, pairs={"nargs": "+", "default": ["kraftig+kraftig", "kraftig+stock", "stock+kraftig"], "metavar": "CONTROLLER+BROKER"})
check = Checks()


class Pair:
    def __init__(self, name):
        self.name = name
        of_controller, of_broker = name.split("+")
        port, controller_port = free_ports(2)
        common = {"controller_quorum_voters": f"1@127.0.0.1:{controller_port}", "num_partitions": 2}
        self.controller = Node(
            of_controller, a.dir / name / "controller", 1, ports=(port, controller_port), process_roles="controller", listeners=f"CONTROLLER://127.0.0.1:{controller_port}", **common
        )
        del self.controller.properties["advertised.listeners"]
        self.controller.configure()
        self.broker = Node(of_broker, a.dir / name / "broker", 2, ports=(port, controller_port), process_roles="broker", listeners=f"PLAINTEXT://127.0.0.1:{port}", **common)
        self.bs = ("--bootstrap-server", self.broker.bootstrap)
        self.kcat = ("kcat", "-b", self.broker.bootstrap)

    def check(self):
        for step in (self.start, self.topics, self.records, self.producer_ids, self.quorum, self.broker_restarts, self.controller_restarts, self.stop):
            check(f"{self.name}: {step.__name__.replace('_', ' ')}", step)

    def start(self):
        cluster_id = self.controller.format()
        self.broker.format(cluster_id)
        self.controller.spawn()
        self.broker.start()

    def topics(self):
        has(kafka("topics", *self.bs, "--create", "--topic", "a", "--partitions", "3", "--config", "retention.ms=777000").stdout, "Created topic a.")
        r = kafka("topics", *self.bs, "--create", "--topic", "a", ok=False)
        has(r.stdout + r.stderr, "Topic 'a' already exists.")
        has(kafka("topics", *self.bs, "--describe", "--topic", "a").stdout, "PartitionCount: 3", "retention.ms=777000", "Leader: 2\tReplicas: 2\tIsr: 2")
        kafka("topics", *self.bs, "--create", "--topic", "b")
        kafka("topics", *self.bs, "--delete", "--topic", "b")
        eq(self.listed(), ["a"], "topics")

    def listed(self):
        return [name for name in kafka("topics", *self.bs, "--list").stdout.split() if not name.startswith("__")]

    def records(self):
        run(*self.kcat, "-P", "-t", "a", "-p", "1", "-X", "acks=all", stdin="one\ntwo\n")
        eq(self.read(), "one\ntwo\n", "what was produced")

    def read(self):
        return run(*self.kcat, "-C", "-t", "a", "-p", "1", "-o", "beginning", "-e", "-q").stdout

    def producer_ids(self):
        run(*self.kcat, "-P", "-t", "a", "-p", "1", "-X", "enable.idempotence=true", stdin="three\n")
        eq(self.read(), "one\ntwo\nthree\n", "what was produced")

    def quorum(self):
        has(kafka("metadata-quorum", *self.bs, "describe", "--status").stdout, "LeaderId:               1", "CurrentObservers:       [{\"id\": 2,")

    def broker_restarts(self):
        self.broker.stop()
        self.broker.start()
        eq(self.read(), "one\ntwo\nthree\n", "what was produced")
        kafka("topics", *self.bs, "--create", "--topic", "c")
        eq(self.listed(), ["a", "c"], "topics")

    def controller_restarts(self):
        self.controller.stop()
        run(*self.kcat, "-P", "-t", "a", "-p", "1", "-X", "acks=all", stdin="four\n")
        self.controller.spawn()
        # The broker hands it on as soon as it can.
        kafka("topics", *self.bs, "--create", "--topic", "d")
        eq(self.listed(), ["a", "c", "d"], "topics")
        eq(self.read(), "one\ntwo\nthree\nfour\n", "what was produced")

    def stop(self):
        started = time.monotonic()
        self.broker.stop()
        self.controller.stop()
        assert time.monotonic() - started < 30, "both stop at once when all is well"


for name in a.pairs:
    Pair(name).check()
check.finish()
