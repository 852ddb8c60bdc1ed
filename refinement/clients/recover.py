#!/usr/bin/env python3
"""`kraftig quorum recover`: a controller goes on alone when the majority of the controllers is lost for ever.

    recover.py [--break lost-voters]

Three controllers that the log names, and a broker that runs all the time; then three static voters. Two of three are killed and lose their
directories, and the third is recovered: what its log holds is there, the broker goes on, others are formatted anew and join. The old
directories are started again, which is what must never be done: nothing that they say is believed. What refuses, and what only looks,
changes no byte. Stock Kafka reads the log, and leads on the directory.

--break lost-voters removes the file that names those that were given up before their directories are started again: then the check of it
must fail.

Needs confluent-kafka, kcat, Java and Maven. One line a check, "ok NAME" or "FAILED NAME why"; the last line counts them.
"""
import json
import re
import shutil
import socketserver
import threading
import time

from confluent_kafka.admin import AdminClient, NewTopic
from mixed_quorum import asked
from node import KRAFTIG, LIMIT_S, Checks, Node, arguments, change_voters, eq, free_ports, has, kafka, run, told, unless_changed

a = arguments(__doc__, **{"break": {"choices": ["lost-voters"], "help": "make a check fail"}})
check = Checks()
LOST = "kraftig-lost-voters"
REFUSED = "it comes from a voter that was given up"
# Nothing is written to the log that nobody asked for.
QUIET = {"metadata_max_idle_interval_ms": 0}
# A broker waits so long for a controller, and the client with it.
PATIENT = {"request_timeout_ms": LIMIT_S * 1000}


class Cluster:
    def __init__(self, name, static=False):
        self.base, self.static = a.dir / name, static
        port, *ports = free_ports(5)
        self.ports = dict(zip((1, 2, 3, 4), ports))
        self.servers = {"controller_quorum_bootstrap_servers": ",".join(f"127.0.0.1:{p}" for p in ports)}
        voters = {"controller_quorum_voters": ",".join(f"{i}@127.0.0.1:{p}" for i, p in self.ports.items() if i < 4)}
        quorum = voters if static else self.servers
        self.nodes = {i: self.node(i, "controller", f"CONTROLLER://127.0.0.1:{p}", p, quorum) for i, p in self.ports.items() if i < 4}
        self.broker = self.node(10, "broker", f"PLAINTEXT://127.0.0.1:{port}", port, quorum)
        self.broker.configure(advertised_listeners=f"PLAINTEXT://127.0.0.1:{port}")
        self.admin = AdminClient({"bootstrap.servers": self.broker.bootstrap, "log_level": 0, "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50})
        self.topics = []

    def node(self, i, role, listener, port, quorum):
        node = Node("kraftig", self.base / str(i), i, ports=(port, port), process_roles=role, listeners=listener, **QUIET, **PATIENT)
        for key in ("advertised.listeners", "controller.quorum.voters"):
            del node.properties[key]
        node.configure(**quorum)
        return node

    def start(self):
        self.cluster = self.broker.random_uuid()
        ids = {i: self.broker.random_uuid() for i in self.nodes}
        first = ",".join(f"{i}@127.0.0.1:{node.controller_port}:{ids[i]}" for i, node in self.nodes.items())
        self.broker.format(self.cluster)
        for node in self.nodes.values():
            node.storage("format", "-t", self.cluster, "-c", node.file, *([] if self.static else ["-I", first]))
            node.spawn()
        self.broker.start()
        self.create(5)
        self.records()
        self.caught_up(1, 2, 3)

    def create(self, n=1):
        for _ in range(n):
            name = f"t-{len(self.topics)}"
            self.admin.create_topics([NewTopic(name, 1, 1)], operation_timeout=LIMIT_S, request_timeout=LIMIT_S)[name].result()
            self.topics.append(name)

    def listed(self):
        """All that was acknowledged, and nothing else."""
        end = time.monotonic() + LIMIT_S
        while (found := sorted(self.admin.list_topics(timeout=LIMIT_S).topics)) != sorted(self.topics):
            if time.monotonic() > end:
                eq(found, sorted(self.topics), "topics")
            time.sleep(0.1)

    def records(self):
        """What a producer sends is what a consumer gets."""
        kcat, topic = ("kcat", "-m", LIMIT_S, "-b", self.broker.bootstrap), self.topics[-1]
        self.listed()
        run(*kcat, "-P", "-t", topic, "-X", "acks=all", stdin="one\ntwo\n")
        eq(run(*kcat, "-C", "-t", topic, "-o", "beginning", "-e", "-q").stdout, "one\ntwo\n", "what was produced")

    def described(self):
        """(leader, epoch, high watermark, {voter: log end offset}) by who leads the latest epoch."""
        found = [asked(node) for node in self.nodes.values()]
        return max((d for d in found if d), key=lambda d: d[1], default=None)

    def until(self, what, test):
        end = time.monotonic() + LIMIT_S
        while not ((d := self.described()) and test(d)):
            assert time.monotonic() < end, f"not {what} within {LIMIT_S} s: {d}; " + "; ".join(f"{i}: {n.said()[-300:]}" for i, n in self.nodes.items())
            time.sleep(0.02)
        return d

    def caught_up(self, *voters):
        return self.until(f"{voters} with the same log", lambda d: set(d[3]) == set(voters) and min(d[3].values()) >= d[2] > 0)

    def directory(self, i):
        return self.nodes[i].meta_properties()["directory.id"]

    def recover(self, i, *args, ok=True):
        """(what it says, what it says on standard error)"""
        r = run(KRAFTIG, "quorum", "recover", "--config", self.nodes[i].file, *args, ok=False)
        eq((r.returncode, bool(r.stderr)), (0, False) if ok else (1, True), f"status, and whether there is an error ({r.stdout[-300:]} {r.stderr})")
        return r.stdout, r.stderr

    def refuses(self, i, args, *words):
        """And changes nothing but the lock, which a killed node left."""
        before, end = self.bytes(), time.monotonic() + LIMIT_S
        while True:
            said, why = self.recover(i, *args, ok=False)
            # Whoever is asked whether it lives may be slow on a busy machine.
            if all(word in why for word in words) or time.monotonic() > end:
                break
        has(why, *words)
        self.unchanged({file: bytes for file, bytes in before.items() if not file.endswith("/.lock")}, lock=False)
        return said

    def bytes(self):
        """All that those that do not run have on their disks."""
        idle = [node.dirs[0] for node in self.nodes.values() if not node.alive() and node.dirs[0].exists()]
        return {str(file): file.read_bytes() for dir in idle for file in sorted(dir.rglob("*")) if file.is_file()}

    def unchanged(self, before, lock=True):
        after = {file: bytes for file, bytes in self.bytes().items() if lock or not file.endswith("/.lock")}
        eq(sorted(before.keys() ^ after.keys()), [], "files that came or went")
        eq([file for file in before if before[file] != after[file]], [], "files that are not as they were")

    def kill(self, *ids):
        for i in ids:
            self.nodes[i].kill()

    def format_anew(self, i):
        shutil.rmtree(self.nodes[i].dirs[0], ignore_errors=True)
        self.nodes[i].storage("format", "-t", self.cluster, "-c", self.nodes[i].file, "-N")
        self.nodes[i].spawn()

    def tool(self, *args):
        leader = self.until("a leader", lambda d: True)[0]
        return run(KRAFTIG, "metadata-quorum", "--bootstrap-controller", f"127.0.0.1:{self.nodes[leader].controller_port}", *args, ok=False)

    def add(self, i):
        """It must have caught up before."""
        end = time.monotonic() + LIMIT_S
        while self.directory(i) not in self.tool("describe", "--replication").stdout or asked(self.nodes[i]) is None:
            assert time.monotonic() < end, f"controller {i} does not fetch: {self.nodes[i].said()[-300:]}"
            time.sleep(0.05)
        change_voters(lambda: self.tool("--command-config", self.nodes[i].file, "add-controller"), f"Added controller {i} .*\n")

    def dumped(self, i):
        """The log by both tools."""
        files = ",".join(map(str, sorted(self.nodes[i].metadata_log.parent.glob("*.log"))))
        ours, stock = (command("dump-log", "--cluster-metadata-decoder", "--files", files).stdout for command in (lambda *args: run(KRAFTIG, *args), kafka))
        eq(ours, stock, "what dump-log shows")
        return ours


def named(said):
    """The voters of the last VotersRecord that dump-log shows."""
    record = re.findall(r"KRaftVoters (\{.*\})", said)[-1]
    return re.findall(r'"voterId":(\d+),"voterDirectoryId":"([^"]+)","endpoints":\[\{"name":"CONTROLLER","host":"127.0.0.1","port":(\d+)\}\]', record)


dynamic = Cluster("dynamic")


def a_node_runs():
    _, said = dynamic.recover(2, ok=False)
    has(said, "Failed to acquire lock", str(dynamic.nodes[2].dirs[0]))
    _, said = dynamic.recover(2, "--dry-run", ok=False)
    has(said, "Failed to acquire lock")


def others_answer():
    dynamic.kill(1)
    dynamic.create()
    ports = dynamic.ports
    dynamic.refuses(1, [], "The majority is not lost", f"node 2 (127.0.0.1:{ports[2]}), node 3 (127.0.0.1:{ports[3]}) answer,", "kraftig server start")
    leader = dynamic.until("3 with all of it", lambda d: d[3][2] >= d[2] and d[3][3] >= d[2])[0]
    # The leader goes last: it has all that it acknowledged.
    last = leader
    first = 5 - leader
    dynamic.kill(first)
    dynamic.refuses(1, [], "The majority is not lost", f"node {last} (127.0.0.1:{ports[last]}) answers,")
    dynamic.refuses(first, ["--compare", dynamic.nodes[last].dirs[0]], "a node runs on this directory")
    dynamic.kill(last)


def another_holds_more():
    for more in ([dynamic.nodes[2].dirs[0]], [dynamic.nodes[2].file], [dynamic.nodes[2].metadata_log.parent, dynamic.nodes[3].dirs[0]]):
        dynamic.refuses(1, ["--compare", *more], "Another directory holds more", "Recover that one instead")
    foreign = Node("kraftig", a.dir / "foreign", 3)
    foreign.format()
    dynamic.refuses(1, ["--compare", foreign.dirs[0]], "of another cluster")
    dynamic.refuses(1, ["--compare", a.dir], "there is no meta.properties")
    dynamic.refuses(1, ["--compare", dynamic.broker.dirs[0]], "a node runs on this directory", "which does not vote")


def best():
    """Of 2 and 3 that which holds as much as the other."""
    r = run(KRAFTIG, "quorum", "recover", "--config", dynamic.nodes[2].file, "--compare", dynamic.nodes[3].dirs[0], "--dry-run", ok=False)
    return (2, 3) if r.returncode == 0 else (3, 2)


def dry_run():
    one, other = best()
    before = dynamic.bytes()
    said, _ = dynamic.recover(one, "--dry-run")
    has(said, f"Node {one}, directory.id {dynamic.directory(one)}, cluster {dynamic.cluster}", "Its log ends at offset ", "the election epoch is ",
        f"{other}  directory.id {dynamic.directory(other)}  127.0.0.1:{dynamic.ports[other]}: refuses connections",
        "Known here to be committed: nothing", "Compared, with this one: 1 of 3 voters", "may be lost", "Nothing was changed.", "format a new directory", "Not heard from: node ",
        f"Asked too: 127.0.0.1:{dynamic.ports[4]}: refuses connections", "Stop all brokers", "remove __cluster_metadata-0", "out of controller.quorum.bootstrap.servers of every node")
    said, _ = dynamic.recover(one, "--dry-run", "--compare", dynamic.nodes[other].dirs[0])
    has(said, "Compared, with this one: 2 of 3 voters", "Nothing that was committed is lost, if these are the directories as they last ran", "Restart the brokers")
    found = json.loads(dynamic.recover(one, "--dry-run", "--json")[0])
    eq((found["nodeId"], found["recovered"], found["losesNothing"], found["comparedVoters"], found["voters"], found["committedOffset"]), (one, False, False, 1, 3, None), "what --json says")
    eq(found["epoch"], found["electionEpoch"] + 1_000_001, "the epoch")
    dynamic.unchanged(before)
    return one


def does_not_say_who_it_is(one):
    """Nor that it is none of the controllers."""
    with socketserver.TCPServer(("127.0.0.1", dynamic.ports[4]), socketserver.BaseRequestHandler) as closes:
        threading.Thread(target=closes.serve_forever, daemon=True).start()
        dynamic.refuses(one, [], "Something answers that may be a controller of this cluster", f"127.0.0.1:{dynamic.ports[4]} (", "controller.quorum.bootstrap.servers")
        closes.shutdown()


def interrupted(one):
    """As a crash between the file and the record leaves it; the recovery goes on from there."""
    node = dynamic.nodes[one]
    file = node.metadata_log.parent / LOST
    file.write_text("".join(f"{i} {dynamic.directory(i)}\n" for i in dynamic.nodes if i != one))
    status, said = node.refused()
    has(said, "the recovery of this controller was interrupted", "run kraftig quorum recover again")
    eq(status, 1, "status")


def recovered(one):
    others = [i for i in dynamic.nodes if i != one]
    old = {i: dynamic.directory(i) for i in others}
    for i in others:
        shutil.copytree(dynamic.nodes[i].dirs[0], a.dir / f"old-{i}")
        shutil.rmtree(dynamic.nodes[i].dirs[0])
    said, _ = dynamic.recover(one)
    epoch = int(re.search(rf"Done: node {one} is the only voter from epoch (\d+) on", said)[1])
    has(said, "What to do next:", f"storage format --cluster-id {dynamic.cluster}", "add-controller", f"lost voters ({others[0]}, {others[1]})")
    eq(sorted((dynamic.nodes[one].metadata_log.parent / LOST).read_text().splitlines()), [f"{i} {old[i]}" for i in others], "those that were given up")
    again = dynamic.refuses(one, [], f"Node {one} is already the only voter")
    has(again, "was recovered before", "add-controller", f"lost voters ({others[0]}, {others[1]})")
    said = dynamic.dumped(one)
    eq(named(said), [(str(one), dynamic.directory(one), str(dynamic.ports[one]))], "the voters")
    has(said, f"partitionLeaderEpoch: {epoch} ")
    shutil.copytree(dynamic.nodes[one].dirs[0], a.dir / "for-stock")
    return epoch


def it_leads(cluster, one, epoch):
    cluster.nodes[one].spawn()
    if not cluster.broker.alive():
        cluster.broker.start()
    # It is alone: nobody else is ever elected.
    leader, now, *_ = cluster.until("a leader", lambda d: d[1] > epoch)
    eq((leader, now), (one, epoch + 1), "the leader, and its epoch")
    cluster.listed()
    cluster.create()
    cluster.records()
    cluster.broker.stop()
    cluster.broker.start()
    cluster.create()
    cluster.records()
    cluster.listed()


def old_directories_start(one, epoch):
    node = dynamic.nodes[one]
    others = [i for i in dynamic.nodes if i != one]
    before = dynamic.until("a leader", lambda d: d[0] == one)
    if vars(a)["break"]:
        node.kill()
        (node.metadata_log.parent / LOST).unlink()
        node.spawn()
        before = dynamic.until("a leader", lambda d: d[0] == one)
    for i in others:
        shutil.copytree(a.dir / f"old-{i}", dynamic.nodes[i].dirs[0])
        dynamic.nodes[i].spawn()
    try:
        not_heard(node, before, epoch, {i: dynamic.directory(i) for i in others})
    finally:
        for i in others:
            dynamic.nodes[i].kill()
            shutil.rmtree(dynamic.nodes[i].dirs[0])
    dynamic.create()
    dynamic.listed()


def not_heard(node, before, epoch, old):
    rows = lambda: told(KRAFTIG, "metadata-quorum", "--bootstrap-controller", f"127.0.0.1:{node.controller_port}", "describe", "--replication")
    fetching = lambda: [id for id in old.values() if id in rows()]
    end = time.monotonic() + LIMIT_S
    # They are a majority of the old voters: they come to lead, and all this while the one that goes on must not follow.
    while REFUSED not in node.said() or not (second := [found for i in old if (found := asked(dynamic.nodes[i]))]):
        assert time.monotonic() < end, f"nothing is refused: {node.said()[-600:]}"
        eq(fetching(), [], "old directories that fetch")
        time.sleep(0.1)
    # The two histories have no epoch in common.
    assert second[0][1] < epoch, f"they lead epoch {second[0][1]}, and it was recovered in {epoch}"
    dynamic.create(3)
    eq(leads(node)[:2], before[:2], "the leader, and its epoch")
    eq(fetching(), [], "old directories that fetch")
    # Nor after a restart, where it meets them anew.
    node.kill()
    node.spawn()
    eq(leads(node)[:2], (node.node_id, before[1] + 1), "the leader, and its epoch, after a restart")


def leads(node):
    """What a node says of the quorum as soon as it leads."""
    end = time.monotonic() + LIMIT_S
    while not (found := asked(node)):
        assert node.alive() and time.monotonic() < end, f"it does not lead: {node.said()[-600:]}"
        time.sleep(0.05)
    return found


def three_again(one, epoch):
    second, third = [i for i in dynamic.nodes if i != one]
    dynamic.format_anew(second)
    dynamic.add(second)
    dynamic.nodes[third].configure(controller_quorum_auto_join_enable="true")
    dynamic.format_anew(third)
    dynamic.caught_up(1, 2, 3)
    dynamic.create()
    dynamic.kill(one)
    dynamic.until("one of the others leads", lambda d: d[0] in (second, third) and d[1] > epoch)
    dynamic.create()
    dynamic.listed()
    not_heard_of(one, second)
    dynamic.nodes[one].spawn()
    dynamic.caught_up(1, 2, 3)


def not_heard_of(one, second):
    """A directory that was off while all others were replaced: no voter that it knows is left, and a quorum lives."""
    off = Node("kraftig", a.dir / "off", second)
    off.properties = {**dynamic.nodes[second].properties, "log.dirs": a.dir / f"old-{second}"}
    off.configure()
    for args, words in (([], ("A quorum of this cluster lives", " leads of nodes ")), (["--compare", a.dir / "for-stock"], ("recovered itself", f"node {one} is its only voter"))):
        def refused(_, args=args, words=words):
            r = run(KRAFTIG, "quorum", "recover", "--config", off.file, *args, ok=False)
            eq(r.returncode, 1, "status")
            has(r.stderr, *words)
        unless_changed(lambda: dynamic.until("a leader", lambda d: True)[:2], refused)


def stock_leads(one, epoch):
    node = dynamic.nodes[one]
    (port,) = free_ports(1)
    stock = Node("stock", a.dir / "stock", one, ports=(port, port))
    stock.properties = {**node.properties, "log.dirs": a.dir / "for-stock", "listeners": f"CONTROLLER://127.0.0.1:{port}", "controller.quorum.bootstrap.servers": f"127.0.0.1:{port}"}
    stock.configure()
    stock.spawn()
    found = leads(stock)
    eq((found[0], found[1] > epoch, sorted(found[3])), (one, True, [one]), "the leader, whether the epoch is later, and the voters")
    stock.stop()


def damaged(one):
    """A node that would not know whom not to hear does not start."""
    node = dynamic.nodes[one]
    node.stop()
    file = node.metadata_log.parent / LOST
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    status, said = node.refused()
    has(said, LOST, "restore the file from a copy")
    eq(status, 1, "status")
    file.write_bytes(whole)
    node.spawn()
    dynamic.caught_up(1, 2, 3)


static = Cluster("static", static=True)


def static_quorum():
    static.start()
    # It is the one that has least that is left.
    static.kill(1)
    static.create(2)
    # The controllers have acknowledged them; the broker must have fetched them too.
    static.listed()
    static.broker.stop()
    static.kill(2, 3)
    for i in (2, 3):
        shutil.rmtree(static.nodes[i].dirs[0])
    lost = [static.topics.pop() for _ in range(2)]
    static.refuses(1, ["--compare", static.broker.dirs[0]], "Another directory holds more", "(node 10)", "If it is a broker's, put a copy of it in place of")
    own, kept = static.nodes[1].metadata_log.parent, a.dir / "kept"
    own.rename(kept)
    shutil.copytree(static.broker.metadata_log.parent, own)
    as_said = json.loads(static.recover(1, "--dry-run", "--json", "--compare", static.broker.dirs[0])[0])
    eq((as_said["refused"], as_said["logEndOffset"]), (None, as_said["compared"][0]["logEndOffset"]), "what is recovered from a broker's log")
    shutil.rmtree(own)
    kept.rename(own)
    # Formatted anew it is not what a voter had.
    anew = static.nodes[2]
    anew.storage("format", "-t", static.cluster, "-c", anew.file)
    anew.metadata_log.parent.mkdir()
    said, _ = static.recover(1, "--dry-run", "--compare", anew.dirs[0])
    has(said, "Compared, with this one: 1 of 3 voters", "it does not count", "may be lost")
    shutil.rmtree(anew.dirs[0])
    said, _ = static.recover(1, "--dry-run")
    has(said, "controller.quorum.bootstrap.servers=", "in place of controller.quorum.voters", "new node.id")
    said, _ = static.recover(1)
    epoch = int(re.search(r"Done: node 1 is the only voter from epoch (\d+) on", said)[1])
    said = static.dumped(1)
    eq(named(said), [("1", static.directory(1), str(static.ports[1]))], "the voters")
    has(said, 'KRaftVersion {"version":0,"kRaftVersion":1}')
    eq((static.nodes[1].metadata_log.parent / LOST).read_text(), "2 AAAAAAAAAAAAAAAAAAAAAA\n3 AAAAAAAAAAAAAAAAAAAAAA\n", "those that were given up")
    for node in (static.nodes[1], static.broker):
        del node.properties["controller.quorum.voters"]
        node.configure(**static.servers)
    # The broker has what is lost, until it starts.
    has(kafka("dump-log", "--cluster-metadata-decoder", "--files", static.broker.metadata_log).stdout, *(f'"name":"{name}"' for name in lost))
    it_leads(static, 1, epoch)
    # Under a new id, for 2 and 3 are not heard any more.
    port = static.ports[4]
    static.nodes = {1: static.nodes[1], 4: static.node(4, "controller", f"CONTROLLER://127.0.0.1:{port}", port, static.servers)}
    static.format_anew(4)
    static.add(4)
    static.caught_up(1, 4)
    static.create()
    static.listed()


if check("dynamic: start", dynamic.start):
    check("a node that runs is not recovered", a_node_runs)
    check("a majority that answers is not lost", others_answer)
    check("the directory that holds most is the one to recover", another_holds_more)
    one = check("a dry run says all and changes nothing", dry_run)
    check("what does not say who it is may be a controller", does_not_say_who_it_is, one)
    check("a recovery that was interrupted keeps it from starting", interrupted, one)
    epoch = check("recovered, once", recovered, one)
    check("it leads, and the broker goes on", it_leads, dynamic, one, epoch)
    check("old directories that start again are not heard", old_directories_start, one, epoch)
    if vars(a)["break"]:
        check.finish()
    check("three voters again", three_again, one, epoch)
    check("a damaged list of lost voters keeps it from starting", damaged, one)
    check("stock Kafka leads on what was recovered", stock_leads, one, epoch)
check("static voters", static_quorum)
check.finish()
