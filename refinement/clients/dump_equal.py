#!/usr/bin/env python3
"""One script of commands on stock Kafka and on ours: the decoded metadata logs must be equal.

    dump_equal.py [--server kraftig|stock]     the side that is held against stock (stock: is this comparison itself steady?)

Both nodes run one after the other with the same properties and ports: topics, errors, deletes, producer ids, a clean stop and
restart, a kill -9 and restart, a clean stop. Both logs are decoded by stock kafka-dump-log. Left out of the comparison are what
no two runs of stock Kafka share: NoOp records and the offsets and batch boundaries that depend on them, and the order of what
stock keeps in hash tables. Ids (topics, directories, incarnations, broker epochs) are renamed by first appearance, so that
"the same id as before" is still compared.
"""
import difflib
import json
import re
import sys
import time

from node import LIMIT_S, Checks, Node, arguments, eq, free_ports, kafka

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

a = arguments(__doc__, print={"action": "store_true", "help": "print the normalised log of stock"})
check = Checks()
SESSION_MS = 30_000  # long enough that no busy machine has a broker fenced that runs; one that was killed is let in again after it


# ---------- the script of commands
class Script:
    """Runs on one node; gives what the client was told, which is compared too."""

    def __init__(self, kind, ports):
        self.node = Node(kind, a.dir / f"{kind}-{len(list(a.dir.iterdir()))}", ports=ports, num_partitions=2, auto_create_topics_enable="true",
                         broker_heartbeat_interval_ms=500, broker_session_timeout_ms=SESSION_MS)
        self.answers = []

    def client(self):
        self.admin = AdminClient({"bootstrap.servers": self.node.bootstrap, "log_level": 0})

    def told(self, what, futures):
        for name, future in futures.items():
            try:
                future.result(LIMIT_S)
                answer = "done"
            except KafkaException as e:
                answer = KafkaError(e.args[0].code()).name() + ": " + e.args[0].str()
            self.answers.append(f"{what} {name}: {answer}")

    def create(self, *topics, **options):
        self.told("create", self.admin.create_topics(list(topics), operation_timeout=LIMIT_S, request_timeout=LIMIT_S, **options))

    def delete(self, *topics):
        self.told("delete", self.admin.delete_topics(list(topics), operation_timeout=LIMIT_S, request_timeout=LIMIT_S))

    def produce(self, topic, idempotent=False):
        answers = []
        p = Producer({"bootstrap.servers": self.node.bootstrap, "enable.idempotence": idempotent, "log_level": 0, "message.timeout.ms": LIMIT_S * 1000})
        p.produce(topic, b"x", partition=0, on_delivery=lambda e, m: answers.append(e.name() if e else m.offset()))
        p.flush(LIMIT_S)
        self.answers.append(f"produce {topic}: {answers}")

    def led(self, topic):
        """Wait until the topic's partitions have their leader: the node is unfenced."""
        end = time.monotonic() + LIMIT_S
        while True:
            t = self.admin.list_topics(topic, timeout=LIMIT_S).topics.get(topic)
            if t and t.error is None and t.partitions and all(p.leader == 1 for p in t.partitions.values()):
                return
            if time.monotonic() > end:
                raise AssertionError(f"no leader for {topic} after {LIMIT_S} s")
            time.sleep(0.05)

    def run(self):
        n = self.node
        n.format("4L6g3nShT-eMCtK--X86sw")
        n.start()
        self.client()
        self.create(NewTopic("plain", 1, 1))
        self.create(NewTopic("configured", 3, 1, config={"cleanup.policy": "compact", "retention.ms": "12345678", "max.message.bytes": "50000"}))
        self.create(NewTopic("defaults", -1, -1))
        self.create(NewTopic("placed", 2, replica_assignment=[[1], [1]]))
        self.create(NewTopic("checked", 1, 1), validate_only=True)
        self.create(NewTopic("plain", 1, 1))
        self.create(NewTopic("bad name!", 1, 1))
        self.create(NewTopic("too.wide", 1, 3))
        self.create(NewTopic("nothing", 0, 1))
        self.create(NewTopic("pear", 1, 1, config={"retention.ms": "pear"}))
        self.create(NewTopic("unknown", 1, 1, config={"no.such.key": "1"}))
        self.create(NewTopic("with.dot", 1, 1))
        self.create(NewTopic("with_dot", 1, 1))
        self.delete("nope")
        self.delete("placed")
        self.produce("plain")
        self.produce("first-use")
        self.produce("plain", idempotent=True)
        n.stop()
        n.start()
        self.client()
        self.led("plain")
        self.create(NewTopic("second-life", 1, 1))
        self.delete("defaults")
        self.produce("plain", idempotent=True)
        n.kill()
        n.start()
        self.client()
        self.led("plain")
        self.create(NewTopic("third-life", 2, 1))
        self.produce("plain", idempotent=True)
        n.stop()
        return self


# ---------- the decoded log
def records(log):
    """What kafka-dump-log says of a log: (type, version, leader epoch of the batch, the record) in order."""
    out, epoch = [], None
    text = kafka("dump-log", "--cluster-metadata-decoder", "--files", log).stdout
    for line in text.splitlines():
        if m := re.match(r"baseOffset: .*partitionLeaderEpoch: (-?\d+) .*isvalid: (\w+)", line):
            eq(m[2], "true", "validity of " + line)
            epoch = int(m[1])
        elif m := re.match(r"\| offset: .* payload: (\{.*\})$", line):
            r = json.loads(m[1])
            out.append((r["type"], r["version"], epoch, r["data"]))
        elif m := re.match(r"\| offset: .* (LeaderChange|KRaftVersion|KRaftVoters|SnapshotHeader|SnapshotFooter):? (\{.*\})$", line):
            out.append((m[1], json.loads(m[2])["version"], epoch, json.loads(m[2])))
        elif not line.startswith(("Dumping ", "Log starting offset: ", "Snapshot end offset")):
            raise AssertionError(f"kafka-dump-log says something unknown: {line}")
    return out


IDS = {"topicId": "topic", "directories": "directory", "logDirs": "directory", "incarnationId": "incarnation", "brokerEpoch": "broker-epoch",
       "previousBrokerEpoch": "broker-epoch", "assignments": "directory"}
# What stock writes in the order of a hash table: lists within a record, and neighbouring records (a topic's settings by key; the
# partitions that a broker leads by topic id, which is random).
UNORDERED = {"features", "endPoints"}
UNORDERED_RUNS = {"CONFIG_RECORD", "PARTITION_CHANGE_RECORD"}


def normalised(log):
    """The records as lines that any two runs share."""
    names = {}

    def rename(kind, value):
        if isinstance(value, list):
            return [rename(kind, v) for v in value]
        if value in (-1, "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAQ"):  # none, unassigned
            return value
        return names.setdefault((kind, value), f"{kind}-{sum(k == kind for k, _ in names) + 1}")

    def walk(value, key=None):
        if key in IDS:
            return rename(IDS[key], value)
        if isinstance(value, dict):
            return {k: walk(v, k) for k, v in sorted(value.items())}
        if isinstance(value, list):
            rows = [walk(v) for v in value]
            return sorted(rows, key=json.dumps) if key in UNORDERED else rows
        return value

    rows = [(kind, version, epoch, walk(data)) for kind, version, epoch, data in records(log) if kind != "NO_OP_RECORD"]
    lines = []
    for kind, version, epoch, data in one_way_back(rows):
        line = f"{kind} v{version} epoch {epoch} {json.dumps(data)}"
        at = len(lines)
        while kind in UNORDERED_RUNS and at and lines[at - 1].startswith(kind) and lines[at - 1] > line:
            at -= 1
        lines.insert(at, line)
    return lines


def is_fencing(row):
    return row[0] == "PARTITION_CHANGE_RECORD" or (row[0] == "BROKER_REGISTRATION_CHANGE_RECORD" and row[3].get("fenced") == 1)


def one_way_back(rows):
    """Make one of stock's two ways of taking a broker back after kill -9.

    Its registration is accepted once its old session is over. If the controller noticed the end first, the log holds a fence and two
    changes of each partition; if the registration came first, one change of each. A race in stock; the partitions end up the same.
    """
    out = []
    for row in rows:
        if row[0] == "REGISTER_BROKER_RECORD":
            changes = {}
            while out and out[-1][2] == row[2] and is_fencing(out[-1]):
                kind, version, epoch, data = out.pop()
                if kind == "PARTITION_CHANGE_RECORD":
                    later = changes.get((data["topicId"], data["partitionId"]), (0, 0, 0, {}))[3]
                    changes[data["topicId"], data["partitionId"]] = kind, version, epoch, {**data, **later}
            for kind, version, epoch, data in changes.values():
                if data.get("eligibleLeaderReplicas") == []:
                    del data["eligibleLeaderReplicas"]  # as it was
                out.append((kind, version, epoch, dict(sorted(data.items()))))
        out.append(row)
    return out


def same(what, stock, ours):
    if stock == ours:
        return
    for line in difflib.unified_diff(stock, ours, "stock", "under test", lineterm="", n=2):
        print("    " + line)
    raise AssertionError(f"{what} differ, see above: - stock, + under test")


ports = free_ports(2)
stock = check("script on stock", lambda: Script("stock", ports).run())
ours = check("script on " + a.server, lambda: Script(a.server, ports).run())
if not (stock and ours):
    check.finish()
want = check("decode stock", lambda: normalised(stock.node.metadata_log))
got = check("decode " + a.server, lambda: normalised(ours.node.metadata_log))
if a.print and want:
    print("\n".join(stock.answers + want))
check("answers", same, "what the client was told", stock.answers, ours.answers)
if want and got:
    check("enough records", lambda: None if len(want) > 40 else sys.exit(f"only {len(want)} records"))
    check("metadata logs", same, "metadata logs", want, got)
check.finish()
