#!/usr/bin/env python3
"""`kraftig metadata-quorum add-controller` and `remove-controller` on a dynamic quorum of stock Kafka's controllers.

    change_voters.py

Starts a controller formatted with --standalone and two that are not voters. Each is added and removed, the leader too; what our tool
prints is compared with what stock's tool prints. A controller of ours with static voters refuses both tools. Needs Java and Maven. One line a check, "ok NAME" or "FAILED NAME why"; the last
line counts them.
"""
import re
import time

from node import KRAFTIG, LIMIT_S, Checks, Node, arguments, eq, free_ports, has, kafka, run

a = arguments(__doc__)
check = Checks()
ports = dict(zip((1, 2, 3), free_ports(3)))


def controller(i, port):
    node = Node("stock", a.dir / str(i), i, ports=(port, port), process_roles="controller", listeners=f"CONTROLLER://127.0.0.1:{port}",
                advertised_listeners=f"CONTROLLER://127.0.0.1:{port}", controller_quorum_bootstrap_servers=",".join(f"127.0.0.1:{p}" for p in ports.values()))
    del node.properties["controller.quorum.voters"]
    node.configure()
    return node


def directory(i):
    return nodes[i].meta_properties()["directory.id"]


def bootstrap(at):
    return "metadata-quorum", "--bootstrap-controller", f"127.0.0.1:{ports[at]}"


def ours(at, *args, **kw):
    return run(KRAFTIG, *bootstrap(at), *args, **kw)


def add(i, *args, at=1):
    return ours(at, "--command-config", nodes[i].file, "add-controller", *args).stdout


def remove(i, *args):
    return ours(1, "remove-controller", "-i", i, "-d", directory(i), *args).stdout


def voters(*want):
    """Waits until these vote, as any of the controllers says."""
    end = time.monotonic() + LIMIT_S
    while True:
        said = [ours(at, "describe", "--status", ok=False).stdout for at in ports]
        found = [sorted(map(int, re.findall(r'"id": (\d+)', line))) for text in said for line in text.splitlines() if line.startswith("CurrentVoters")]
        if list(want) in found:
            return
        if time.monotonic() > end:
            raise AssertionError(f"the voters are {found}, and not {want}")
        time.sleep(0.1)


def start():
    cluster = nodes[1].random_uuid()
    for i, node in nodes.items():
        node.storage("format", "-t", cluster, "-c", node.file, "--standalone" if i == 1 else "--no-initial-controllers")
        node.spawn()
    voters(1)


def dry_runs():
    config = ("--command-config", nodes[2].file, "add-controller", "--dry-run")
    eq(add(2, "--dry-run"), kafka(*bootstrap(1), *config).stdout, "add-controller --dry-run")
    gone = ("remove-controller", "--controller-id", 1, "--controller-directory-id", directory(1), "--dry-run")
    eq(remove(1, "--dry-run"), kafka(*bootstrap(1), *gone).stdout, "remove-controller --dry-run")
    voters(1)


def refusals():
    """What stock refuses, ours refuses with its text."""
    file = a.dir / "wrong.properties"
    own = nodes[2].file.read_text()
    for without in ("process.roles", "node.id", "log.dirs", "controller.listener.names"):
        file.write_text("".join(line for line in own.splitlines(True) if not line.startswith(without)))
        both("--command-config", file, "add-controller", "--dry-run")
    file.write_text(re.sub("log.dirs=.*", f"log.dirs={a.dir}/nothing", own))
    both("--command-config", file, "add-controller", "--dry-run")
    both("--command-config", a.dir / "no-file", "add-controller", "--dry-run")
    both("add-controller")
    both("remove-controller", "-i", -3, "-d", directory(1))
    both("remove-controller", "-i", 2, "-d", directory(2))  # by the server: no voter
    both("--command-config", nodes[1].file, "add-controller")  # by the server: one already
    has(ours(1, "remove-controller", "-i", 1, "-d", "xx", ok=False).stderr, "Failed to parse --controller-directory-id: ")
    file.write_text(own.replace("node.id=2", "node.id=7"))  # stock adds a voter that is nowhere
    has(ours(1, "--command-config", file, "add-controller", "--dry-run", ok=False).stderr, "node.id=7 is not the 2 of meta.properties")


def both(*args):
    mine, theirs = ours(1, *args, ok=False), kafka(*bootstrap(1), *args, ok=False)
    eq((mine.returncode, theirs.returncode), (1, 1), f"the statuses of {args}")
    said = theirs.stderr + theirs.stdout
    has(said, mine.stderr.strip())


def added(i, at, *want):
    eq(add(i, at=at), f"Added controller {i} with directory id {directory(i)} and endpoints: CONTROLLER://127.0.0.1:{ports[i]}\n", "what add-controller prints")
    voters(*want)


def removed(i, *want):
    eq(remove(i), f"Removed  KRaft controller {i} with directory id {directory(i)}\n", "what remove-controller prints")
    voters(*want)


def static_voters():
    """A node of ours whose voters are static refuses both tools as a stock node does."""
    port = free_ports(1)[0]
    node = Node("kraftig", a.dir / "static", 9, ports=(port, port), process_roles="controller", listeners=f"CONTROLLER://127.0.0.1:{port}", advertised_listeners=f"CONTROLLER://127.0.0.1:{port}")
    node.format()
    node.spawn()
    at = "metadata-quorum", "--bootstrap-controller", f"127.0.0.1:{port}"
    end = time.monotonic() + LIMIT_S
    while (said := run(KRAFTIG, *at, "describe", "--status", ok=False)).returncode:
        if time.monotonic() > end:
            raise AssertionError(f"it does not lead: {said.stderr}")
        time.sleep(0.1)
    for args, doing in (("--command-config", node.file, "add-controller"), "adding"), (("remove-controller", "-i", 9, "-d", node.meta_properties()["directory.id"]), "removing"):
        text = f"Cluster doesn't support {doing} voter because the kraft.version feature is 0"
        mine, theirs = run(KRAFTIG, *at, *args, ok=False), kafka(*at, *args, ok=False)
        eq((mine.returncode, mine.stderr), (1, text + "\n"), "our tool")
        eq(theirs.returncode, 1, "the status of stock's tool")
        has(theirs.stderr + theirs.stdout, f"UnsupportedVersionException: {text}")
    node.stop()


nodes = {i: controller(i, port) for i, port in ports.items()}
check("start with one voter", start)
check("dry runs print what stock's tool prints", dry_runs)
check("what is refused", refusals)
check("add the second, asked through an observer", added, 2, 3, 1, 2)
check("add the third", added, 3, 1, 1, 2, 3)
check("remove a follower", removed, 2, 1, 3)
check("remove the leader", removed, 1, 3)
check("add one while the next leader is elected", added, 1, 2, 1, 3)
check("static voters of ours", static_voters)
for one in nodes.values():
    check(f"stop node {one.node_id}", one.stop)
check.finish()
