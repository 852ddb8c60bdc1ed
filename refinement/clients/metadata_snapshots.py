#!/usr/bin/env python3
"""Snapshots of the metadata (KIP-630): taken, read by stock, started from, fetched from a leader whose log begins later, cleaned.

    metadata_snapshots.py [--quorums VOTERS ...]     (default: kkk kks ssk; s is a stock voter, k is ours)

First a single node: stock decodes its snapshots, starts from them and sees the same cluster, and ours again after it. Then quorums of
three with static voters: the last voter is killed while the other two go on, take snapshots, and clean their logs so far that what it
lacks is gone (Kafka looks every 60 s); back again, it has to load a snapshot from whoever leads. So has an observer that was paused
meanwhile, and shows what became of what it showed; and one that is new. In the end all logs hold the same bytes where they hold the same offsets, everything acknowledged is there, and stays there after a kill -9 of all.

The traces of a quorum that is all ours replay against the model.

Environment: KRAFTIG_CHECK (default target/release/kraftig-check), and KRAFTIG as everywhere here. Needs confluent-kafka, Java and Maven. One line a check, "ok NAME" or "FAILED NAME why"; the last line counts them.
"""
import json
import os
import re
import signal
import socket
import struct
import threading
import time
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from failover import describe_quorum
from node import LIMIT_S, ROOT, STOPPED_WHILE_READING, Checks, Node, arguments, eq, free_ports, has, kafka, one_line, run

a = arguments(__doc__, quorums={"nargs": "+", "default": ["kkk", "kks", "ssk"], "metavar": "VOTERS"})
check = Checks()
KINDS = {"s": "stock", "k": "kraftig"}
SMALL = {
    "metadata_log_max_record_bytes_between_snapshots": 5000,
    "metadata_max_retention_bytes": 20000,
    # Stock has this key for tests. When a broker is fenced, all its partitions change in one batch of stock's, and a batch lies in one segment.
    "internal_metadata_log_segment_bytes": 32768,
}
# A stock controller says this while another node starts or stops, and of the segments' size.
HARMLESS = r"NotControllerException|EventPerformanceMonitor|[Tt]imed out (heartbeat|before sending)|only supported for testing"
KRAFTIG_CHECK = Path(os.environ.get("KRAFTIG_CHECK", ROOT / "target" / "release" / "kraftig-check")).absolute()


def admin(node):
    return AdminClient({"bootstrap.servers": node.bootstrap, "log_level": 0, "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100})


def create(client, name, **config):
    client.create_topics([NewTopic(name, 1, 1, config=config)], operation_timeout=LIMIT_S, request_timeout=LIMIT_S)[name].result()


def shown(node):
    """The topics that this very broker shows, None where it does not answer: a client library may ask another one."""
    try:
        with socket.create_connection(("127.0.0.1", node.port), LIMIT_S) as s:
            s.sendall(struct.pack(">ihhihi", 14, 3, 1, 1, -1, -1))
            answer = b""
            while len(answer) < 4 or len(answer) < 4 + struct.unpack_from(">i", answer)[0]:
                if not (more := s.recv(1 << 20)):
                    return None
                answer += more
    except OSError:
        return None
    return {name.decode() for name in re.findall(rb"t-\d+", answer)}


def trace(node):
    return node.base / "trace.jsonl"


def directory(node):
    return node.metadata_log.parent


def snapshots(node):
    """(end, epoch) of each, the oldest first."""
    found = (re.fullmatch(r"(\d{20})-(\d{10})\.checkpoint", path.name) for path in directory(node).iterdir())
    return sorted((int(m[1]), int(m[2])) for m in found if m and int(m[1]))


def snapshot_file(node, end, epoch):
    return directory(node) / f"{end:020}-{epoch:010}.checkpoint"


def log(node):
    """Base offset and bytes of each batch of all segments. The first of them may go meanwhile: then they are read again."""
    while True:
        try:
            return {offset: batch for file in sorted(directory(node).glob("*.log")) for offset, batch in batches(file.read_bytes())}
        except FileNotFoundError:
            pass


def batches(data):
    """Base offset and bytes of each whole batch of a segment."""
    at = 0
    while at + 12 <= len(data):
        offset, size = struct.unpack_from(">qi", data, at)
        if size <= 0 or at + 12 + size > len(data):
            break
        yield offset, data[at:at + 12 + size]
        at += 12 + size


def content(file):
    """Its bytes; nothing once it is gone: an old snapshot goes at any time."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def until(what, test, limit=LIMIT_S):
    end = time.monotonic() + limit
    while not (found := test()):
        if time.monotonic() > end:
            raise AssertionError(f"not {what} within {limit} s")
        time.sleep(0.05)
    return found


# One node


def cluster(client):
    """What clients see: partitions, leaders, topic configurations."""
    topics = client.list_topics(timeout=LIMIT_S).topics
    configs = {}
    for t in topics:
        for f in client.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, t)]).values():
            configs[t] = f.result(LIMIT_S)["retention.ms"].value
    return {name: (configs[name], {p.id: (p.leader, p.replicas, p.isrs) for p in t.partitions.values()}) for name, t in topics.items()}


def live(node, write=False, want=None):
    """One start to stop; gives what clients saw, in the end what is wanted."""
    node.start()
    client = admin(node)
    if write:
        for i in range(60):
            for f in client.create_topics([NewTopic(f"t{i}", 1 + i % 7, 1, config={"retention.ms": str(1000000 + i)})]).values():
                f.result(LIMIT_S)
        for i in range(0, 60, 3):
            for f in client.delete_topics([f"t{i}"]).values():
                f.result(LIMIT_S)
        p = Producer({"bootstrap.servers": node.bootstrap, "enable.idempotence": True, "log_level": 0})
        p.produce("t1", b"x")
        eq(p.flush(LIMIT_S), 0, "records that are not acknowledged")
    end = time.monotonic() + LIMIT_S
    while (seen := cluster(client)) != want and want and time.monotonic() < end:
        time.sleep(0.1)
    node.stop()
    return seen


def decoded(node):
    """Stock reads the latest snapshot."""
    latest = snapshots(node)[-1]
    file = snapshot_file(node, *latest)
    eq(oct(file.stat().st_mode)[-3:], "400", "mode")
    said = kafka("dump-log", "--cluster-metadata-decoder", "--files", file).stdout
    assert "isvalid: false" not in said, said[-500:]
    has(said, f"Snapshot end offset: {latest[0]}, epoch: {latest[1]}", "SnapshotHeader", "SnapshotFooter")
    records = [json.loads(r) for r in re.findall(r" payload: (\{.*\})$", said, re.M)]
    eq(records[0]["data"]["name"], "metadata.version", "the first record")
    topics = [r["data"]["name"] for r in records if r["type"] == "TOPIC_RECORD"]
    assert len(topics) > 20, topics


def without_the_log(node, want):
    """The same directory, of which only the latest snapshot is left: a start has nothing else to begin from."""
    latest = snapshots(node)[-1]
    for file in [*directory(node).glob("*.log"), *directory(node).glob("*.index"), *directory(node).glob("*.timeindex")]:
        file.unlink()
    for old in snapshots(node)[:-1]:
        snapshot_file(node, *old).unlink()
    seen = live(node, want=want)
    eq(min(log(node)), latest[0], "the first offset of the log")
    return seen


def one_node():
    node = Node(a.server, a.dir / "node", **SMALL)
    node.format()
    seen = check(f"{a.server}: a life with snapshots", live, node, True)
    if not seen:
        return
    check(f"{a.server}: stock decodes the latest snapshot", decoded, node)
    for kind in ("stock", a.server):
        node.kind = kind
        check(f"{kind} starts on the directory", lambda: eq(live(node, want=seen), seen, "the cluster"))
    check(f"{a.server} starts from the snapshot alone", lambda: eq(without_the_log(node, seen), seen, "the cluster"))
    node.kind = "stock"
    check("stock starts on what that left", lambda: eq(live(node, want=seen), seen, "the cluster"))
    node.kind = a.server
    check(f"{a.server} starts on what that left", lambda: eq(live(node, want=seen), seen, "the cluster"))


# Three voters


class Quorum:
    def __init__(self, name):
        self.name = name
        port, fresh, paused, *ports = free_ports(6)
        voters = dict(enumerate(ports, 1))
        common = {"controller_quorum_voters": ",".join(f"{i}@127.0.0.1:{p}" for i, p in voters.items()), **SMALL}
        self.voters = {}
        for (i, p), kind in zip(voters.items(), name):
            node = Node(KINDS[kind], a.dir / name / str(i), i, ports=(port, p), process_roles="controller", listeners=f"CONTROLLER://127.0.0.1:{p}", **common)
            del node.properties["advertised.listeners"]
            node.configure()
            self.voters[i] = node
        self.late = self.voters[3]
        self.broker, self.fresh, self.paused = (
            Node("kraftig", a.dir / name / str(i), i, ports=(p, ports[0]), process_roles="broker", listeners=f"PLAINTEXT://127.0.0.1:{p}", **common)
            for i, p in ((4, port), (5, fresh), (6, paused))
        )
        self.all = (*self.voters.values(), self.broker, self.fresh, self.paused)
        self.created, self.tried = [], 0

    def check(self):
        def step(text, function, *args):
            return check(f"{self.name}: {text}", function, *args)

        leader, late = KINDS[self.name[0]], KINDS[self.name[2]]
        if step("start, and load", self.start) and step(f"what a {late} voter lacks is cleaned away by a {leader} leader", self.clean):
            step(f"the {late} voter fetches a snapshot from the {leader} leader", self.comes_back)
            step("a new observer begins with a snapshot", self.begins)
            step("an observer that was paused goes on with one", self.goes_on)
            step("the logs and the snapshots are the same", self.same)
            step("all is there after a kill -9 of all", self.after_kill)
            step("nobody complains", self.complaints)
        for node in self.all:
            if node.alive():
                node.kill()
        if set(self.name) == {"k"}:
            # Who was never started, because a check before failed, has none.
            traces = [trace(node) for node in self.all if trace(node).exists()]
            step("the traces replay", lambda: run(KRAFTIG_CHECK, "replay", *traces, limit=900))

    def spawn(self, node):
        node.spawn(*(["--trace", trace(node)] if node.kind == "kraftig" else []))

    def load(self, n):
        client = admin(self.broker)
        for _ in range(n):
            self.tried += 1
            name = f"t-{self.tried}"
            create(client, name, **{"retention.ms": str(1000000 + self.tried)})
            self.created.append(name)
            if len(self.created) > 40:
                client.delete_topics([gone := self.created.pop(10)], operation_timeout=LIMIT_S, request_timeout=LIMIT_S)[gone].result()

    def described(self):
        found = [asked(node) for node in self.voters.values()]
        return max((d for d in found if d), key=lambda d: d[1], default=None)

    def leader(self):
        return self.voters[until("a leader", self.described)[0]]

    def caught_up(self):
        now = until("a high watermark", lambda: (d := self.described()) and d[2] > 0 and d)[2]
        try:
            until("all voters caught up", lambda: (d := self.described()) and len(d[3]) == 3 and min(d[3].values()) >= now)
        except AssertionError as e:
            said = "; ".join(f"{node.node_id}: {asked(node)} {one_line(node.said(), 300)}" for node in self.voters.values())
            raise AssertionError(f"{e} (high watermark {now}): {said}") from None

    def start(self):
        cluster_id = self.broker.format()
        for node in self.all[:3] + self.all[4:]:
            node.format(cluster_id)
        for node in (*self.voters.values(), self.broker, self.paused):
            self.spawn(node)
        for node in (self.broker, self.paused):
            until("a broker that serves", node.names_a_broker)
        self.load(5)
        self.caught_up()
        self.late.kill()
        until("all shown", lambda: shown(self.paused) == set(self.created))
        self.paused.process.send_signal(signal.SIGSTOP)
        self.end = max(*log(self.late), *log(self.paused))

    def clean(self):
        """Goes on until the others' logs, whoever leads, begin after what the late one has."""
        begun = time.monotonic()

        def gone(node):
            kept = snapshots(node)
            return len(kept) and kept[0][0] > self.end + 1 and min(log(node), default=0) > self.end + 1
        others = [node for node in self.voters.values() if node is not self.late]
        while not all(map(gone, others)):
            assert time.monotonic() - begun < 2 * LIMIT_S, f"not cleaned: {[(snapshots(n), min(log(n))) for n in others]}"
            self.load(5)
            time.sleep(0.1)
        print(f"   after {time.monotonic() - begun:.0f} s and {self.tried} topics; logs begin at {[min(log(n)) for n in others]}, snapshots {[len(snapshots(n)) for n in others]}", flush=True)

    def comes_back(self):
        leader = self.leader()
        assert leader is not self.late
        self.spawn(self.late)
        # At once, before it takes one itself or forgets the one that it loaded.
        name, own = until("a snapshot there", lambda: next(((name, own) for name in snapshots(self.late) if name[0] > self.end and (own := content(snapshot_file(self.late, *name)))), None))
        # What was loaded is a leader's, byte for byte, if it has it still.
        theirs = [found for node in self.voters.values() if node is not self.late and (found := content(snapshot_file(node, *name))) is not None]
        if theirs:
            assert own in theirs, f"the snapshot {name} is not the one of node {leader.node_id}, nor of another"
        self.caught_up()
        first = self.begins_later(self.late)
        print(f"   {self.late.kind}: its log ended at {self.end} and begins at {first}", flush=True)
        self.load(2)

    def begins_later(self, node):
        """Where its log begins: after what the late one had. A moment before, its files may just be made anew."""
        return until(f"a log of node {node.node_id} that begins after {self.end}", lambda: (first := min(log(node), default=0)) > self.end + 1 and first)

    def begins(self):
        self.spawn(self.fresh)
        until("all topics at the observer", lambda: self.fresh.names_a_broker() and shown(self.fresh) == set(self.created))
        self.begins_later(self.fresh)

    def goes_on(self):
        self.paused.process.send_signal(signal.SIGCONT)
        until("the topics of now at the observer", lambda: shown(self.paused) == set(self.created))
        self.begins_later(self.paused)
        self.load(1)
        until("one more", lambda: shown(self.paused) == set(self.created))

    def same(self):
        """All logs hold the same bytes where they hold the same offsets. One may just begin anew, so that there is little in common."""
        until("anything in common", self.compared)
        for node in self.voters.values():
            file = self.copied(node)
            has(kafka("dump-log", "--cluster-metadata-decoder", "--files", file).stdout, "SnapshotFooter")

    def copied(self, node):
        """A copy of the latest snapshot: once there are others it may go."""
        def copy():
            file = snapshot_file(node, *snapshots(node)[-1])
            return (found := content(file)) and (node.base / file.name, found)
        file, found = until("a snapshot", copy)
        file.write_bytes(found)
        return file

    def compared(self):
        self.load(3)
        self.caught_up()
        end = until("a leader", self.described)[2]
        logs = {node.node_id: log(node) for node in self.all}
        for i, one in logs.items():
            for j, other in logs.items():
                for offset in sorted(o for o in one.keys() & other.keys() if o < end):
                    assert one[offset] == other[offset], f"nodes {i} and {j} differ at offset {offset}"
        shared = set.intersection(*({o for o in found if o < end} for found in logs.values()))
        if len(shared) > 3:
            print(f"   {len(shared)} batches in common; first offsets {[min(found) for found in logs.values()]}", flush=True)
        return len(shared) > 3

    def after_kill(self):
        for node in self.all:
            node.kill()
        for node in self.all:
            self.spawn(node)
        for node in (self.broker, self.fresh, self.paused):
            until("all topics", lambda node=node: node.names_a_broker() and shown(node) == set(self.created))
        self.load(2)
        self.caught_up()

    def complaints(self):
        for node in self.all:
            lines = node.said().splitlines()
            for line, why in zip(lines, (*lines[1:], "")):
                wrong = re.search(r"\] (ERROR|FATAL) " if node.kind == "stock" else r" ERROR ", line)
                if wrong and not re.search(f"{HARMLESS}|{STOPPED_WHILE_READING}", line + why):
                    raise AssertionError(f"node {node.node_id}: {one_line(line[:300])} ... {one_line(why)}")


def asked(node):
    """What a node that leads says of the quorum; nothing from another."""
    try:
        return describe_quorum(node.controller_port) if node.alive() else None
    except (IndexError, OSError):
        return None


one_node()
# They wait for Kafka's 60 s most of the time.
quorums = [Quorum(name) for name in a.quorums]
threads = [threading.Thread(target=quorum.check) for quorum in quorums]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check.finish()
