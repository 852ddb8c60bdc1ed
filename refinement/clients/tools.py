#!/usr/bin/env python3
"""kcat and stock Kafka's own tools against a fresh node: create, describe, produce, consume, delete, and what they say of errors.

    tools.py [--server kraftig|stock]

Needs kcat, Java and Maven. One line a check, "ok NAME" or "FAILED NAME why"; the last line counts them.
"""
import re
import shutil

from node import LIMIT_S, Checks, Node, arguments, eq, has, kafka, run

a = arguments(__doc__)
check = Checks()
node = Node(a.server, a.dir / "node", num_partitions=2)
BS = ("--bootstrap-server", node.bootstrap)
KCAT = ("kcat", "-m", LIMIT_S, "-b", node.bootstrap)


def start():
    assert shutil.which("kcat"), "kcat is not installed"
    node.format()
    node.start()


def refused(*args, **kw):
    """A tool that must end with status 1: gives all that it said."""
    r = kafka(*args, ok=False, **kw)
    eq(r.returncode, 1, f"status of {args[0]}")
    return r.stdout + r.stderr


# ---------- stock tools: topics
def api_versions():
    r = kafka("broker-api-versions", *BS).stdout
    has(r, f"{node.bootstrap} (id: 1 rack: null isFenced: false) -> (", "Produce(0): ", "Fetch(1): ", "ApiVersions(18): ", "CreateTopics(19): ", "InitProducerId(22): ")


def topic_create():
    has(kafka("topics", *BS, "--create", "--topic", "a", "--partitions", "3", "--config", "retention.ms=777000").stdout, "Created topic a.")
    has(kafka("topics", *BS, "--create", "--topic", "b").stdout, "Created topic b.")


def topic_list():
    eq(kafka("topics", *BS, "--list").stdout.split(), ["a", "b"], "topics")


def topic_describe():
    head, *rows = kafka("topics", *BS, "--describe", "--topic", "a").stdout.splitlines()
    assert re.fullmatch(r"Topic: a\tTopicId: [\w-]{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: (.*)", head), head
    eq(sorted(head.split("Configs: ")[1].split(",")), ["min.insync.replicas=1", "retention.ms=777000"], "configs")
    eq([r.split("\t")[1:] for r in rows],
       [["Topic: a", f"Partition: {p}", "Leader: 1", "Replicas: 1", "Isr: 1", "Elr: ", "LastKnownElr: "] for p in range(3)], "partitions")
    head, *rows = kafka("topics", *BS, "--describe", "--topic", "b").stdout.splitlines()
    has(head, "PartitionCount: 2\tReplicationFactor: 1")  # num.partitions of the file


def topic_create_again():
    has(refused("topics", *BS, "--create", "--topic", "a"), "Topic 'a' already exists.")
    kafka("topics", *BS, "--create", "--topic", "a", "--if-not-exists")


def topic_create_refusals():
    has(refused("topics", *BS, "--create", "--topic", "c", "--replication-factor", "3"),
        "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered.")
    has(refused("topics", *BS, "--create", "--topic", "c", "--config", "retention.ms=pear"), "Invalid value pear for configuration retention.ms")
    has(refused("topics", *BS, "--create", "--topic", "c", "--config", "no.such=1"), "no.such")
    eq(kafka("topics", *BS, "--list").stdout.split(), ["a", "b"], "topics after what was refused")


def topic_collision():
    kafka("topics", *BS, "--create", "--topic", "x.y")
    has(refused("topics", *BS, "--create", "--topic", "x_y"), "Topic 'x_y' collides with existing topic: x.y")
    kafka("topics", *BS, "--delete", "--topic", "x.y")


def topic_missing():
    has(refused("topics", *BS, "--describe", "--topic", "nope"), "Topic 'nope' does not exist as expected")
    has(refused("topics", *BS, "--delete", "--topic", "nope"), "Topic 'nope' does not exist as expected")


def topic_delete():
    kafka("topics", *BS, "--delete", "--topic", "b")
    eq(kafka("topics", *BS, "--list").stdout.split(), ["a"], "topics")


def configs_describe():
    r = kafka("configs", *BS, "--describe", "--entity-type", "topics", "--entity-name", "a").stdout
    has(r, "Dynamic configs for topic a are:", "retention.ms=777000")
    has(kafka("configs", *BS, "--describe", "--entity-type", "topics", "--entity-name", "a", "--all").stdout,
        "cleanup.policy=delete", "max.message.bytes=1048588", "segment.bytes=1073741824")


# ---------- stock tools: records
def produce(topic, *args, **kw):
    """By itself it gives up on a request after 1.5 s."""
    kafka("console-producer", *BS, "--request-timeout-ms", LIMIT_S * 1000, "--topic", topic, *args, **kw)


def console_produce():
    produce("a", "--reader-property", "parse.key=true", "--reader-property", "key.separator=:",
          stdin="".join(f"k:line {i}\n" for i in range(100)))
    produce("p", stdin="first use makes the topic\n")
    has(kafka("topics", *BS, "--describe", "--topic", "p").stdout, "PartitionCount: 2")


def get_offsets():
    def ends(time):
        r = kafka("get-offsets", *BS, "--topic", "a", "--time", time).stdout.split()
        return [(int(p), int(o)) for _, p, o in (x.split(":") for x in r)]
    latest, earliest = ends("-1"), ends("-2")
    eq(sorted(o for _, o in latest), [0, 0, 100], "latest offsets: one key, one partition")
    eq(earliest, [(p, 0) for p in range(3)], "earliest offsets")
    return next(p for p, o in latest if o)


def console_consume():
    partition = get_offsets()
    r = kafka("console-consumer", *BS, "--topic", "a", "--partition", partition, "--from-beginning", "--max-messages", "100",
              "--formatter-property", "print.key=true", "--formatter-property", "print.offset=true")
    eq(r.stdout.splitlines(), [f"Offset:{i}\tk\tline {i}" for i in range(100)], "records")
    r = kafka("console-consumer", *BS, "--topic", "a", "--partition", partition, "--offset", "97", "--max-messages", "3")
    eq(r.stdout.splitlines(), [f"line {i}" for i in range(97, 100)], "records from an offset on")


# ---------- kcat
def kcat_metadata():
    r = run(*KCAT, "-L").stdout
    has(r, f"broker 1 at {node.bootstrap} (controller)", 'topic "a" with 3 partitions:', "partition 0, leader 1, replicas: 1, isrs: 1")


def kcat_codec(codec):
    lines = [f"{codec} {i} " + "x" * 200 for i in range(500)]
    run(*KCAT, "-P", "-t", f"kcat-{codec}", "-p", "0", "-z", codec, "-X", "acks=all", stdin="".join(x + "\n" for x in lines))
    eq(run(*KCAT, "-C", "-q", "-t", f"kcat-{codec}", "-p", "0", "-o", "beginning", "-e").stdout.splitlines(), lines, "records")


def kcat_fields():
    run(*KCAT, "-P", "-t", "kcat-fields", "-p", "1", "-K", ":", "-H", "h=1", "-H", "h=2", stdin="k:v\n")
    eq(run(*KCAT, "-C", "-q", "-t", "kcat-fields", "-p", "1", "-o", "0", "-c", "1", "-f", "%t %p %o %k %s %h\n").stdout, "kcat-fields 1 0 k v h=1,h=2\n", "record")


def kcat_query():
    has(run(*KCAT, "-Q", "-t", "kcat-none:0:-1").stdout, "kcat-none [0] offset 500")
    has(run(*KCAT, "-Q", "-t", "kcat-none:0:-2").stdout, "kcat-none [0] offset 0")


def kcat_tail():
    r = run(*KCAT, "-C", "-q", "-t", "kcat-none", "-p", "0", "-o", "-3", "-e").stdout.splitlines()
    eq([x.split()[1] for x in r], ["497", "498", "499"], "the last three")


def clients_mixed():
    """What one client wrote, another reads."""
    run(*KCAT, "-P", "-t", "mixed", "-p", "0", "-z", "lz4", stdin="by kcat\n")
    produce("mixed2", "--compression-codec", "zstd", stdin="by java\n")
    eq(kafka("console-consumer", *BS, "--topic", "mixed", "--partition", "0", "--from-beginning", "--max-messages", "1").stdout, "by kcat\n", "Java reads")
    eq(run(*KCAT, "-C", "-q", "-t", "mixed2", "-o", "beginning", "-e").stdout, "by java\n", "kcat reads")


if check("start", start):
    for f in (api_versions, topic_create, topic_list, topic_describe, topic_create_again, topic_create_refusals, topic_collision, topic_missing,
              topic_delete, configs_describe, console_produce, console_consume, kcat_metadata):
        check(f.__name__, f)
    for c in ("none", "gzip", "snappy", "lz4", "zstd"):
        check(f"kcat_{c}", kcat_codec, c)
    for f in (kcat_fields, kcat_query, kcat_tail, clients_mixed):
        check(f.__name__, f)
    check("stop", node.stop)
check.finish()
