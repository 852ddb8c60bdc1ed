#!/usr/bin/env python3
"""Voters are added and removed, in a quorum of stock Kafka's controllers and in one of ours, with stock's tool and with ours.

    change_voters.py [--quorums stock,kraftig]

One controller formatted with --standalone, others that are no voters, and a broker. The same is asked of both quorums: voters are added,
directly, through an observer and through the broker, and removed, the leader too; and what must be refused is refused. Three static
voters (kraft.version 0) are upgraded by stock's kafka-features, and one of them is removed. What each tool prints
on a quorum of ours is compared word by word with what it prints on stock's: but for directories, ports and the order of voters. A
controller of ours with static voters refuses both tools. Needs Java and Maven. One line a check, "ok NAME" or "FAILED NAME why"; the
last line counts them.
"""
import re
import time

from mixed_quorum import asked
from node import KAFKA, KRAFTIG, LIMIT_S, Checks, Node, arguments, change_voters, eq, free_ports, has, kafka, run, told, unless_changed

a = arguments(__doc__, quorums={"default": "stock,kraftig", "help": "the kinds of quorums, the first one to compare with"})
check = Checks()
TOOLS = {"stock": KAFKA, "ours": KRAFTIG}
BROKER = 10
# Nobody is killed here, so no election is due but after a leader was removed or stopped, and none comes by chance on a busy machine; and a change has the time it needs.
PATIENT = {"controller_quorum_fetch_timeout_ms": 30_000, "controller_quorum_request_timeout_ms": 10_000}


class Quorum:
    def __init__(self, kind):
        self.kind = kind
        self.ports = dict(zip((1, 2, 3, 4, BROKER), free_ports(5)))
        self.servers = ",".join(f"127.0.0.1:{self.ports[i]}" for i in (1, 2, 3))
        self.nodes = {i: self.node(i, f"CONTROLLER://127.0.0.1:{self.ports[i]}", "controller") for i in (1, 2, 3, 4)}
        self.nodes[BROKER] = self.node(BROKER, f"PLAINTEXT://127.0.0.1:{self.ports[BROKER]}", "broker")
        self.cluster = self.nodes[1].random_uuid()
        self.printed = {}

    def node(self, i, listeners, roles):
        node = Node(self.kind, a.dir / self.kind / str(i), i, ports=(self.ports[i], self.ports[i]), process_roles=roles, listeners=listeners,
                    advertised_listeners=listeners, controller_quorum_bootstrap_servers=self.servers, **PATIENT)
        del node.properties["controller.quorum.voters"]
        node.configure()
        return node

    def directory(self, i):
        return self.nodes[i].meta_properties()["directory.id"]

    def way(self, at):
        return "metadata-quorum", "--bootstrap-server" if at == BROKER else "--bootstrap-controller", f"127.0.0.1:{self.ports[at]}"

    def ask(self, tool, at, *args, ok=True):
        return run(TOOLS[tool], *self.way(at), *args, ok=ok)

    def config(self, name, of, *edits):
        """The configuration of a node, otherwise."""
        text = self.nodes[of].file.read_text()
        for pattern, by in edits:
            text = re.sub(pattern, by, text, flags=re.M)
        file = a.dir / self.kind / f"{name}.properties"
        file.write_text(text)
        return file

    def voters(self, *want):
        """Waits until these vote, as any of the controllers says."""
        end = time.monotonic() + LIMIT_S
        while True:
            said = [self.ask("ours", at, "describe", "--status", ok=False).stdout for at in (1, 2, 3) if self.nodes[at].alive()]
            found = [sorted(map(int, re.findall(r'"id": (\d+)', line))) for text in said for line in text.splitlines() if line.startswith("CurrentVoters")]
            if list(want) in found:
                return
            if time.monotonic() > end:
                raise AssertionError(f"the voters are {found}, and not {want}")
            time.sleep(0.1)

    def plain(self, text):
        """A tool's text without what is different in each quorum."""
        for i, port in self.ports.items():
            text = text.replace(str(port), f"<port {i}>")
            if (self.nodes[i].dirs[0] / "meta.properties").exists():
                text = text.replace(self.directory(i), f"<directory {i}>")
        text = text.replace(self.cluster, "<cluster>")
        text = re.sub(r"directoryId=[\w-]{22}\b", "directoryId=<another>", text)
        return re.sub(r"\[(ReplicaKey\(.*?\)(?:, ReplicaKey\(.*?\))*)\]", lambda found: str(sorted(re.findall(r"ReplicaKey\(.*?\)", found[1]))), text)

    def note(self, name, text):
        self.printed[name] = self.plain(text)

    def start(self):
        for i, node in self.nodes.items():
            kind = {1: ["--standalone"], BROKER: []}.get(i, ["--no-initial-controllers"])
            node.storage("format", "-t", self.cluster, "-c", node.file, *kind)
            if i != 4:
                node.spawn()
        self.voters(1)
        self.serve()

    def serve(self):
        """Waits until all do that run."""
        end = time.monotonic() + LIMIT_S
        while not all(asked(node) is not None if i != BROKER else node.names_a_broker() for i, node in self.nodes.items() if node.alive()):
            assert time.monotonic() < end, "; ".join(f"{i}: {node.said()[-300:]}" for i, node in self.nodes.items())
            time.sleep(0.1)

    def describe(self, at):
        """Both tools say the same of it."""
        def status(tool):
            return re.sub(r"(HighWatermark|MaxFollowerLag|MaxFollowerLagTimeMs): +\S+", r"\1", told(TOOLS[tool], *self.way(at), "describe", "--status"))

        def rows(tool):
            return [re.sub(" +", " ", re.sub(r"\t-?\d+ *", "\tN", line).rstrip()) for line in told(TOOLS[tool], *self.way(at), "describe", "--replication").splitlines()]
        unless_changed(lambda: rows("ours"), lambda ours: eq(rows("stock"), ours, "describe --replication"))
        text = unless_changed(lambda: status("ours"), lambda ours: eq(status("stock"), ours, "describe --status") or ours)
        self.note(f"describe --status at {at}", re.sub(r"LeaderEpoch: +\S+", "", text))

    def added(self, tool, i, at, *want):
        # It must have caught up before.
        self.observes(i)
        change_voters(lambda: self.ask(tool, at, "--command-config", self.nodes[i].file, "add-controller", ok=False),
                      re.escape(f"Added controller {i} with directory id {self.directory(i)} and endpoints: CONTROLLER://127.0.0.1:{self.ports[i]}\n"))
        self.voters(*want)

    def observes(self, i):
        """Waits until it lacks nothing, as the leader says."""
        end = time.monotonic() + LIMIT_S
        while True:
            rows = [line.split() for line in told(KRAFTIG, *self.way(BROKER), "describe", "--replication").splitlines()]
            if any(row[:2] == [str(i), self.directory(i)] and row[3] == "0" and row[-1] == "Observer" for row in rows):
                return
            assert time.monotonic() < end, f"controller {i} is not an observer that has all: {rows}"

    def removed(self, tool, i, at, *want):
        change_voters(lambda: self.ask(tool, at, "remove-controller", "-i", i, "-d", self.directory(i), ok=False),
                      re.escape(f"Removed  KRaft controller {i} with directory id {self.directory(i)}\n"))
        self.voters(*want)

    def refused(self, name, *args, at=1):
        """Both tools are refused, ours with the text of stock's error."""
        said = {}
        for tool in TOOLS:
            r = self.ask(tool, at, *args, ok=False)
            eq(r.returncode, 1, f"{name}: the status of {tool}'s tool")
            self.note(f"{name}, {tool}'s tool", r.stderr + r.stdout if tool == "ours" else error(r.stderr + r.stdout))
            said[tool] = self.plain(r.stderr + r.stdout)
        has(said["stock"], said["ours"].strip())

    def refusals(self):
        add = lambda file: ("--command-config", file, "add-controller")
        remove = lambda i, directory: ("remove-controller", "-i", i, "-d", directory)
        self.refused("a voter again", *add(self.nodes[1].file))
        other = Node(self.kind, a.dir / self.kind / "other", 2)
        other.properties = {**self.nodes[2].properties, "log.dirs": other.dirs[0]}
        other.configure()
        other.storage("format", "-t", self.cluster, "-c", other.file, "--no-initial-controllers")
        self.refused("the id of a voter with another directory", *add(other.file))
        self.refused("who is not there", *add(self.nodes[4].file))
        self.refused("who has fetched nothing", *add(self.config("elsewhere", 4, (f":{self.ports[4]}$", f":{self.ports[3]}"))))
        self.refused("without the controllers' listener", *add(self.config("listener", 4, ("CONTROLLER", "OTHER"))))
        self.refused("a voter with another directory", *remove(2, self.directory(1)))
        self.refused("who is no voter", *remove(4, self.directory(4)))
        self.refused("who is no voter, through the broker", *remove(4, self.directory(4)), at=BROKER)
        self.refused("a voter again, through the broker", *add(self.nodes[1].file), at=BROKER)

    def explained(self, sentence, others):
        """`quorum explain` says so, and that so many of those that answer do not vote."""
        end = time.monotonic() + LIMIT_S
        while True:
            said = run(KRAFTIG, "quorum", "explain", "--bootstrap-controller", ",".join(f"127.0.0.1:{self.ports[i]}" for i in (1, 2, 3)), ok=False).stdout
            found = len(re.findall(r"^\S+ \(no voter\)", said, re.M))
            if re.fullmatch(sentence, said.splitlines()[-1]) and found == others:
                return
            if time.monotonic() > end:
                raise AssertionError(f"{sentence!r} without {others}: it says {said}")
            time.sleep(0.1)

    def last_voter(self):
        self.refused("the last voter", "remove-controller", "-i", 3, "-d", self.directory(3), at=3)

    def dry_runs(self):
        add = ("--command-config", self.nodes[2].file, "add-controller", "--dry-run")
        gone = ("remove-controller", "--controller-id", 1, "--controller-directory-id", self.directory(1), "--dry-run")
        for args in (add, gone):
            eq(self.ask("ours", 1, *args).stdout, self.ask("stock", 1, *args).stdout, f"{args[-2]} --dry-run")
        self.voters(1)

    def run(self):
        ours = f"{self.kind}: "
        if not check(ours + "start with one voter", self.start):
            return
        check(ours + "dry runs print what stock's tool prints", self.dry_runs)
        check(ours + "add the second with stock's tool, asked through an observer", self.added, "stock", 2, 3, 1, 2)
        check(ours + "add the third, asked through the broker", self.added, "ours", 3, BROKER, 1, 2, 3)
        check(ours + "explain", self.explained, r"Node 1 leads epoch \d+, and all 3 voters are with it\.", 0)
        check(ours + "describe", self.describe, 1)
        check(ours + "describe, asked through the broker", self.describe, BROKER)
        check(ours + "what is refused", self.refusals)
        check(ours + "remove a follower", self.removed, "ours", 2, 1, 1, 3)
        check(ours + "add it again with our tool", self.added, "ours", 2, 1, 1, 2, 3)
        check(ours + "remove it with stock's tool, asked through the broker", self.removed, "stock", 2, BROKER, 1, 3)
        check(ours + "remove the leader", self.removed, "ours", 1, 1, 3)
        check(ours + "explain with two that were removed", self.explained, r"Node 3 leads epoch \d+\.", 2)
        check(ours + "remove the last voter", self.last_voter)
        check(ours + "add one while the next leader is elected", self.added, "ours", 1, 2, 1, 3)
        for one in reversed(self.nodes.values()):
            if one.alive():
                check(ours + f"stop node {one.node_id}", one.stop)


class Upgrade(Quorum):
    """Three controllers whose voters are static."""

    def __init__(self, kind):
        self.kind = kind
        self.ports = dict(zip((1, 2, 3), free_ports(3)))
        self.voters_config = ",".join(f"{i}@127.0.0.1:{p}" for i, p in self.ports.items())
        self.nodes = {i: self.node(i) for i in self.ports}
        self.cluster = self.nodes[1].random_uuid()
        self.printed = {}

    def node(self, i):
        at = f"CONTROLLER://127.0.0.1:{self.ports[i]}"
        return Node(self.kind, a.dir / f"{self.kind}-static" / str(i), i, ports=(self.ports[i], self.ports[i]), process_roles="controller", listeners=at, advertised_listeners=at,
                    controller_quorum_voters=self.voters_config, controller_quorum_request_timeout_ms=10_000)

    def features(self, *args, ok=True):
        return kafka("features", "--bootstrap-controller", f"127.0.0.1:{self.ports[1]}", *args, ok=ok)

    def start(self):
        for node in self.nodes.values():
            node.format(self.cluster)
            node.spawn()
        self.voters(1, 2, 3)
        self.serve()

    def is_finalized(self, level):
        has(self.features("describe").stdout, f"Feature: kraft.version\tSupportedMinVersion: 0\tSupportedMaxVersion: 1\tFinalizedVersionLevel: {level}\t")

    def refused_features(self):
        for args in (("upgrade", "--feature", "nope=1"), ("upgrade", "--feature", "kraft.version=2"), ("downgrade", "--feature", "nope=0")):
            r = self.features(*args, ok=False)
            self.note(" ".join(args), re.sub(r"ocal controller \d", "ocal controller N", f"{r.returncode} {r.stdout}{r.stderr}"))
        if self.kind == "kraftig":  # stock upgrades it although it says that it has not
            r = self.features("upgrade", "--feature", "kraft.version=1", "--feature", "nope=1", ok=False)
            eq(r.returncode, 1, "the status with a feature that nobody knows")
        self.is_finalized(0)

    def upgraded(self):
        end = time.monotonic() + LIMIT_S
        while (r := self.features("upgrade", "--feature", "kraft.version=1", ok=False)).returncode:
            # A stock controller has two ways to write the version.
            has(r.stdout + r.stderr, "Invalid upgrade of kraft.version to ", "because not all of the voters support it")
            if time.monotonic() > end:
                raise AssertionError(f"it is not upgraded: {r.stdout}{r.stderr}")
        self.note("upgrade", r.stdout)
        self.is_finalized(1)
        r = self.features("downgrade", "--feature", "kraft.version=0", ok=False)
        self.note("downgrade", f"{r.returncode} {r.stdout}{r.stderr}")

    def removed_one(self):
        leader = int(re.search(r"LeaderId: +(\d)", self.ask("ours", 1, "describe", "--status").stdout)[1])
        gone = leader % 3 + 1
        self.removed("stock", gone, leader, *sorted({1, 2, 3} - {gone}))

    def run(self):
        ours = f"{self.kind}, static voters: "
        if not check(ours + "start", self.start):
            return
        check(ours + "features that are refused", self.refused_features)
        check(ours + "kraft.version 1", self.upgraded)
        check(ours + "remove one", self.removed_one)
        for one in self.nodes.values():
            check(ours + f"stop node {one.node_id}", one.stop)


def error(text):
    """The first error of a stack trace."""
    found = re.search(r"(?:[a-z]+\.)+errors\.\w+: .*", text)
    return found[0] if found else text


def same(quorums):
    """What is printed is the same on the first one and on the others."""
    first, *others = quorums
    for other in others:
        eq(sorted(other.printed), sorted(first.printed), "what was asked")
        differs = [f"{name}: {text!r} on {first.kind} and {other.printed[name]!r} on {other.kind}" for name, text in first.printed.items() if other.printed[name] != text]
        if differs:
            raise AssertionError("; ".join(differs))


def refused_files():
    """What our tool refuses by itself, with stock's text."""
    node = Node("stock", a.dir / "files", 2, process_roles="controller", listeners="CONTROLLER://127.0.0.1:9", advertised_listeners="CONTROLLER://127.0.0.1:9", controller_quorum_bootstrap_servers="127.0.0.1:9")
    del node.properties["controller.quorum.voters"]
    node.configure()
    node.storage("format", "-t", node.random_uuid(), "-c", node.file, "--no-initial-controllers")
    at = "metadata-quorum", "--bootstrap-controller", "127.0.0.1:9"

    def both(*args):
        mine, theirs = run(KRAFTIG, *at, *args, ok=False), kafka(*at, *args, ok=False)
        eq((mine.returncode, theirs.returncode), (1, 1), f"the statuses of {args}")
        has(theirs.stderr + theirs.stdout, mine.stderr.strip())

    file = node.base / "wrong.properties"
    own = node.file.read_text()
    for without in ("process.roles", "node.id", "log.dirs", "controller.listener.names"):
        file.write_text("".join(line for line in own.splitlines(True) if not line.startswith(without)))
        both("--command-config", file, "add-controller", "--dry-run")
    file.write_text(re.sub("log.dirs=.*", f"log.dirs={a.dir}/nothing", own))
    both("--command-config", file, "add-controller", "--dry-run")
    both("--command-config", a.dir / "no-file", "add-controller", "--dry-run")
    both("add-controller")
    both("remove-controller", "-i", -3, "-d", node.meta_properties()["directory.id"])
    has(run(KRAFTIG, *at, "remove-controller", "-i", 1, "-d", "xx", ok=False).stderr, "Failed to parse --controller-directory-id: ")
    file.write_text(own.replace("node.id=2", "node.id=7"))  # stock adds a voter that is nowhere
    has(run(KRAFTIG, *at, "--command-config", file, "add-controller", "--dry-run", ok=False).stderr, "node.id=7 is not the 2 of meta.properties")


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


check("what our tool refuses by itself", refused_files)
check("static voters of ours", static_voters)
for kind_of in (Quorum, Upgrade):
    quorums = [kind_of(kind) for kind in a.quorums.split(",")]
    for quorum in quorums:
        quorum.run()
    check("what the tools print is the same on all quorums", same, quorums)
check.finish()
