#!/usr/bin/env python3
"""A node's directory between stock Kafka and ours: each formats, runs on and reads what the other left.

    interop_dirs.py [--server kraftig|stock]

  stock formats -> ours runs and is loaded -> stock's kafka-dump-log reads every file -> stock runs on it -> ours runs on it again
  ours formats  -> stock runs and is loaded -> ours runs on it

"Runs on it" means: the topics are there with their ids and settings and without the deleted ones, every record has its offset, key
and value, and new topics and records can be written.
"""
import random
import re
import time

from node import LIMIT_S, Checks, Node, arguments, eq, kafka

from confluent_kafka import Consumer, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

a = arguments(__doc__)
check = Checks()
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class Contents:
    """What was written to a directory, whoever ran on it, and the means to find it again."""

    def __init__(self, node):
        self.node = node
        self.ids = {}
        self.records = {}  # (topic, partition) -> [(key, value)] by offset
        self.rounds = 0
        self.random = random.Random(1)

    def connect(self):
        self.admin = AdminClient({"bootstrap.servers": self.node.bootstrap, "log_level": 0})

    def write(self):
        """A topic of three partitions for each round, small segments, every codec with and without idempotence; one topic is deleted."""
        self.rounds += 1
        name, gone = f"round-{self.rounds}", f"gone-{self.rounds}"
        for f in self.admin.create_topics([NewTopic(name, 3, 1, config={"segment.bytes": "1048576", "retention.ms": "777000000"}), NewTopic(gone, 1, 1)]).values():
            f.result(LIMIT_S)
        kept = sorted({*self.ids, name})
        self.shows({*kept, gone})
        for topic in kept:
            for i, codec in enumerate(CODECS):
                self.produce(topic, i % 3, codec, idempotent=i % 2 == 0)
        self.admin.delete_topics([gone])[gone].result(LIMIT_S)
        self.shows(kept)
        self.ids = {t: d.topic_id for t, d in self.described(kept).items()}

    def shows(self, topics):
        """Waits until the broker shows these topics and no others: stock's knows what its controller acknowledged a little later."""
        end = time.monotonic() + LIMIT_S
        while (shown := self.topics()) != sorted(topics) and time.monotonic() < end:
            time.sleep(0.01)
        eq(shown, sorted(topics), "topics")

    def topics(self):
        return sorted(t for t in self.admin.list_topics(timeout=LIMIT_S).topics if not t.startswith("__"))

    def described(self, topics):
        return {t: f.result(LIMIT_S) for t, f in self.admin.describe_topics(TopicCollection(topics)).items()}

    def led(self, topics):
        """Waits until the three partitions of each have their leader."""
        end = time.monotonic() + LIMIT_S
        while True:
            described = self.described(topics)
            found = {t: [(p.id, p.leader and p.leader.id) for p in d.partitions] for t, d in described.items()}
            if all(f == [(0, 1), (1, 1), (2, 1)] for f in found.values()):
                return described
            assert time.monotonic() < end, f"partitions and leaders: {found}"
            time.sleep(0.1)

    def produce(self, topic, partition, codec, idempotent):
        rows = self.records.setdefault((topic, partition), [])
        p = Producer({"bootstrap.servers": self.node.bootstrap, "compression.type": codec, "enable.idempotence": idempotent, "linger.ms": 5,
                      "batch.size": 20000, "message.timeout.ms": LIMIT_S * 1000, "request.timeout.ms": LIMIT_S * 1000, "log_level": 0, "max.in.flight": 1})
        errors = []
        first = len(rows)
        for i in range(300):
            value = f"{codec} {i} ".encode() + self.random.randbytes(5000)
            rows.append((str(i).encode(), value))
            p.produce(topic, value, key=str(i), partition=partition,
                      on_delivery=lambda e, m, want=first + i: errors.append(f"{e or m.offset()} for {want}") if e or m.offset() != want else None)
            p.poll(0)
        eq(p.flush(LIMIT_S), 0, "undelivered")
        eq(errors[:3], [], "delivery errors, unexpected offsets")

    def verify(self):
        self.shows(self.ids)
        described = self.led(list(self.ids))
        for topic, d in described.items():
            eq(str(d.topic_id), str(self.ids[topic]), f"id of {topic}")
            r = ConfigResource(ConfigResource.Type.TOPIC, topic)
            configs = self.admin.describe_configs([r])[r].result(LIMIT_S)
            eq([configs[k].value for k in ("segment.bytes", "retention.ms")], ["1048576", "777000000"], f"settings of {topic}")
        for (topic, partition), want in self.records.items():
            eq(self.read(topic, partition, len(want)), want, f"records of {topic}-{partition}")
            self.middle(topic, partition, want)

    def consumer(self, topic, partition, offset):
        c = Consumer({"bootstrap.servers": self.node.bootstrap, "group.id": "interop", "enable.auto.commit": False, "log_level": 0, "check.crcs": True})
        c.assign([TopicPartition(topic, partition, offset)])
        return c

    def read(self, topic, partition, n):
        c = self.consumer(topic, partition, 0)
        rows = []
        while len(rows) < n:
            got = c.consume(n - len(rows), LIMIT_S)
            if not got:
                break
            for m in got:
                assert m.error() is None, f"{topic}-{partition}: {m.error()}"
                eq(m.offset(), len(rows), f"offset in {topic}-{partition}")
                rows.append((m.key(), m.value()))
        _, end = c.get_watermark_offsets(TopicPartition(topic, partition), timeout=LIMIT_S)
        c.close()
        eq(end, n, f"high watermark of {topic}-{partition}")
        return rows

    def middle(self, topic, partition, want):
        """From the middle on, which the offset index has to find."""
        at = len(want) // 2
        c = self.consumer(topic, partition, at)
        m = c.poll(LIMIT_S)
        c.close()
        assert m is not None and m.error() is None, f"nothing from offset {at} of {topic}-{partition}: {m and m.error()}"
        eq((m.offset(), m.key(), m.value()), (at, *want[at]), f"record {at} of {topic}-{partition}")


def dump(*args):
    """kafka-dump-log, which must find nothing wrong."""
    text = kafka("dump-log", *args).stdout
    for bad in ("isvalid: false", "Mismatches in", "Found timestamp mismatch", "Found out of order timestamp", "Non-consecutive offsets", "Found 0 bytes", "invalid bytes at the end"):
        if bad in text:
            raise AssertionError(f"kafka-dump-log {' '.join(map(str, args))} says: " + next(x for x in text.splitlines() if bad in x)[:200])
    return text


def dump_metadata(node):
    text = dump("--cluster-metadata-decoder", "--files", node.metadata_log)
    for kind in ("LeaderChange", "FEATURE_LEVEL_RECORD", "REGISTER_CONTROLLER_RECORD", "REGISTER_BROKER_RECORD", "TOPIC_RECORD", "PARTITION_RECORD", "CONFIG_RECORD",
                 "REMOVE_TOPIC_RECORD", "PRODUCER_IDS_RECORD"):
        assert kind in text, f"no {kind} in the metadata log"


def dump_data(node, contents):
    seen = 0
    for (topic, partition), want in contents.records.items():
        directory = node.dirs[0] / f"{topic}-{partition}"
        logs = sorted(directory.glob("*.log"))
        assert len(logs) > 1, f"{directory.name} has {len(logs)} segments: segment.bytes was not honoured"
        text = dump("--deep-iteration", "--files", ",".join(map(str, logs)))
        offsets = [int(o) for o in re.findall(r"^\| offset: (\d+) ", text, re.M)]
        eq(offsets, list(range(len(want))), f"offsets of {directory.name}")
        seen += len(offsets)
    assert seen == 1500, f"{seen} records"


def dump_indexes(node, contents):
    for topic, partition in contents.records:
        directory = node.dirs[0] / f"{topic}-{partition}"
        offset_indexes, files = list(directory.glob("*.index")), sorted(directory.glob("*index"))
        eq(len(files), 2 * len(list(directory.glob("*.log"))), f"index files in {directory.name}")
        assert any(x.stat().st_size for x in offset_indexes), f"every offset index of {directory.name} is empty"
        names = ",".join(map(str, files))
        eq(dump("--index-sanity-check", "--files", names).count("passed sanity check"), len(files), f"sane indexes in {directory.name}")
        dump("--verify-index-only", "--files", names)


def runs_on(node, contents, kind):
    node.kind = kind
    node.start()
    contents.connect()
    if contents.records:
        contents.verify()


def from_stock_format():
    node = Node("stock", a.dir / "stock-formatted")
    contents = Contents(node)
    if not check("stock formats", node.format):
        return
    if not check("it runs on what stock formatted", runs_on, node, contents, a.server):
        return
    ok = check("it takes topics and records", contents.write)
    if not (check("it stops", node.stop) and ok):
        return
    check("kafka-dump-log reads its metadata log", dump_metadata, node)
    check("kafka-dump-log reads its segments", dump_data, node, contents)
    check("kafka-dump-log trusts its indexes", dump_indexes, node, contents)
    for kind, name in (("stock", "stock"), (a.server, "it")):
        if not check(f"{name} runs on it and finds all", runs_on, node, contents, kind):
            return
        ok = check(f"{name} adds to it", contents.write)
        if not (check(f"{name} stops again", node.stop) and ok):
            return


def from_our_format():
    node = Node(a.server, a.dir / "our-formatted")
    contents = Contents(node)
    if not (check("it formats", node.format) and check("stock runs on what it formatted", runs_on, node, contents, "stock")):
        return
    ok = check("stock takes topics and records there", contents.write)
    if not (check("stock stops", node.stop) and ok):
        return
    if check("it runs on what stock ran on and finds all", runs_on, node, contents, a.server):
        check("it adds to what stock wrote", contents.write)
        check("it finds the new and the old", contents.verify)
        check("it stops after all", node.stop)


from_stock_format()
from_our_format()
check.finish()
