#!/usr/bin/env python3
"""`kraftig dump-log` against stock kafka-dump-log, line by line, on files of stock nodes and of ours, whole and damaged.

    dump_log_equal.py [--server kraftig|stock]     the tool that is held against stock (stock: is this comparison itself steady?)

A stock node writes all codecs, transactions that end in both ways, quotas, credentials, and snapshots of its metadata; ours writes
what it serves. Every kind of file that both have is printed in every way by both tools.
"""
import shutil
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from node import KAFKA, KRAFTIG, LIMIT_S, Checks, Node, arguments, eq, kafka, run

a = arguments(__doc__)
check = Checks()
TOOL = KAFKA if a.server == "stock" else KRAFTIG


def produce(bootstrap, topic, count=50, size=100, **config):
    p = Producer({"bootstrap.servers": bootstrap, "log_level": 0, "linger.ms": 5, **{k.replace("_", "."): v for k, v in config.items()}})
    for i in range(count):
        p.produce(topic, key=None if i % 3 == 0 else f"k{i}", value=None if i % 5 == 4 else f"{i} \"Käse\" ".encode() * (size // 10), partition=0,
                  headers=[("h", b"1"), ("g", None)] if i % 4 == 0 else None)
    assert p.flush(LIMIT_S) == 0, "produce"


def transactions(bootstrap, topic):
    p = Producer({"bootstrap.servers": bootstrap, "log_level": 0, "transactional.id": "t"})
    p.init_transactions(LIMIT_S)
    for commit in (True, False, True):
        p.begin_transaction()
        for i in range(5):
            p.produce(topic, key=f"{i}", value=f"{commit}", partition=0)
        p.flush(LIMIT_S)
        (p.commit_transaction if commit else p.abort_transaction)(LIMIT_S)


def write(kind):
    """A node's life; gives its directory, which it has left in order."""
    node = Node(kind, a.dir / f"node-{kind}", auto_create_topics_enable="false", log_segment_bytes=1048576, log_index_interval_bytes=4096,
                metadata_log_max_record_bytes_between_snapshots=2000)
    node.format()
    node.start()
    admin = AdminClient({"bootstrap.servers": node.bootstrap, "log_level": 0})
    topics = [NewTopic(f"t-{codec}", 2, 1, config={"retention.ms": "77777777"}) for codec in ("none", "gzip", "snappy", "lz4", "zstd")]
    topics += [NewTopic("big", 1, 1), NewTopic("appended", 1, 1, config={"message.timestamp.type": "LogAppendTime"}), NewTopic("txn", 1, 1), NewTopic("gone", 1, 1)]
    for f in admin.create_topics(topics, operation_timeout=LIMIT_S, request_timeout=LIMIT_S).values():
        f.result(LIMIT_S)
    for f in admin.delete_topics(["gone"], operation_timeout=LIMIT_S, request_timeout=LIMIT_S).values():
        f.result(LIMIT_S)
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        produce(node.bootstrap, f"t-{codec}", compression_type=codec)
    produce(node.bootstrap, "appended", enable_idempotence=True)
    produce(node.bootstrap, "big", count=3000, size=1000, batch_size=16384)
    if kind == "stock":
        transactions(node.bootstrap, "txn")
        for entity, config in (("users", "consumer_byte_rate=1048576,producer_byte_rate=20000000,request_percentage=12.5"), ("users", "SCRAM-SHA-256=[iterations=8192,password=p]")):
            kafka("configs", "--bootstrap-server", node.bootstrap, "--alter", "--entity-type", entity, "--entity-name", "u\"ä", "--add-config", config)
        end = time.monotonic() + LIMIT_S  # a snapshot is made when records come, and some always do
        while len(list(node.metadata_log.parent.glob("*.checkpoint"))) < 1:
            assert time.monotonic() < end, "no snapshot of the metadata in all that time"
            time.sleep(0.1)
    node.stop()
    return node.dirs[0]


def same(files, *flags, lines=1):
    """Both tools say the same of the files; gives what they say."""
    files = ",".join(map(str, files))
    want, got = (run(tool, "dump-log", *flags, "--files", files, ok=False) for tool in (KAFKA, TOOL))
    for stream in ("stdout", "stderr"):
        w, g = (getattr(r, stream).splitlines() for r in (want, got))
        for number, (stock, other) in enumerate(zip(w, g)):
            eq(other, stock, f"{stream} line {number + 1}")
        eq(len(g), len(w), f"lines of {stream}")
    eq((got.returncode, want.returncode), (0, 0), "status")
    assert len(want.stdout.splitlines()) >= lines, f"only {len(want.stdout.splitlines())} lines"
    return want.stdout + want.stderr


def kinds(kind, directory):
    metadata = directory / "__cluster_metadata-0"
    every = {suffix: sorted(directory.glob(f"*/*.{suffix}")) for suffix in ("log", "index", "timeindex", "snapshot", "txnindex", "checkpoint")}
    # Of a deleted topic there are indexes that were never cut to their entries, of which there are none: stock fails at them.
    every["index"] = [file for file in every["index"] if not file.parent.name.endswith("-delete")]
    data = [file for file in every["log"] if file.parent != metadata]
    checkpoints = every["checkpoint"] + [directory / "bootstrap.checkpoint"]
    logs = sorted(metadata.glob("*.log"))
    check(f"{kind}: metadata log, decoded", same, logs, "--cluster-metadata-decoder")
    check(f"{kind}: metadata log, records alone", same, logs, "--cluster-metadata-decoder", "--skip-record-metadata")
    check(f"{kind}: metadata log, batches", same, logs)
    check(f"{kind}: {len(checkpoints)} snapshots, decoded", same, checkpoints, "--cluster-metadata-decoder")
    check(f"{kind}: {len(data)} data segments", same, data, "--deep-iteration")
    check(f"{kind}: data segments, printed", same, data, "--print-data-log")
    check(f"{kind}: data segments, keys and values", same, data, "--print-data-log", "--skip-record-metadata")
    check(f"{kind}: data segments, cut", same, data, "--max-bytes", "20000")
    check(f"{kind}: indexes", same, every["index"])
    check(f"{kind}: time indexes", same, every["timeindex"])
    check(f"{kind}: indexes, verified", same, every["index"] + every["timeindex"], "--verify-index-only")
    check(f"{kind}: producers", same, every["snapshot"])
    if every["txnindex"]:
        check(f"{kind}: aborted transactions", same, every["txnindex"])


def damaged(directory):
    """Copies of a segment and its indexes with something wrong."""
    source = max((f for f in directory.glob("big-0/*.log")), key=lambda f: f.stat().st_size)

    def copy(name):
        """A fresh copy: gives its log, index and time index."""
        place = a.dir / name
        place.mkdir()
        return [shutil.copy(source.with_suffix(suffix), place) for suffix in (".log", ".index", ".timeindex")]

    def change(file, at, by=1):
        with open(file, "r+b") as f:
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ by]))

    def torn():
        log, _, _ = copy("torn")
        with open(log, "r+b") as f:
            f.truncate(source.stat().st_size - 100)
        assert "invalid bytes at the end of" in same([log])

    def flipped():
        log, _, _ = copy("flipped")
        change(log, 30)  # a byte of the base timestamp
        assert "isvalid: false" in same([log])

    def mismatch():
        _, index, _ = copy("mismatch")
        change(index, 3)
        change(index, 8 * 5 + 3)
        assert "Mismatches in :" in same([index])

    def times_mismatch():
        _, _, times = copy("times")
        change(times, 7)
        assert "Found timestamp mismatch in :" in same([times])

    def times_lost():
        _, _, times = copy("lost")
        change(times, 11)
        assert "not found in the log" in same([times])

    def unknown():
        (a.dir / "x.y").write_text("")
        assert "Ignoring unknown file" in same([a.dir / "x.y"])

    check("a segment that is torn", torn)
    check("a batch whose checksum is wrong", flipped)
    check("an index of another log", mismatch)
    check("a time index of another log", times_mismatch)
    check("a time index of offsets that are nowhere", times_lost)
    check("a file of another kind", unknown)


for kind in ("stock", "kraftig"):
    if kind == "kraftig" and a.server == "stock":
        continue
    directory = check(f"write on {kind}", write, kind)
    if directory:
        kinds(kind, directory)
        if kind == "stock":
            damaged(directory)
check.finish()
