#!/usr/bin/env python3
"""kill -9 at random moments under load: what was acknowledged is there, and the trace of it all is the model's.

    crash.py [--server kraftig|stock] [--rounds 6] [--seed N]

A node with log.flush.interval.messages=1 takes records (acks=all) and topics, is killed while loaded or while it starts, and is
started again; each time every acknowledged topic and record must be there, once and in its place. At the end it is stopped cleanly. Then
`kraftig-check replay` must accept the traces of all the runs together with the directory that they left, and refuse them with one
thing in them changed. The moments come from the seed, which is printed. (stock has no trace: only the first half.)

Environment: KRAFTIG_CHECK (default target/release/kraftig-check), and KRAFTIG as everywhere here.
"""
import copy
import json
import os
import random
import threading
import time
from pathlib import Path

from node import ROOT, Checks, Node, arguments, eq, one_line, run

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
traces = []


def started(wait=True):
    """Start with a trace of its own."""
    extra = []
    if a.server != "stock":
        traces.append(a.dir / f"trace-{len(traces)}.jsonl")
        extra = ["--trace", traces[-1]]
    return node.start(*extra) if wait else node.spawn(*extra)


def first_start():
    node.format()
    started()
    admin = AdminClient({"bootstrap.servers": node.bootstrap})  # as long as its futures
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(30)
    end = time.monotonic() + 60
    while not led():
        assert time.monotonic() < end, f"{TOPIC} was not made within 60 s"


def led():
    t = AdminClient({"bootstrap.servers": node.bootstrap, "log_level": 0}).list_topics(TOPIC, timeout=20).topics[TOPIC]
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
            assert self.flowing.acquire(timeout=60), f"no record was acknowledged for 60 s: {one_line(node.said())}"

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
    end = time.monotonic() + 60
    while True:
        try:
            return consumer.get_watermark_offsets(partition, timeout=20)
        except KafkaException:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def promised():
    """Every acknowledged topic and record, nothing twice, nothing that nobody sent."""
    there = set(AdminClient({"bootstrap.servers": node.bootstrap, "log_level": 0}).list_topics(timeout=20).topics)
    eq(sorted(topics - there)[:5], [], "acknowledged topics that are gone")
    found = {}
    for partition in range(PARTITIONS):
        c = Consumer({"bootstrap.servers": node.bootstrap, "group.id": "crash", "enable.auto.commit": False, "check.crcs": True, "log_level": 0})
        tp = TopicPartition(TOPIC, partition, 0)
        low, high = watermarks(c, tp)
        eq(low, 0, "low watermark")
        c.assign([tp])
        for offset in range(high):
            m = c.poll(20)
            assert m is not None and m.error() is None, f"partition {partition}: no record at {offset} of {high}: {m and m.error()}"
            eq(m.offset(), offset, f"offset in partition {partition}")
            found[partition, offset] = m.value()
        c.close()
    wrong = [(at, value, found.get(at)) for at, value in acknowledged.items() if found.get(at) != value]
    eq(wrong[:3], [], f"{len(wrong)} of {len(acknowledged)} acknowledged records that are gone or changed (where, what, found)")
    eq(len(set(found.values())), len(found), "distinct records")
    assert set(found.values()) <= sent, "records that nobody sent"
    print(f"    {len(acknowledged)} acknowledged records, {len(topics)} topics", flush=True)


# ---------- the traces
def replay(files, *options):
    return run(KRAFTIG_CHECK, "replay", *files, *options, ok=False, limit=300)


def accepted():
    r = replay(traces, "--dir", node.dirs[0])
    eq(r.returncode, 0, f"status of kraftig-check replay ({one_line(r.stdout + r.stderr)})")
    print("    " + one_line(r.stdout, 200), flush=True)


def refused(change):
    """The same traces, one of them changed: refused with the status of a violation, at a step that it names."""
    files = []
    changed = False
    for i, trace in enumerate(traces):
        lines = trace.read_text().splitlines()
        if not changed and (new := change(lines)) is not None:
            lines, changed = new, True
        files.append(a.dir / f"changed-{i}.jsonl")
        files[-1].write_text("".join(x + "\n" for x in lines))
    assert changed, "found nothing to change"
    r = replay(files)
    eq(r.returncode, 1, f"status of kraftig-check replay on the changed trace ({one_line(r.stdout + r.stderr)})")


def changes():
    """What may not pass: each takes the lines of a trace and gives them changed, or None where it finds nothing to change."""

    def number(*names):
        def change(lines):
            rows = [json.loads(x) for x in lines[:-1]]  # the last may be torn
            spots = [(i, path) for i, row in enumerate(rows) for path in paths(row) if path[-1] in names]
            if not spots:
                return None
            i, path = spots[len(spots) // 2]
            row = copy.deepcopy(rows[i])
            *way, last = path
            at = row
            for key in way:
                at = at[key]
            at[last] += 1
            return [*lines[:i], json.dumps(row), *lines[i + 1:]]
        return change

    def missing(word):
        def change(lines):
            spots = [i for i, x in enumerate(lines[:-1]) if word in x.lower()]
            return [x for i, x in enumerate(lines) if i != spots[len(spots) // 2]] if spots else None
        return change

    return {"an epoch": number("epoch"), "an offset": number("offset", "end", "base_offset"), "a missing flush": missing("flush")}


def paths(value, way=()):
    """The way to each whole number of a JSON value."""
    if isinstance(value, dict):
        for k, v in value.items():
            yield from paths(v, (*way, k))
    elif isinstance(value, list):
        for i, v in enumerate(value):
            yield from paths(v, (*way, i))
    elif type(value) is int:
        yield way


if check("first start", first_start):
    for life in range(a.rounds):
        if not check(f"kill {life + 1}", one_life, life):
            break
    else:
        if check("clean stop", node.stop) and a.server != "stock":
            check("the traces replay", accepted)
            for name, change in changes().items():
                check(f"refused: {name}", refused, change)
check.finish()
