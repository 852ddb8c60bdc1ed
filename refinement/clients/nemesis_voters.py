"""Voters that come and go (KIP-853): an operator who adds and removes them with the tool, until it is done."""
import subprocess
import threading
import time

from node import KRAFTIG, LIMIT_S, one_line, run

ASK_S = 15  # one call of the tool


class Operator:
    """Knows who shall vote. A quorum of n has one more controller than voters, or as many just after one was added."""

    def __init__(self, controllers, voters, rng):
        self.controllers, self.rng = controllers, rng
        self.voters = {node.node_id: directory(node) for node in controllers[:voters]}
        self.thread = None
        self.said = []

    def begin(self, *changes):
        """The changes, one after the other, beside whatever else happens."""
        assert self.thread is None
        self.thread = threading.Thread(target=lambda: [self._until_done(*change) for change in changes], daemon=True)
        self.changes = changes
        self.thread.start()

    def change(self):
        """Whoever does not vote shall, or else anybody shall no longer: so the loss of any one leaves a majority."""
        away = [node for node in self.controllers if node.node_id not in self.voters]
        self.begin(("add", away[0]) if away else ("remove", self.rng.choice(self.controllers)))

    def replace(self, node):
        """Its disk was lost: the directory that voted is removed, and the new one is added."""
        self.begin(("remove", node), ("add", node))

    def end(self):
        """Waits until the voters are those that were asked for."""
        if self.thread is not None:
            limit = LIMIT_S * len(self.changes)
            self.thread.join(limit)
            names = [(what, node.node_id) for what, node in self.changes]
            assert not self.thread.is_alive(), f"voters were not changed within {limit} s: {names}, {self.said[-3:]}"
            self.thread = None

    def _until_done(self, what, node):
        """An answer that was lost, or one that came too late, leaves open what happened. Whoever is asked again and refuses, as it is so already,
        has committed it: a leader looks at the last change first. What it merely says of who votes may be undone."""
        at = ",".join(f"{n.host}:{n.port}" for n in self.controllers)
        gone = ["remove-controller", "-i", node.node_id, "-d", self.voters.get(node.node_id, "")]
        already = "is already part of the set of voters" if what == "add" else "Cannot remove voter"
        args = ["--command-config", node.file, "add-controller"] if what == "add" else gone
        while True:
            try:
                r = run(KRAFTIG, "metadata-quorum", "--bootstrap-controller", at, *args, ok=False, limit=ASK_S)
                self.said.append(one_line(r.stdout + r.stderr, 200))
                if r.returncode == 0 or already in r.stderr:
                    break
            except subprocess.TimeoutExpired:
                self.said.append(f"no answer within {ASK_S} s")
            time.sleep(0.2)
        if what == "add":
            self.voters[node.node_id] = directory(node)
        else:
            del self.voters[node.node_id]


def directory(node):
    return node.meta_properties()["directory.id"]
