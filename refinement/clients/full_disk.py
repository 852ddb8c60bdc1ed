#!/usr/bin/env python3
"""Full disks: the leader's, those of all, one with no room for a byte, and that of a node that is alone.

    full_disk.py [--break ballast|promise]

Three nodes, each a broker and a controller whose metadata log lies on a file system of its own (a tmpfs; so this must run as root), and a
client that creates topics all the time. A ballast file fills a disk. Then another node leads, creations go on being acknowledged, and the
full node stays up, answers, and fetches no metadata; when the ballast is gone it catches up by itself, and can lead again. With all disks full nobody
leads, and reads are answered still. A node whose partitions lie on the full disk too refuses what is produced with
KAFKA_STORAGE_ERROR and goes on. No topic that was acknowledged is ever lost.

With --break the first check alone runs, with a disk that is not filled, or a topic that counts as acknowledged though nobody created it.
It must fail, and the status be 1.

Needs confluent-kafka. One line a check, "ok NAME" or "FAILED NAME why"; the last line counts them.
"""
import socket
import struct
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from failover import describe_quorum
from nemesis_disks import Disk
from node import LIMIT_S, Checks, Node, arguments, eq, free_ports, has, one_line

a = arguments(__doc__, **{"break": {"choices": ["ballast", "promise"], "help": "it must be seen, and the status 1"}})
spoiled = getattr(a, "break")
check = Checks()
MIB = 1 << 20
NEVER_S = 20  # for what never comes, where something was spoiled


class Cluster:
    def __init__(self, name, count=3, metadata_elsewhere=True, **properties):
        ports = free_ports(2 * count)
        ports = {i: (ports[2 * i - 2], ports[2 * i - 1]) for i in range(1, count + 1)}
        voters = ",".join(f"{i}@127.0.0.1:{controller}" for i, (_, controller) in ports.items())
        self.nodes, self.disks = {}, {}
        for i in ports:
            base = a.dir / name / str(i)
            self.disks[i] = Disk(base / "disk")
            log_dirs = base / "data" if metadata_elsewhere else base / "disk" / "data"
            places = {"metadata_log_dir": base / "disk" / "metadata"} if metadata_elsewhere else {}
            self.nodes[i] = Node("kraftig", base, i, ports=ports[i], controller_quorum_voters=voters, log_dirs=log_dirs, **places, **properties)
        cluster = self.nodes[1].random_uuid()
        for node in self.nodes.values():
            node.format(cluster)
            node.spawn()
        for node in self.nodes.values():
            until(node.names_a_broker, f"node {node.node_id} serves")

    def quorum(self):
        """(leader, epoch, high watermark, ends of the voters) as the leader says; None where nobody leads."""
        for i, node in self.nodes.items():
            try:
                found = describe_quorum(node.controller_port)
            except (OSError, struct.error, IndexError):
                continue
            if found[0] == i:
                return found
        return None

    def leader(self, *candidates, limit=LIMIT_S):
        """Waits until one of them leads."""
        def leads():
            found = self.quorum()
            return found and (not candidates or found[0] in candidates) and found[0]
        return until(leads, f"one of {candidates or 'all'} leads", limit)

    def client(self, *ids):
        servers = ",".join(self.nodes[i].bootstrap for i in ids or self.nodes)
        return AdminClient({"bootstrap.servers": servers, "log_level": 0, "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100})

    def topics(self, i):
        """As node `i` says."""
        return set(self.client(i).list_topics(timeout=LIMIT_S).topics)

    def end(self):
        for node in self.nodes.values():
            node.stop()


def until(holds, what, limit=LIMIT_S):
    end = time.monotonic() + limit
    while not (found := holds()):
        if time.monotonic() > end:
            raise AssertionError(f"{limit} s went by before {what}")
        time.sleep(0.02)
    return found


class Creations:
    """Creates topics one after the other until it is stopped, each until it is acknowledged."""

    def __init__(self, cluster):
        self.client, self.acknowledged, self.going = cluster.client(), [], True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        number = 0
        while self.going:
            name = f"topic-{number}"
            try:
                self.client.create_topics([NewTopic(name, 1, 1)], operation_timeout=5, request_timeout=5)[name].result()
            except KafkaException as error:
                # An answer that was lost was an answer.
                if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                    continue
            self.acknowledged.append(name)
            number += 1

    def more(self, count=10):
        wanted = len(self.acknowledged) + count
        until(lambda: len(self.acknowledged) >= wanted, f"{count} more creations are acknowledged")

    def stop(self):
        self.going = False
        self.thread.join()


def answers(cluster, i):
    """What a client and other nodes ask is answered: ApiVersions, DescribeQuorum, Metadata."""
    node = cluster.nodes[i]
    assert node.alive(), f"node {i} ended: {one_line(node.said())}"
    for port in (node.port, node.controller_port):
        with socket.create_connection(("127.0.0.1", port), LIMIT_S) as s:
            s.sendall(struct.pack(">ihhih", 10, 18, 0, 1, -1))
            length, _, error = struct.unpack(">iih", s.recv(10, socket.MSG_WAITALL))
            assert length > 6 and error == 0, f"ApiVersions of node {i}: {error}"
    # To its own controller: where that does not lead it says so.
    try:
        describe_quorum(node.controller_port, LIMIT_S)
    except OSError as error:
        has(str(error), "error 6")
    until(node.names_a_broker, f"Metadata of node {i} names a broker")


def is_full(cluster, i, times=1):
    until(lambda: cluster.nodes[i].said().count(" is full: ") == times, f"node {i} says that its disk is full")
    said = [line for line in cluster.nodes[i].said().splitlines() if " is full: " in line][-1]
    has(said, "ERROR", str(cluster.disks[i].path / "metadata"), "bytes are left")


def catches_up(cluster, i, creations):
    until(lambda: "has room again" in cluster.nodes[i].said(), f"node {i} says that it has room")
    acknowledged = list(creations.acknowledged)

    def has_all():
        found = cluster.quorum()
        return found and found[3].get(i, -1) >= found[2] and not set(acknowledged) - cluster.topics(i)
    until(has_all, f"node {i} has what the others have", NEVER_S if spoiled == "promise" else LIMIT_S)


def leader_full(leave):
    cluster = Cluster(f"leader-{leave}")
    creations = Creations(cluster)
    creations.more()
    full = cluster.leader()
    others = [i for i in cluster.nodes if i != full]
    if spoiled != "ballast":
        cluster.disks[full].fill(leave)
    next_leader = cluster.leader(*others, limit=NEVER_S if spoiled == "ballast" else LIMIT_S)
    is_full(cluster, full)
    creations.more(50)
    answers(cluster, full)
    # Whoever cannot write does not fetch either.
    _, _, high_watermark, ends = until(cluster.quorum, "somebody leads")
    assert ends[full] < high_watermark, (ends, high_watermark)
    # It votes for another one though: with one that is gone its vote is needed.
    (third,) = set(others) - {next_leader}
    epoch = until(cluster.quorum, "somebody leads")[1]
    cluster.nodes[next_leader].kill()
    until(lambda: (found := cluster.quorum()) and found[0] == third and found[1] > epoch, f"node {third} leads after epoch {epoch}")
    cluster.nodes[next_leader].start()
    creations.more()
    answers(cluster, full)

    cluster.disks[full].free()
    if spoiled == "promise":
        creations.acknowledged.append("nobody-created-this")
    catches_up(cluster, full, creations)
    # It leads when the others cannot, by their votes; and commits when one of them has room.
    for i in others:
        cluster.disks[i].fill(leave)
    cluster.leader(full)
    cluster.disks[others[0]].free()
    creations.more()
    cluster.disks[others[1]].free()
    creations.stop()
    for i in others:
        catches_up(cluster, i, creations)
    eq(cluster.nodes[full].said().count(" is full: "), 1, "how often the node said that its disk is full")
    cluster.end()


def nobody_leads(cluster, seconds):
    """And all answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if cluster.quorum() is not None:
            return False
        for i in cluster.nodes:
            answers(cluster, i)
        time.sleep(0.1)
    return True


def all_full():
    cluster = Cluster("all")
    creations = Creations(cluster)
    creations.more()
    for disk in cluster.disks.values():
        disk.fill(0)
    for i in cluster.nodes:
        is_full(cluster, i)
    # Longer than any timeout of the quorum. One may just be about to resign, or to win an election.
    until(lambda: nobody_leads(cluster, 8), "nobody leads for 8 s")
    known = set(creations.acknowledged)
    until(lambda: any(known <= cluster.topics(i) for i in cluster.nodes), "somebody knows all that was acknowledged")
    for disk in cluster.disks.values():
        disk.free()
    creations.more()
    creations.stop()
    for i in cluster.nodes:
        catches_up(cluster, i, creations)
    cluster.end()


def alone():
    """All on one disk. What is produced fills it."""
    cluster = Cluster("alone", 1, metadata_elsewhere=False)
    node, disk = cluster.nodes[1], cluster.disks[1]
    client = cluster.client()
    client.create_topics([NewTopic("t", 1, 1)])["t"].result()
    producer = Producer({"bootstrap.servers": node.bootstrap, "retries": 0, "log_level": 0, "linger.ms": 0})
    told = []

    def produce():
        producer.produce("t", bytes(200_000), on_delivery=lambda error, message: told.append((error, message)))
        producer.flush()
        return told[-1]
    disk.fill(12 * MIB)
    until(lambda: cluster.quorum() is None, "the node resigns")
    end = until(lambda: (found := produce())[0] and found, "a record is refused")[0]
    eq(end.name(), "KAFKA_STORAGE_ERROR", "the error of a record for which there is no room")
    eq(produce()[0].name(), "KAFKA_STORAGE_ERROR", "the error of the next one")
    answers(cluster, 1)
    kept = [m.offset() for error, m in told if not error]
    eq(read(node, len(kept)), kept, "what can be consumed while the disk is full")
    disk.free()
    cluster.leader()
    client.create_topics([NewTopic("u", 1, 1)], request_timeout=LIMIT_S)["u"].result()
    error, message = produce()
    eq((error, message.offset()), (None, len(kept)), "the next record")
    node.kill()
    node.start()
    eq(read(node, len(kept) + 1), [*kept, len(kept)], "what can be consumed after a kill")
    cluster.end()


def read(node, count):
    consumer = Consumer({"bootstrap.servers": node.bootstrap, "group.id": "g", "enable.auto.commit": False, "log_level": 0})
    consumer.assign([TopicPartition("t", 0, 0)])
    messages = consumer.consume(count, LIMIT_S)
    consumer.close()
    return [m.offset() for m in messages]


check("the leader's disk is nearly full", leader_full, 8 * MIB)
if not spoiled:
    check("the leader's disk is full to the last byte", leader_full, 0)
    check("all disks are full", all_full)
    check("a node alone with its partitions on the full disk", alone)
check.finish()
