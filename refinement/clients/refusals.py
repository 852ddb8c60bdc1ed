#!/usr/bin/env python3
"""What a node refuses to start on, what it says then, and how it ends.

    refusals.py [--server kraftig|stock]

Each refusal must end with status 1 and name what is wrong: the file or directory, the value found and the value wanted. Needs only
Python (and Java for --server stock, whose own second node on a directory harms the first, so that this one check is left out).
"""
import re
import shutil
import socket
import time

from node import LIMIT_S, Checks, Node, arguments, eq, free_ports, has, one_line, run

a = arguments(__doc__)
check = Checks()
count = iter(range(1000))


def fresh(formatted=True, **options):
    node = Node(a.server, a.dir / f"node-{next(count)}", **options)
    if formatted:
        node.format()
    return node


def refuses(node, *wanted, untouched=True):
    before = files(node)
    status, said = node.refused()
    eq(status, 1, f"status ({one_line(said)})")
    for w in wanted:
        if not re.search(w, said, re.I):
            raise AssertionError(f"nothing like {w!r} in {one_line(said)!r}")
    if untouched:
        eq(files(node), before, "what it left in the directories")


def files(node):
    return {p: p.read_bytes() for d in node.dirs if d.exists() for p in d.rglob("*") if p.is_file() and p.name != ".lock"}


def edit(path, pattern, by):
    text, n = re.subn(pattern, by, path.read_text(), flags=re.M)
    eq(n, 1, f"places for {pattern} in {path.name}")
    path.write_text(text)


def unformatted():
    refuses(fresh(formatted=False), r"meta\.properties")


def one_unformatted():
    node = fresh(dirs=("one", "two"))
    shutil.rmtree(node.dirs[1])
    refuses(node, r"meta\.properties", re.escape(str(node.dirs[1])))


def other_cluster():
    node = fresh(dirs=("one", "two"))
    mine = node.meta_properties()["cluster.id"]
    edit(node.dirs[1] / "meta.properties", r"^cluster\.id=.*", "cluster.id=4L6g3nShT-eMCtK--X86sw")
    refuses(node, r"cluster.id", re.escape(mine), "4L6g3nShT-eMCtK--X86sw")


def other_node():
    node = fresh()
    edit(node.dirs[0] / "meta.properties", r"^node\.id=.*", "node.id=7")
    refuses(node, r"node.id", r"\b7\b", r"\b1\b", re.escape(str(node.dirs[0])))


def one_id_twice():
    node = fresh(dirs=("one", "two"))
    shutil.copy(node.dirs[0] / "meta.properties", node.dirs[1] / "meta.properties")
    refuses(node, r"directory.id", re.escape(node.meta_properties()["directory.id"]), re.escape(str(node.dirs[0])), re.escape(str(node.dirs[1])))


def reserved_id():
    node = fresh()
    edit(node.dirs[0] / "meta.properties", r"^directory\.id=.*", "directory.id=AAAAAAAAAAAAAAAAAAAAAA")
    refuses(node, r"directory id", "AAAAAAAAAAAAAAAAAAAAAA", re.escape(str(node.dirs[0])))


def other_metadata_dir():
    """What the node has promised to others is in the directory that held the metadata before."""
    node = fresh(dirs=("one", "two"))
    node.start()
    node.stop()
    node.configure(metadata_log_dir=node.dirs[1])
    refuses(node, re.escape(str(node.dirs[0] / "__cluster_metadata-0")), re.escape(str(node.dirs[1])))


def garbled():
    node = fresh()
    edit(node.dirs[0] / "meta.properties", r"^version=.*", "version=7")
    refuses(node, r"version.*\b7\b")


def answers(node):
    """It does as before, however busy the machine is."""
    end = time.monotonic() + LIMIT_S
    while not node.names_a_broker():
        assert node.alive() and time.monotonic() < end, f"the first node does not answer any more: {one_line(node.said())}"
        time.sleep(0.1)


def in_use():
    """The second node goes; the first goes on, and is whole at its next start."""
    first = fresh()
    first.start()
    second = Node(a.server, a.dir / "second", node_id=1)
    second.dirs = first.dirs
    second.configure(log_dirs=",".join(map(str, first.dirs)))
    refuses(second, "lock", re.escape(str(first.dirs[0])), untouched=False)
    for _ in range(2):
        answers(first)
        first.stop()
        first.start()
    first.stop()


def port_taken():
    node = fresh()
    with socket.create_server(("127.0.0.1", node.port)):
        refuses(node, str(node.port), "in use", untouched=False)


def bad_value(key, value, *wanted):
    node = fresh()
    node.configure(**{key: value})
    refuses(node, re.escape(key), *wanted)


def missing_key():
    node = fresh()
    del node.properties["process.roles"]
    node.configure()
    refuses(node, r"process\.roles")


# ---------- who a node is among others
def member(name, node_id, voters, port=None, role="controller", cluster=None, **properties):
    """A node of the quorum of `voters` (their addresses by id). It listens at `port`, or where the voters have it."""
    port = port or voters[node_id]
    node = Node(a.server, a.dir / f"{name}-{next(count)}", node_id, ports=(port, port))
    listener = f"{'CONTROLLER' if role == 'controller' else 'PLAINTEXT'}://127.0.0.1:{port}"
    quorum = ",".join(f"{i}@127.0.0.1:{p}" for i, p in voters.items())
    node.configure(process_roles=role, listeners=listener, advertised_listeners=listener, controller_quorum_voters=quorum, **properties)
    node.format(cluster)
    return node


def three(name, **properties):
    voters = dict(zip((1, 2, 3), free_ports(3)))
    first = member(name, 1, voters, **properties)
    cluster = first.meta_properties()["cluster.id"]
    nodes = [first] + [member(name, i, voters, cluster=cluster, **properties) for i in (2, 3)]
    for node in nodes:
        node.spawn()
    return nodes, voters, cluster


def broker_of(name, voters, cluster, node_id=7, **properties):
    return member(name, node_id, voters, port=free_ports(1)[0], role="broker", cluster=cluster, **properties)


def goes_on(nodes, name, voters, cluster):
    """A broker can join them."""
    broker = broker_of(name, voters, cluster, node_id=9)
    broker.start()
    broker.stop()
    for node in nodes:
        assert node.alive(), one_line(node.said())
        node.stop()


def broker_of_other_cluster():
    nodes, voters, cluster = three("foreign")
    stranger = broker_of("foreign", voters, "4L6g3nShT-eMCtK--X86sw")
    refuses(stranger, cluster, "4L6g3nShT-eMCtK--X86sw", r"meta\.properties", r"controller\.quorum\.voters", untouched=False)
    goes_on(nodes, "foreign", voters, cluster)


def two_of_one_id():
    """A controller that has the configuration of another one, but a machine and directories of its own."""
    nodes, voters, cluster = three("twice")
    second = member("twice", 2, voters, port=free_ports(1)[0], cluster=cluster)
    ids = [node.meta_properties()["directory.id"] for node in (second, nodes[1])]
    refuses(second, r"node\.id=2\b", *ids, f"127.0.0.1:{voters[2]}", r"controller\.quorum\.voters", untouched=False)
    goes_on(nodes, "twice", voters, cluster)


def two_brokers_of_one_id():
    """The first one might have crashed, so the second one waits as long as it is told to, and no longer."""
    nodes, voters, cluster = three("brokers", broker_session_timeout_ms=LIMIT_S * 1000)
    first = broker_of("brokers", voters, cluster)
    first.start()
    second = broker_of("brokers", voters, cluster, initial_broker_registration_timeout_ms=20_000)
    refuses(second, r"unable to register", r"a broker with node\.id=7\b", untouched=False)
    answers(first)
    first.stop()
    goes_on(nodes, "brokers", voters, cluster)


def swapped_voters():
    nodes, voters, cluster = three("swapped")
    nodes[0].kill()
    nodes[0].configure(controller_quorum_voters=f"1@127.0.0.1:{voters[1]},2@127.0.0.1:{voters[3]},3@127.0.0.1:{voters[2]}")
    refuses(nodes[0], r"controller\.quorum\.voters", "node [23] at 127.0.0.1:", "but node [23] with", r"node\.id", untouched=False)
    goes_on(nodes[1:], "swapped", voters, cluster)


def unknown_key():
    node = fresh()
    node.configure(**{"no.such.key": "1"})
    node.start()
    node.stop()


def no_such_file():
    node = Node(a.server, a.dir / "no-file")
    node.file.unlink()
    status, said = node.refused()
    eq(status, 1, "status")
    has(said, "server.properties")


# ---------- storage format and info
def format_twice():
    node = fresh()
    r = node.storage("format", "-t", node.meta_properties()["cluster.id"], "-c", node.file, ok=False)
    eq(r.returncode, 1, "status")
    has(r.stderr, f"Log directory {node.dirs[0]} is already formatted. Use --ignore-formatted to ignore this directory and format the others.")
    before = files(node)
    node.storage("format", "-t", node.meta_properties()["cluster.id"], "-c", node.file, "--ignore-formatted")
    eq(files(node), before, "what format left of a formatted directory")


def format_other_cluster():
    node = fresh()
    before = files(node)
    r = node.storage("format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", node.file, "--ignore-formatted", ok=False)
    eq(r.returncode, 1, "status")
    has(r.stderr, "Invalid cluster.id in: ", "Expected 4L6g3nShT-eMCtK--X86sw, but read " + node.meta_properties()["cluster.id"])
    eq(files(node), before, "what format left")


def info():
    node = fresh(formatted=False)
    node.dirs[0].mkdir()
    r = node.storage("info", "-c", node.file, ok=False)
    eq(r.returncode, 1, "status while unformatted")
    has(r.stdout, "Found log directory:", f"  {node.dirs[0]} is not formatted.")
    node.format()
    has(node.storage("info", "-c", node.file).stdout, "Found metadata: {cluster.id=" + node.meta_properties()["cluster.id"], "node.id=1", "version=1")


def random_uuid():
    node = Node(a.server, a.dir / "uuid")
    one, two = node.random_uuid(), node.random_uuid()
    assert one != two and all(re.fullmatch(r"[\w][\w-]{21}", x) for x in (one, two)), (one, two)


# ---------- the ends
def sigterm():
    node = fresh(dirs=("one", "two"))
    node.start()
    assert all((d / ".lock").exists() for d in node.dirs), "no .lock while it runs"
    node.stop()
    assert all((d / ".kafka_cleanshutdown").exists() for d in node.dirs), "no .kafka_cleanshutdown after SIGTERM"
    node.start()
    assert not any((d / ".kafka_cleanshutdown").exists() for d in node.dirs), ".kafka_cleanshutdown while it runs"
    node.stop()


def sigkill():
    node = fresh()
    node.start()
    node.kill()
    assert not (node.dirs[0] / ".kafka_cleanshutdown").exists(), ".kafka_cleanshutdown after kill -9"
    node.start()
    node.stop()


def usage():
    node = Node(a.server, a.dir / "usage")
    for command in (("server", "start"), ("storage",), ("storage", "format")):
        r = run(*node.command(*command), ok=False)
        assert r.returncode != 0, f"{command} without arguments ends with 0"


for f in (unformatted, one_unformatted, other_cluster, other_node, one_id_twice, reserved_id, other_metadata_dir, garbled, port_taken, missing_key, unknown_key, no_such_file,
          format_twice, format_other_cluster, info, random_uuid, sigterm, sigkill, usage):
    check(f.__name__, f)
if a.server != "stock":  # which asks again for ever
    for f in (in_use, broker_of_other_cluster, two_of_one_id, two_brokers_of_one_id, swapped_voters):
        check(f.__name__, f)
for key, value, *wanted in (("node.id", "-1", r"-1\b"), ("process.roles", "pear", "pear"), ("log.segment.bytes", "7", r"\b7\b"),
                            ("listeners", "PLAINTEXT://localhost:1,PLAINTEXT://localhost:2", "name"),
                            ("controller.quorum.voters", "9@localhost:1", r"\b9\b"), ("advertised.listeners", "PLAINTEXT://0.0.0.0:9092", r"0\.0\.0\.0")):
    check(f"bad_{key.replace('.', '_')}", bad_value, key, value, *wanted)
check.finish()
