#!/usr/bin/env python3
"""A voter is removed, and nobody but itself holds the record of that: the quorum must go on.

    removed_voter.py [--quorums KINDS ...] [--break]         (default: kk ks; the removed one and the other, s is stock Kafka, k is ours)

A controller is added to another one, which leads, and removed again. Both are killed, and the other one loses the record from its log, as it would
if the removed one had written it to its disk first. The other needs the vote of the removed, whose log is ahead of its own, so it is
refused; only the removed can be elected, and only to commit its own removal (Ongaro 2014, 4.2.2). In the end the other one leads alone,
and the removed is made a voter again.

A stock controller that is removed does not campaign: with --quorums ss nobody leads again, and the status is 1 after some minutes. With --break the removed one
stays down, so that nobody can lead: the status must be 1.

Needs Java and Maven for stock Kafka. One line a check, "ok NAME" or "FAILED NAME why"; the last line counts them.
"""
import time

from mixed_quorum import KINDS, asked, batches
from node import KRAFTIG, LIMIT_S, Checks, Node, arguments, change_voters, eq, free_ports, one_line, run

CONTROL = 0x20  # of a batch's attributes
VOTERS = bytes((0, 0, 0, 6))  # the key of a VotersRecord: version and type

check = Checks()


class Pair:
    def __init__(self, kinds, base, stays_down):
        self.stays_down, self.limit_s = stays_down, LIMIT_S
        ports = free_ports(2)
        servers = ",".join(f"127.0.0.1:{port}" for port in ports)
        self.removed, self.other = (self.node(KINDS[kind], base / kinds / str(i), i, port, servers) for i, (kind, port) in enumerate(zip(kinds, ports), 1))
        self.both = (self.removed, self.other)

    def node(self, kind, base, i, port, servers):
        listeners = f"CONTROLLER://127.0.0.1:{port}"
        node = Node(kind, base, i, ports=(port, port), process_roles="controller", listeners=listeners, controller_quorum_bootstrap_servers=servers)
        for key in ("advertised.listeners", "controller.quorum.voters"):
            del node.properties[key]
        node.configure()
        return node

    def until(self, what, test):
        """What one that leads says, once it passes the test: who leads, its epoch, its high watermark, and how far the voters are."""
        end = time.monotonic() + self.limit_s
        while True:
            found = [said for node in self.both if (said := asked(node))]
            if passed := [said for said in found if test(*said)]:
                return passed[0]
            assert time.monotonic() < end, f"not {what} within {self.limit_s} s: {found}; " + "; ".join(one_line(node.said()[-400:]) for node in self.both)
            time.sleep(0.05)

    def directory(self, node):
        return node.meta_properties()["directory.id"]

    def ask(self, *args):
        leader, *_ = self.until("led", lambda *_: True)
        at = next(node for node in self.both if node.node_id == leader)
        return run(KRAFTIG, "metadata-quorum", "--bootstrap-controller", f"127.0.0.1:{at.controller_port}", *args, ok=False)

    def start(self):
        """The other one begins alone, so that it leads."""
        cluster = self.other.random_uuid()
        for node, kind in ((self.other, "--standalone"), (self.removed, "--no-initial-controllers")):
            node.storage("format", "-t", cluster, "-c", node.file, kind)
            node.spawn()
        self.until("a commit", lambda leader, epoch, high_watermark, voters: high_watermark > 0)

    def add(self):
        name, directory = self.removed.node_id, self.directory(self.removed)
        change_voters(lambda: self.ask("--command-config", self.removed.file, "add-controller"), f"Added controller {name} with directory id {directory} .*\n")
        _, self.epoch, *_ = self.until("both vote", lambda leader, epoch, high_watermark, voters: sorted(voters) == [1, 2])

    def remove(self):
        """Until the removed one has the record of it, which the other one has committed alone."""
        name = self.removed.node_id
        change_voters(lambda: self.ask("remove-controller", "-i", name, "-d", self.directory(self.removed)), f"Removed  KRaft controller {name} with directory id .*\n")
        self.until("the other alone", lambda leader, epoch, high_watermark, voters: list(voters) == [self.other.node_id])
        end = time.monotonic() + LIMIT_S
        while len(naming(self.removed)) < 3:
            assert time.monotonic() < end, "the removed one does not get the record"
            time.sleep(0.05)
        for node in self.both:
            node.kill()

    def lose(self):
        for node, holds in ((self.removed, True), (self.other, False)):
            at, batch = naming(node)[2]
            with open(node.metadata_log, "r+b") as file:
                file.truncate(at + len(batch) * holds)
            # What is committed is in no snapshot yet.
            eq([file.name for file in node.metadata_log.parent.glob("*.checkpoint") if not file.name.startswith("0" * 20)], [], "snapshots")
            eq(len(naming(node)), 2 + holds, "batches that name voters")

    def goes_on(self):
        before = self.epoch
        self.other.spawn()
        if self.stays_down:
            self.limit_s = 20
        else:
            self.removed.spawn()
        found = self.until("the other leads alone", lambda leader, epoch, high_watermark, voters: leader == self.other.node_id and list(voters) == [leader] and high_watermark > 0)
        assert found[1] > before, found
        eq(len(naming(self.other)), 3, "batches that name voters")

    def comes_back(self):
        self.add()
        for node in self.both:
            node.kill()


def naming(node):
    """Where the batches of a log begin that name the voters, and their bytes."""
    at, found = 0, []
    for _, batch in batches(node.metadata_log, 1 << 62):
        if batch[22] & CONTROL and VOTERS in batch[61:]:
            found.append((at, batch))
        at += len(batch)
    return found


def main():
    a = arguments(__doc__, quorums={"nargs": "+", "default": ["kk", "ks"], "metavar": "KINDS"},
                  **{"break": {"action": "store_true", "help": "it must be seen, and the status 1"}})
    for kinds in a.quorums:
        pair = Pair(kinds, a.dir, getattr(a, "break"))

        def step(text, function, kinds=kinds):
            return check(f"{kinds}: {text}", function)

        if step("start", pair.start) and step("another is added", pair.add) and step("it is removed", pair.remove) and step("the other loses the record", pair.lose):
            if step("the quorum goes on", pair.goes_on):
                step("the removed one comes back", pair.comes_back)
    check.finish()


if __name__ == "__main__":
    main()
