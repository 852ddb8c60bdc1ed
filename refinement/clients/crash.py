#!/usr/bin/env python3
"""kill -9 at random moments under load: what was acknowledged is there, and the trace of it all is the model's.

    crash.py [--server kraftig|stock] [--rounds 6] [--seed N]

A node with log.flush.interval.messages=1 takes records (acks=all) and topics, is killed while loaded or while it starts, and is
started again; each time every acknowledged topic and record must be there, once and in its place. At the end it is stopped cleanly. Then
`kraftig-check replay` must accept the trace of all its lives together with the directory that they left, and refuse either with one
thing in it changed. The moments come from the seed, which is printed. (stock has no trace: only the first half.)

Environment: KRAFTIG_CHECK (default target/release/kraftig-check), and KRAFTIG as everywhere here.
"""
import json
import os
import random
import shutil
import threading
import time
from pathlib import Path

from node import LIMIT_S, ROOT, Checks, Node, arguments, eq, one_line, run

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

a = arguments(__doc__, rounds={"type": int, "default": 6}, seed={"type": int, "default": random.randrange(1 << 32)})
check = Checks()
rng = random.Random(a.seed)
KRAFTIG_CHECK = Path(os.environ.get("KRAFTIG_CHECK", ROOT / "target" / "release" / "kraftig-check")).absolute()
PARTITIONS = 3
TOPIC = "load"
print(f"seed {a.seed}", flush=True)

node = Node(a.server, a.dir / "node", log_flush_interval_messages=1, broker_heartbeat_interval_ms=500, broker_session_timeout_ms=3000)
acknowledged = {}  # (partition, offset) -> value
sent = set()
topics = set()  # whose creation was acknowledged
trace = a.dir / "trace.jsonl"  # one for all lives: each start goes on with it


def started(wait=True):
    traced = [] if a.server == "stock" else ["--trace", trace]
    return node.start(*traced) if wait else node.spawn(*traced)


def first_start():
    node.format()
    started()
    admin = AdminClient({"bootstrap.servers": node.bootstrap})  # as long as its futures
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(LIMIT_S)
    end = time.monotonic() + LIMIT_S
    while not led():
        assert time.monotonic() < end, f"{TOPIC} was not made within {LIMIT_S} s"


def led():
    t = AdminClient({"bootstrap.servers": node.bootstrap, "log_level": 0}).list_topics(TOPIC, timeout=LIMIT_S).topics[TOPIC]
    return len(t.partitions) == PARTITIONS and all(p.leader == 1 for p in t.partitions.values())


class Load:
    """Records and topics as fast as they are acknowledged, until the node dies."""

    def __init__(self, life):
        self.life = life
        self.over = threading.Event()
        self.flowing = threading.Semaphore(0)
        self.threads = [threading.Thread(target=f) for f in (self.records, self.topics)]
        for t in self.threads:
            t.start()

    def records(self):
        p = Producer({"bootstrap.servers": node.bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 1, "batch.num.messages": 10, "log_level": 0})

        def delivered(error, message):
            if error is None:
                acknowledged[message.partition(), message.offset()] = message.value()
                self.flowing.release()
        n = 0
        while not self.over.is_set():
            if len(p) < 50:
                value = f"{self.life}-{n}".encode()
                sent.add(value)
                p.produce(TOPIC, value, partition=n % PARTITIONS, on_delivery=delivered)
                n += 1
            p.poll(0 if len(p) < 50 else 0.01)
        p.purge()
        p.flush(10)

    def topics(self):
        admin = AdminClient({"bootstrap.servers": node.bootstrap, "log_level": 0})
        n = 0
        while not self.over.is_set():
            name = f"made-{self.life}-{n}"
            future = admin.create_topics([NewTopic(name, 1, 1)], request_timeout=3)[name]
            n += 1
            while not future.done() and not self.over.wait(0.005):
                pass
            if future.done():
                try:
                    future.result()
                    topics.add(name)
                except KafkaException:
                    self.over.wait(0.05)  # fenced, starting, or gone: what was not acknowledged is not asked for

    def wait_until_flowing(self):
        for _ in range(10):
            assert self.flowing.acquire(timeout=LIMIT_S), f"no record was acknowledged for {LIMIT_S} s: {one_line(node.said())}"

    def end(self):
        self.over.set()
        for t in self.threads:
            t.join()


def one_life(life):
    """Load, a kill somewhere in it, perhaps a kill in the next start too, a restart, and the count of what was promised."""
    load = Load(life)
    try:
        load.wait_until_flowing()
        time.sleep(rng.uniform(0, 1.0))
        assert node.alive(), f"the node ended by itself: {one_line(node.said())}"
        node.kill()
    finally:
        load.end()
    for _ in range(rng.choice((0, 0, 1, 2))):
        started(wait=False)
        time.sleep(rng.uniform(0, 0.2 if a.server != "stock" else 3))
        node.kill()
    started()
    return promised()


def watermarks(consumer, partition):
    """Once the partition has its leader again: a node that was killed has to be let in first."""
    end = time.monotonic() + LIMIT_S
    while True:
        try:
            return consumer.get_watermark_offsets(partition, timeout=LIMIT_S)
        except KafkaException:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def promised():
    """Every acknowledged topic and record, nothing twice, nothing that nobody sent."""
    there = set(AdminClient({"bootstrap.servers": node.bootstrap, "log_level": 0}).list_topics(timeout=LIMIT_S).topics)
    eq(sorted(topics - there)[:5], [], "acknowledged topics that are gone")
    found = {}
    for partition in range(PARTITIONS):
        c = Consumer({"bootstrap.servers": node.bootstrap, "group.id": "crash", "enable.auto.commit": False, "check.crcs": True, "log_level": 0})
        tp = TopicPartition(TOPIC, partition, 0)
        low, high = watermarks(c, tp)
        eq(low, 0, "low watermark")
        c.assign([tp])
        for offset in range(high):
            m = c.poll(LIMIT_S)
            assert m is not None and m.error() is None, f"partition {partition}: no record at {offset} of {high}: {m and m.error()}"
            eq(m.offset(), offset, f"offset in partition {partition}")
            found[partition, offset] = m.value()
        c.close()
    wrong = [(at, value, found.get(at)) for at, value in acknowledged.items() if found.get(at) != value]
    eq(wrong[:3], [], f"{len(wrong)} of {len(acknowledged)} acknowledged records that are gone or changed (where, what, found)")
    eq(len(set(found.values())), len(found), "distinct records")
    assert set(found.values()) <= sent, "records that nobody sent"
    print(f"    {len(acknowledged)} acknowledged records, {len(topics)} topics", flush=True)


# ---------- the trace
def replay(*args):
    r = run(KRAFTIG_CHECK, "replay", *args, ok=False, limit=300)
    return r.returncode, one_line(r.stdout + r.stderr)


def accepted(*args):
    status, said = replay(*args)
    eq(status, 0, f"status of kraftig-check replay ({said})")
    print("    " + said, flush=True)


def refused(*args):
    """With the status of a violation."""
    status, said = replay(*args)
    eq(status, 1, f"status of kraftig-check replay ({said})")
    print("    " + said[-200:], flush=True)


def torn():
    """A crash may leave half of the last line."""
    file = a.dir / "torn.jsonl"
    file.write_text(trace.read_text().rstrip("\n")[:-5])
    accepted(file)


def changed(kind, change):
    """The trace with its middle record of a kind (an event, an effect, a start) changed by a function, or left out where there is none. The last
    ones before a kill might never have been written: they are left alone."""
    lines = trace.read_text().splitlines()
    rows = [json.loads(x) for x in lines]
    starts = [i for i, row in enumerate(rows) if row["record"] == "start"] + [len(rows)]
    lives_on = lambda i: min(start for start in starts if start > i) - i > 10  # noqa: E731
    spots = [i for i, row in enumerate(rows) if kind == (row["record"], row.get(row["record"])) and lives_on(i)]
    assert spots, f"no {kind} in the trace"
    at = spots[len(spots) // 2]
    if change:
        change(rows[at])
        lines[at] = json.dumps(rows[at])
    else:
        del lines[at]
    file = a.dir / "changed.jsonl"
    file.write_text("".join(x + "\n" for x in lines))
    refused(file)


def add(row, key):
    row[key] += 1


CHANGES = {
    "an epoch": (("effect", "append"), lambda row: add(row["batches"][0], "epoch")),
    "an offset": (("effect", "append"), lambda row: add(row["batches"][0], "baseOffset")),
    "a high watermark": (("effect", "advanceHighWatermark"), lambda row: add(row, "to")),
    "a missing flush": (("effect", "flush"), None),
    "a missing completion of a flush": (("event", "flushed"), None),
    "a missing write of the election state": (("effect", "writeElectionState"), None),
    "a missing start": (("start", None), None),
}


def other_directory(change):
    """The trace with a directory that is not the one it left."""
    copy = a.dir / "changed"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(node.metadata_log.parent, copy)
    change(copy)
    refused(trace, "--dir", copy)


def later_epoch(metadata):
    file = metadata / "quorum-state"
    state = json.loads(file.read_text())
    add(state, "leaderEpoch")
    file.write_text(json.dumps(state))


def shorter_log(metadata):
    with open(metadata / node.metadata_log.name, "r+b") as f:
        f.truncate(f.seek(0, 2) - 1)


def flipped_bit(metadata):
    with open(metadata / node.metadata_log.name, "r+b") as f:
        middle = f.seek(0, 2) // 2
        f.seek(middle)
        byte = f.read(1)[0]
        f.seek(middle)
        f.write(bytes([byte ^ 1]))


DIRECTORIES = {"a later epoch in quorum-state": later_epoch, "a log without its last byte": shorter_log, "a flipped bit in the log": flipped_bit}


if check("first start", first_start):
    for life in range(a.rounds):
        if not check(f"kill {life + 1}", one_life, life):
            break
    else:
        if check("clean stop", node.stop) and a.server != "stock":
            check("the trace replays", accepted, trace, "--dir", node.metadata_log.parent)
            check("a torn last line is legal", torn)
            for name, (kind, change) in CHANGES.items():
                check(f"refused: {name}", changed, kind, change)
            for name, change in DIRECTORIES.items():
                check(f"refused: {name}", other_directory, change)
check.finish()
