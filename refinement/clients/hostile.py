#!/usr/bin/env python3
"""Hostile peers: raw frames against both ports of a node, while a good client goes on working.

    hostile.py [--server kraftig|stock] [--both] [--only PATTERN] [--break HOW] [--breaks]

Each case is one attack. During it a good client produces and asks for metadata; its latency is printed beside that of an idle node. After it the
node must run, lead in the epoch in which it led before, and take a new topic; its memory must have stayed below a bound; and no request of the
good client may have failed or taken longer than LIMIT_MS. Of stock Kafka nothing is required: what became of it is written down, and where it has
ended or does not lead any more, a new one is made for the next case. The last lines are a table for papers/hostile.md.

--break makes the suite fail, to show that it can: `memory` takes the node's bound of memory away, `stall` stops the process for a while, `end`
kills it, `depose` starts it again, in another epoch. --breaks runs the suite once for each of them and requires that the right case fails.
"""
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import threading
import time

import hostile_wire as wire
from hostile_cases import CASES, CLOSED
from hostile_load import GoodClient
from node import LIMIT_S, Checks, Node, arguments, kafka, one_line

LIMIT_MS = 5000  # a bound against being shut out, no measure of speed
TRIES = 3  # the good client may come off badly by chance on a busy machine; one that a node shuts out does so each time
LIMIT_MIB = 640  # twice the bound for all requests and answers, as freed memory is not given back at once, and what 10,000 connections and large requests take beside it
BREAKS = {"memory": "kept_promises", "stall": "old_epochs", "end": "sizes", "depose": "other_log"}


class LimitedNode(Node):
    """A node with so many descriptors, if any number is given."""

    descriptors = None

    def command(self, *args):
        limit = ["prlimit", f"--nofile={self.descriptors}:{self.descriptors}"] if self.descriptors and args[:2] == ("server", "start") else []
        return limit + super().command(*args)


class Suite:
    """One node under attack, and what was seen."""

    def __init__(self, kind, directory, broken=None):
        self.kind, self.directory, self.broken, self.nodes = kind, directory, broken, 0
        self.node = self.good = None
        self.rows, self.wrong, self.notes = {}, [], []

    # ---------- the node
    def fresh(self, descriptors=None):
        self.end()
        self.nodes += 1
        properties = {"auto.create.topics.enable": "false", "socket.listen.backlog.size": 4096, **({"queued.max.request.bytes": 1 << 40} if self.broken == "memory" else {})}
        self.node = LimitedNode(self.kind, self.directory / f"{self.kind}-{self.nodes}", **properties)
        self.node.descriptors = descriptors
        self.node.format()
        self.node.start()
        self.broker, self.controller = self.ports = self.node.port, self.node.controller_port
        for name, partitions in (("good", 1), ("big", 1), ("wide", 100)):
            self.create(name, partitions)
        # Leads it, as Metadata says: a produce request before that would fail.
        self.fill("good", 0)
        self.leader, self.epoch = wire.leadership(self.controller)
        self.good = GoodClient(self.broker, "good")
        self.topics = 0

    def end(self):
        if self.good:
            self.good.end()
        if self.node and self.node.alive():
            self.node.kill()
        self.good = self.node = None

    def create(self, name, partitions=1):
        answer = wire.ask(self.broker, wire.create_topic(name, partitions), LIMIT_S)
        error = struct.unpack_from(">h", answer, 4 + 4 + 4 + 2 + len(name))[0]
        if error not in (0, 36):
            raise AssertionError(f"creating topic {name}: error {error}")

    def fill(self, topic, megabytes):
        """Records of 900 kB. A stock node leads a topic some time after it was created: they are sent until they are taken."""
        frame = wire.produce(topic, wire.plain_batch(bytes(900_000 if megabytes else 1)))
        end = time.monotonic() + LIMIT_S
        with wire.connect(self.broker, LIMIT_S) as s:
            for _ in range(max(megabytes, 1)):
                while True:
                    s.sendall(frame)
                    if struct.unpack_from(">h", wire.receive(s), 4 + 4 + 2 + len(topic) + 4 + 4)[0] == 0:
                        break
                    if time.monotonic() > end:
                        raise AssertionError(f"{topic} takes no records")

    def memory(self, what="VmRSS"):
        """In MiB."""
        status = open(f"/proc/{self.node.process.pid}/status").read()
        return int(re.search(rf"^{what}:\s+(\d+)", status, re.M)[1]) / 1024

    # ---------- what the cases use
    def ask(self, port, frame, limit=60):
        """The answer; None where the node closed the connection, or said nothing within the limit and was hung up on."""
        try:
            return wire.ask(port, frame, limit)
        except (ConnectionError, TimeoutError):
            return None

    def want(self, what, got, *wanted):
        """Judges what came back; more than one answer may be right."""
        if got not in wanted:
            self.wrong.append(f"{what}: {got}, not {' or '.join(map(str, wanted))}")

    def note(self, text):
        self.notes.append(text)

    def count(self, crowds):
        counted = [crowd.result() for crowd in crowds]
        made, closed, answers = (sum(c[k] for c in counted) for k in ("connections", "closed", "answers"))
        self.note(f"{made:,} connections, {closed:,} closed by the node" + (f", {answers:,} answers" if answers else ""))

    def served(self, port):
        answer = wire.ask(port, wire.api_versions())
        count = struct.unpack_from(">i", answer, 6)[0]
        return [struct.unpack_from(">hhh", answer, 10 + 6 * i) for i in range(count)]

    # ---------- one case
    def run(self, name, attack, seconds=1, descriptors=None):
        """Runs an attack. Gives the row for the table, what is wrong with what the node did, and how the good client came off badly."""
        if self.node is None or not self.node.alive() or self.node.descriptors != descriptors:
            self.fresh(descriptors)
        self.wrong, self.notes = [], []
        self.good.mark()
        before = self.memory()
        with open(f"/proc/{self.node.process.pid}/clear_refs", "w") as f:
            f.write("5")  # the peak begins anew
        began = time.monotonic()
        breaking = threading.Thread(target=self.break_it)
        if BREAKS.get(self.broken) == name:
            breaking.start()
        try:
            attack(self)
        except (OSError, struct.error) as e:
            self.wrong.append(f"{type(e).__name__}: {one_line(str(e))}")
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        if breaking.ident:
            breaking.join()
        outcome = self.outcome()
        latencies, errors = self.good.mark()
        alive = self.node.alive()
        peak, after = (self.memory("VmHWM"), self.memory()) if alive else (None, None)
        if alive and outcome == "serves":
            try:
                self.topics += 1
                self.create(f"after-{self.nodes}-{self.topics}")
            except (OSError, AssertionError, TypeError) as e:
                outcome = f"takes no topic: {one_line(str(e), 60)}"
        latencies.sort()
        at = lambda share: latencies[min(int(len(latencies) * share), len(latencies) - 1)] if latencies else float("nan")  # noqa: E731
        row = {"outcome": outcome, "before": before, "peak": peak, "after": after, "p50": at(0.5), "p99": at(0.99), "max": at(1),
               "operations": len(latencies), "errors": len(errors), "wrong": list(self.wrong), "notes": list(self.notes)}
        self.rows[name] = row
        wrong = list(self.wrong)
        if outcome != "serves":
            wrong.insert(0, outcome)
        badly = []
        if errors:
            badly.append(f"{len(errors)} of the good client's {len(latencies)} requests failed: {one_line(errors[0], 80)}")
        if not latencies or row["max"] > LIMIT_MS:
            badly.append(f"the good client waited {row['max']:.0f} ms")
        if peak and peak > LIMIT_MIB:
            wrong.append(f"{peak:.0f} MiB")
        if outcome != "serves":
            self.end()
        return row, wrong, badly

    def outcome(self):
        """What became of the node: it serves as before, or not."""
        if not self.node.alive():
            return f"ended ({self.node.process.returncode})"
        began = time.monotonic()
        seen = None
        while time.monotonic() < began + 60:
            if not self.node.alive():
                return f"ended ({self.node.process.returncode})"
            try:
                seen = wire.leadership(self.controller)
                if seen == (self.leader, self.epoch):
                    return "serves"
                if seen[0] == self.leader:
                    return f"deposed; leads again in epoch {seen[1]}"
            except (OSError, TypeError, struct.error) as e:
                seen = (type(e).__name__, None)
            time.sleep(0.1)
        return f"no longer leads: leader {seen[0]}, epoch {seen[1]}"

    def break_it(self):
        """What --break asks for, in the middle of the attack."""
        pid = self.node.process.pid
        if self.broken == "stall":
            os.kill(pid, signal.SIGSTOP)
            time.sleep(LIMIT_MS / 1000 + 1)
            os.kill(pid, signal.SIGCONT)
        elif self.broken == "end":
            self.node.kill()
        elif self.broken == "depose":
            self.node.kill()
            self.node.start()


def mib(value):
    return "–" if value is None else f"{value:.0f}"


def described(row):
    return (f"{row['outcome']}; memory {mib(row['before'])} → {mib(row['peak'])} → {mib(row['after'])} MiB; good client p50 {row['p50']:.2f}, p99 {row['p99']:.2f}, "
            f"max {row['max']:.1f} ms of {row['operations']}, {row['errors']} failed" + "".join(f"; {n}" for n in row["notes"]))


def idle(suite):
    """The good client alone."""


def table(suites, cases):
    head = " | ".join(f"{kind}: node | peak MiB | p50 / p99 / max ms | failed" for kind in suites)
    print(f"\n| attack | {head} |\n|---|" + "---|---:|---:|---:|" * len(suites))
    for name, what in cases:
        cells = []
        for suite in suites.values():
            row = suite.rows.get(name)
            cells.append("| | |" if row is None else f"{row['outcome']} | {mib(row['peak'])} | {row['p50']:.2f} / {row['p99']:.1f} / {row['max']:.0f} | {row['errors']} of {row['operations']}")
        print(f"| {what} | {' | '.join(cells)} |")
    print(flush=True)


def breaks(check):
    """Each way to break it, in a process of its own, on the case that must fail then."""
    for how, name in BREAKS.items():
        def fails(how=how, name=name):
            r = subprocess.run([sys.executable, __file__, "--break", how, "--only", f"^{name}$"], text=True, capture_output=True, timeout=600, check=False)
            found = re.findall(r"^FAILED (\w+)", r.stdout, re.M)
            if r.returncode != 1 or found != [name]:
                raise AssertionError(f"status {r.returncode}, failed: {found}: {one_line(r.stdout + r.stderr)}")
            print("as provoked:", one_line(next(line for line in r.stdout.splitlines() if line.startswith("FAILED"))[len("FAILED "):], 200))
        check(f"--break {how} fails {name}", fails)


def main():
    a = arguments(__doc__, only={"default": "", "metavar": "PATTERN", "help": "just the cases whose names have it"},
                  both={"action": "store_true", "help": "kraftig, then stock"},
                  **{"break": {"choices": BREAKS, "help": "make the suite fail"}}, breaks={"action": "store_true", "help": "show that it can fail"})
    check = Checks()
    if a.breaks:
        breaks(check)
        check.finish()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    cases = [("idle", "none", idle, {"seconds": 3})] + [c for c in CASES if re.search(a.only, c[0])]
    suites = {}
    for kind in ("kraftig", "stock") if a.both else (a.server,):
        if kind == "stock":
            kafka("install")
        suite = suites[kind] = Suite(kind, a.dir, getattr(a, "break"))
        for name, what, attack, options in cases:
            def judged(name=name, attack=attack, options=options, suite=suite, kind=kind):
                for _ in range(TRIES):
                    row, wrong, badly = suite.run(name, attack, **options)
                    print(f"   {described(row)}")
                    if wrong or not badly:
                        break
                if kind == "kraftig" and wrong + badly:
                    raise AssertionError("; ".join(wrong + badly))
                for w in row["wrong"]:
                    print(f"   differs: {w}")
            check(name if len(suites) == 1 else f"{kind}_{name}", judged)
        suite.end()
    table(suites, [(name, what) for name, what, *_ in cases])
    check.finish()


if __name__ == "__main__":
    main()
