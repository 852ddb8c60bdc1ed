#!/usr/bin/env python3
"""`kraftig quorum explain` on quorums of processes: what it says when controllers are up, down, paused, of another cluster, or without room.

    explain.py

Three controllers of ours, then three of stock Kafka, with static voters. What is said is compared word by word; where a quorum needs time
to get where it must, the question is asked again until the sentence is there. Small disks are tmpfs: this must run as root. Needs Java
and Maven for stock. One line a check, "ok NAME" or "FAILED NAME why"; the last line counts them.
"""
import atexit
import json
import os
import re
import signal
import subprocess
import time

from node import KAFKA, KRAFTIG, LIMIT_S, Checks, Node, arguments, eq, free_ports, has, run, told, unless_changed

a = arguments(__doc__)
check = Checks()


class Quorum:
    def __init__(self, name, kind="kraftig", foreign=(), small=False):
        self.ports = dict(zip((1, 2, 3), free_ports(3)))
        voters = ",".join(f"{i}@127.0.0.1:{p}" for i, p in self.ports.items())
        self.nodes = {}
        for i, port in self.ports.items():
            node = Node(kind, a.dir / name / str(i), i, ports=(port, port), process_roles="controller", listeners=f"CONTROLLER://127.0.0.1:{port}",
                        advertised_listeners=f"CONTROLLER://127.0.0.1:{port}", controller_quorum_voters=voters)
            self.nodes[i] = node
        self.cluster = self.nodes[1].random_uuid()
        self.other = self.nodes[1].random_uuid()
        for i, node in self.nodes.items():
            if small:
                node.dirs[0].mkdir()
                subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "kraftig-explain", node.dirs[0]], check=True)
                atexit.register(subprocess.run, ["umount", "-l", node.dirs[0]], check=False)
            node.format(self.other if i in foreign else self.cluster)

    def spawn(self, *ids):
        for i in ids:
            self.nodes[i].spawn()

    def kill(self, *ids):
        for i in ids:
            self.nodes[i].kill()

    def ballast(self, i):
        return self.nodes[i].dirs[0] / "ballast"

    def fill(self, i):
        """Leaves a MiB."""
        with open(self.ballast(i), "ab") as file:
            found = os.statvfs(self.nodes[i].dirs[0])
            os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - (1 << 20))

    def ask(self, *args, at=(1, 2, 3)):
        """(status, what it says)"""
        r = run(KRAFTIG, "quorum", "explain", "--bootstrap-controller", ",".join(f"127.0.0.1:{self.ports[i]}" for i in at), *args, ok=False)
        eq(r.stderr, "", "standard error")
        return r.returncode, r.stdout

    def until(self, pattern, at=(1, 2, 3), others=()):
        """Asks until the sentence matches; before that it has to be one of the others, if there are any. Gives the match."""
        end = time.monotonic() + LIMIT_S
        while True:
            status, text = self.ask(at=at)
            sentence = text.splitlines()[-1]
            if found := re.fullmatch(pattern, sentence):
                eq(status, 0 if sentence.startswith("Node ") else 1, f"status of {sentence!r}")
                print(f"   {sentence}", flush=True)
                return found
            if others and not any(re.fullmatch(other, sentence) for other in others):
                raise AssertionError(f"it says {sentence!r}")
            if time.monotonic() > end:
                raise AssertionError(f"it still says {sentence!r}, not {pattern!r}")

    def leader(self):
        found = self.until(ALL)
        return int(found[1]), int(found[2])


ALL = r"Node (\d) leads epoch (\d+), and all 3 voters are with it\."
ELECTION = [
    r"No leader: node \d, who led epoch \d+, (refuses connections|does not answer|leads no more); .* are a majority and elect another\.",
    r"No leader: \d(, \d)? asks whether an election after epoch \d+ would be won, and has no majority for it yet\.",
    r"No leader: an election is under way in epoch \d+; \d(, \d)? asks for votes\.",
    r"No leader: \d, \d(, \d)? are a majority and know no leader of epoch \d+, so an election is due\.",
    r"No leader: the votes of epoch \d+ are split \(.*\), so another election follows\.",
    r"No leader: node \d leads epoch \d+ and does not know yet that .*",
    r"No leader that can commit: only 1 of 3 voters are with node .*",
    r"Node \d leads epoch \d+; .*",
    # On a busy machine.
    r"No leader: \d of 3 voters cannot be reached \(.*\b\d does not answer.*\), so there is no majority\.",
]


def refuses(*ids):
    return ", ".join(f"{i} refuses connections" for i in sorted(ids))


def status(tool):
    return told(tool, "metadata-quorum", "--bootstrap-controller", f"127.0.0.1:{ours.ports[1]}", "describe", "--status")


def led():
    """Who leads, once the others have been told how far the log is committed."""
    end = time.monotonic() + LIMIT_S
    while True:
        found = ours.leader()
        said = json.loads(ours.ask("--json")[1])["controllers"]
        if all(one.get("highWatermark") is not None for one in said):
            return found
        assert time.monotonic() < end, f"not all know the high watermark: {said}"


def all_up():
    ours.spawn(1, 2, 3)
    unless_changed(led, all_say)


def all_say(leader):
    lead, epoch = leader
    for at in ((1,), (2,), (3,), (1, 2, 3)):  # any of them leads to all
        found = ours.until(ALL, at)
        eq((int(found[1]), int(found[2])), leader, f"the leader and its epoch, asked at {at}")
    has(status(KRAFTIG), f"LeaderId:               {lead}\n", f"LeaderEpoch:            {epoch}\n")
    ended, text = ours.ask("--json")
    said = json.loads(text)
    eq((ended, said["leaderId"], said["leaderEpoch"]), (0, lead, epoch), "the leader in JSON")
    for one in said["controllers"]:
        i = one["id"]
        directory = ours.nodes[i].meta_properties()["directory.id"]
        eq((one["role"], one["reachable"], one["voter"]), ("Leader" if i == lead else "Follower", "answers", True), f"node {i}")
        eq((one["epoch"], one["leaderId"], one["clusterId"], one["directoryId"]), (epoch, lead, ours.cluster, directory), f"node {i}")
        eq(0 <= one["highWatermark"] <= one["logEndOffset"] and one["flushedOffset"] <= one["logEndOffset"], True, f"the offsets of node {i}: {one}")
    voted = [one["votedId"] for one in said["controllers"] if one["id"] != lead]
    eq(lead in voted, True, f"that a follower voted for {lead}: {voted}")


def stock_skips_it():
    """Stock's tool reads what ours answers."""
    def same(leader):
        has(status(KAFKA), f"LeaderId:               {leader[0]}\n", f"LeaderEpoch:            {leader[1]}\n")
    unless_changed(ours.leader, same)


def one_down(quorum):
    lead, _ = quorum.leader()
    gone = next(i for i in quorum.nodes if i != lead)
    quorum.kill(gone)
    # On a busy machine another may lead by now.
    lead = int(quorum.until(rf"Node ([^{gone}]) leads epoch \d+; {refuses(gone)}\.")[1])
    (stays,) = set(quorum.nodes) - {lead, gone}
    return lead, gone, stays


def two_down(quorum):
    lead, gone, stays = one_down(quorum)
    quorum.kill(lead)
    want = rf"No leader: 2 of 3 voters cannot be reached \({refuses(gone, lead)}\), so there is no majority\."
    if quorum.nodes[stays].kind == "stock":  # who does not lead does not say who votes
        want = (rf"No leader (of epoch \d+ is named by {stays}|can be seen: node {lead}, who led epoch \d+, refuses connections); "
                rf"1 of 3 registered controllers can be reached \({refuses(gone, lead)}\), and nobody says which of them vote\.")
    quorum.until(want, at=(stays,))
    quorum.until(want)
    eq(json.loads(quorum.ask("--json")[1])["leaderId"], None, "the leader in JSON")
    return lead, gone, stays


def nobody_up(quorum):
    stays = next(i for i, node in quorum.nodes.items() if node.alive())
    quorum.kill(stays)
    at = ", ".join(f"127.0.0.1:{p} refuses connections" for p in sorted(quorum.ports.values()))
    quorum.until(re.escape(f"No leader can be seen: nobody answers ({at})."))
    quorum.spawn(*quorum.nodes)
    quorum.leader()


def leader_killed():
    lead, epoch = ours.leader()
    ours.kill(lead)
    found = ours.until(rf"Node (\d) leads epoch (\d+); {refuses(lead)}\.", others=ELECTION)
    eq(int(found[1]) != lead and int(found[2]) > epoch, True, f"that another leads a later epoch than {epoch}: {found[0]}")
    ours.spawn(lead)
    ours.leader()


def paused(which):
    """An election that comes by chance, as on a busy machine, does not come each time."""
    end = time.monotonic() + LIMIT_S
    while paused_once(which) != (which == "follower"):
        assert which == "follower" and time.monotonic() < end, f"the leader is {'another' if which == 'follower' else 'the same'}"


def paused_once(which):
    """Whether the leader is the same meanwhile."""
    lead, epoch = ours.leader()
    others = [i for i in ours.nodes if i != lead]
    stopped = {"follower": others[:1], "leader": [lead], "two": [lead, others[0]]}[which]
    for i in stopped:
        ours.nodes[i].process.send_signal(signal.SIGSTOP)
    silent = ", ".join(f"{i} does not answer" for i in sorted(stopped))
    if which == "two":
        ours.until(rf"No leader: 2 of 3 voters cannot be reached \({silent}\), so there is no majority\.")
        same = False
    else:
        found = ours.until(rf"Node (\d) leads epoch (\d+); {silent}\.", others=ELECTION)
        same = (int(found[1]), int(found[2])) == (lead, epoch)
    for i in stopped:
        ours.nodes[i].process.send_signal(signal.SIGCONT)
    ours.leader()
    return same


def another_cluster():
    """Node 3 is of another cluster, and node 1 is down: nobody has a majority of its own."""
    mixed = Quorum("mixed", foreign=(3,))
    mixed.spawn(2, 3)
    mixed.until(re.escape(f"No leader: 2 of 3 voters cannot take part (1 refuses connections, 3 is of another cluster, {mixed.other}), so there is no majority."))
    mixed.kill(2, 3)


def stock_all_up():
    stock.spawn(1, 2, 3)

    def all_say(leader):
        lead, epoch = leader
        said = {one["id"]: one for one in json.loads(stock.ask("--json")[1])["controllers"]}
        eq(sorted(said), [1, 2, 3], "who votes")
        for i, one in said.items():
            eq((one["role"], one["epoch"], one["leaderId"], one["clusterId"]), ("Leader" if i == lead else None, epoch, lead, stock.cluster), f"node {i}")
    unless_changed(stock.leader, all_say)


def full_disks():
    """File systems of 64 MiB; a node wants 16 MiB to be left."""
    full = Quorum("full", small=True)
    full.spawn(1, 2, 3)
    first, _ = full.leader()
    full.fill(first)
    # It says that its disk is full a moment before it resigns.
    second = int(full.until(rf"Node ([^{first}]) leads epoch \d+; the disk of {first} is full\.", others=[ALL, *ELECTION])[1])
    full.fill(second)
    both = sorted((first, second))
    full.until(rf"No leader: only 1 of 3 voters can be reached and have room on their disks \(no room: {both[0]}, {both[1]}\), so there is no majority\."
               rf"|No leader that can commit: only 1 of 3 voters are with node \d, who leads epoch \d+ and is about to resign \(the disk of {both[0]} is full, the disk of {both[1]} is full\)\.")
    for i in both:
        full.ballast(i).unlink()
    full.leader()
    full.kill(1, 2, 3)


ours = Quorum("ours")
check("all are up", all_up)
check("stock's tool skips what ours tells beside", stock_skips_it)
check("one is down, then two", two_down, ours)
check("all are down", nobody_up, ours)
check("the leader is killed", leader_killed)
for who in ("follower", "leader", "two"):
    check(f"paused: {who}", paused, who)
ours.kill(*ours.nodes)
check("one of another cluster", another_cluster)
check("full disks", full_disks)
stock = Quorum("stock", kind="stock")
check("stock: all are up", stock_all_up)
check("stock: one is down, then two", two_down, stock)
check.finish()
