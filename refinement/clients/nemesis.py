#!/usr/bin/env python3
"""Controllers as processes whose links, lives, disks and clocks are disturbed from a seed, under a load of creations.

    nemesis.py [--seed N] [--seeds 1] [--controllers 3|5] [--rounds 1] [--namespaces] [--dynamic] [--break promise|trace|log|clock|snapshot]

Three or five controllers and a broker with default timeouts, on loopback, where every connection goes through a proxy that can be cut, or each in a
network namespace of its own. Topics are created through the broker all the time, and snapshots of the metadata are taken every few seconds. Each
round has every kind of fault once, in an order and with victims from the seed, one or two at a time. While there is one that leaves a
majority, a creation that was sent after it began must be acknowledged; then all is mended, and one that was sent after that must be.
Once a round a controller is left behind, killed or paused until the logs of all others begin after what it has, so that it must load a
snapshot. Meanwhile clocks are set an hour forward and back, which must neither end a leadership nor fail a creation, and the broker loses its disk.
With --dynamic there is one more controller, and the log names the voters: one is added, one removed, and so on, whatever else happens at the time,
and a voter loses its disk and is replaced by itself.

At the end: every acknowledged topic is in the snapshot or the log of each controller, none is there twice, the logs are the same where they
overlap up to the high watermark, a voter and the broker have loaded snapshots, and `kraftig-check replay` accepts the traces of all nodes
together; after the first seed each of these is shown to be refused with one thing changed.

Disks are filled only where a tmpfs may be mounted, clocks set only where libfaketime is; else a line says what was left out.
Environment: KRAFTIG_CHECK (default target/release/kraftig-check), and KRAFTIG as everywhere here. Needs confluent-kafka.
"""
import collections
import os
import random
import signal
import struct
import subprocess
import time
from pathlib import Path

import nemesis_clocks
import nemesis_links
import nemesis_namespaces
from nemesis_disks import Disk
from nemesis_history import begins, judge, segments, snapshots
from nemesis_load import PROGRESS_S, Load
from nemesis_nodes import Member
from nemesis_voters import Operator
from node import LIMIT_S, ROOT, STOPPED_BY_SIGTERM, Checks, arguments, eq, one_line, run

a = arguments(
    __doc__,
    seed={"type": int, "default": 1},
    seeds={"type": int, "default": 1, "help": "how many, from --seed on"},
    controllers={"type": int, "default": 3, "choices": [3, 5]},
    rounds={"type": int, "default": 1},
    every_ms={"type": float, "default": 20.0, "help": "a creation this often"},
    namespaces={"action": "store_true", "help": "a network namespace for each node, instead of proxies"},
    dynamic={"action": "store_true", "help": "voters come and go; a voter has one address for all, so this has --namespaces"},
    **{"break": {
        "choices": ["promise", "trace", "log", "clock", "snapshot"],
        "help": "count a topic that nobody created as acknowledged, drop a line of a trace, change a bit of a log, restart the leader whenever a clock is set, let nobody take a snapshot: it must be seen, and the status 1",
    }},
)
a.namespaces |= a.dynamic
if a.namespaces:
    nemesis_namespaces.enter(a.dir)
spoiled = getattr(a, "break")
check = Checks()
KRAFTIG_CHECK = Path(os.environ.get("KRAFTIG_CHECK", ROOT / "target" / "release" / "kraftig-check")).absolute()
HOLD_S = (0.1, 3.5)  # how long a fault lasts: within and beyond the timeouts of elections, fetches and check-quorum
CLEAN_S = 400  # until a log is cleaned: Kafka looks once a minute, and a busy machine has less to be cleaned
HOUR_S = 3600
TRIES = 6  # a leadership may end by chance on a busy machine; one that a clock ended ends each time
faults = collections.Counter()
waits = []  # (seconds until progress, during or after what); a broker that was killed is let in again when its session has run out
loaded = collections.Counter()  # snapshots, by who loaded them
left_out = {}  # what -> why


class Run:
    """One seed."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.base = a.dir / str(seed)
        self.base.mkdir()
        ids = range(1, a.controllers + 1 + a.dynamic)
        self.broker_id = 100
        everybody = [*ids, self.broker_id]
        pairs = [(i, j) for i in everybody for j in ids if i != j]
        self.links = (nemesis_namespaces if a.namespaces else nemesis_links).Links(everybody, pairs)
        self.nodes = {}
        with_disk = self.rng.choice(ids)
        for i in everybody:
            self.nodes[i] = Member(self.base / str(i), i, self.links, ids, a.dynamic, self.clock(i), self.disk(i) if i == with_disk else None)
        self.controllers = [self.nodes[i] for i in ids]
        self.broker = self.nodes[self.broker_id]
        if spoiled == "snapshot":
            for node in self.nodes.values():
                node.configure(metadata_log_max_record_bytes_between_snapshots=1 << 30)
        self.load = Load(self.broker.bootstrap, a.every_ms)
        self.operator = None
        self.lead = 1
        self.late = None  # who is left behind

    def clock(self, i):
        if nemesis_clocks.WHY_NOT:
            left_out["setting clocks"] = nemesis_clocks.WHY_NOT
            return None
        return nemesis_clocks.Clock(self.base / f"clock-{i}")

    def disk(self, i):
        try:
            return Disk(self.base / str(i) / "disk")
        except OSError as error:
            left_out["filling a disk"] = str(error)
            return None

    def start(self):
        cluster = self.controllers[0].random_uuid()
        voters = self.controllers[:a.controllers]
        first = ",".join(f"{node.node_id}@{node.bootstrap}:{node.random_uuid()}" for node in voters)
        for node in self.nodes.values():
            how = () if not a.dynamic or node is self.broker else ("-I", first) if node in voters else ("-N",)
            node.storage("format", "-t", cluster, "-c", node.file, *how)
            node.up()
        if a.dynamic:
            self.operator = Operator(self.controllers, a.controllers, self.rng)
        self.load.thread.start()
        assert self.load.progress(time.monotonic()), "no topic was created at the start: " + self.state()
        # Who loses its disk later has one to load, whoever leads by then.
        end = time.monotonic() + LIMIT_S
        while not all(snapshots(node.metadata_log.parent) for node in self.controllers):
            assert time.monotonic() < end, "not everybody has a snapshot: " + self.state()
            time.sleep(0.05)

    # ---------- faults: each one begins, and `mend` ends all
    def leader(self):
        """Who leads, or who led last."""
        for node in self.rng.sample(self.controllers, len(self.controllers)):
            if node.alive() and not node.paused and (found := node.describe(0.3)):
                self.lead = found[0]
        return self.nodes[self.lead]

    def follower(self):
        leader = self.leader()
        return self.rng.choice([node for node in self.controllers if node not in (leader, self.late)])

    def around(self, node, inward=True, outward=True, broker=True):
        others = [i for i in self.nodes if i != node.node_id and (broker or i != self.broker_id)]
        return [(i, node.node_id) for i in others if inward] + [(node.node_id, i) for i in others if outward]

    def cut_leader_both_ways(self):
        self.links.set(self.around(self.leader(), broker=self.rng.random() < 0.5), opened=False)

    def cut_leader_from_hearing(self):
        self.links.set(self.around(self.leader(), outward=False, broker=False), opened=False)

    def cut_leader_from_speaking(self):
        self.links.set(self.around(self.leader(), inward=False, broker=False), opened=False)

    def cut_follower(self):
        self.links.set(self.around(self.follower()), opened=False)

    def cut_link_both_ways(self):
        one, other = self.rng.sample(self.controllers, 2)
        self.links.set([(one.node_id, other.node_id), (other.node_id, one.node_id)], opened=False)

    def cut_link_one_way(self):
        one, other = self.rng.sample(self.controllers, 2)
        self.links.set([(one.node_id, other.node_id)], opened=False)

    def cut_all(self):
        self.links.set(list(self.links.flows), opened=False)

    def slow_links(self):
        for way in self.links.flows:
            self.links.set([way], delay_s=self.rng.choice([0, 0.01, 0.1, 0.2]))

    def reset_connections(self):
        self.links.reset()

    def kill_leader(self):
        self.leader().end(signal.SIGKILL)

    def kill_follower(self):
        self.follower().end(signal.SIGKILL)

    def kill_all(self):
        for node in self.controllers:
            node.end(signal.SIGKILL)

    def kill_broker(self):
        self.broker.end(signal.SIGKILL)

    def pause_leader(self):
        self.leader().pause()

    def pause_follower(self):
        self.follower().pause()

    def terminate_leader(self):
        self.leader().end(signal.SIGTERM)

    def terminate_follower(self):
        self.follower().end(signal.SIGTERM)

    def fill_disk(self):
        """The one controller's whose disk can be filled, whether it leads or not."""
        node = next(node for node in self.controllers if node.disk)
        node.disk.fill(self.rng.choice([0, 8 << 20]))
        end = time.monotonic() + LIMIT_S
        while node.alive() and not node.paused and node.said().count(" is full: ") <= node.said().count("has room again"):
            assert time.monotonic() < end, f"node {node.node_id} does not say that its disk is full: {one_line(node.said())}"
            time.sleep(0.02)

    def wipe(self, node, *how):
        node.end(signal.SIGKILL)
        node.wipe(*how)
        node.up()

    def wipe_broker(self):
        """An observer may lose its disk. A voter may not where voters are static: it would vote twice."""
        self.wipe(self.broker)

    def wipe_voter(self):
        node = self.rng.choice([node for node in self.controllers if node.node_id in self.operator.voters])
        self.wipe(node, "-N")
        self.operator.replace(node)

    def change_voters(self):
        self.operator.change()

    def set_clock(self, *nodes):
        for node in nodes:
            node.clock.set(self.rng.choice([-HOUR_S, HOUR_S]))

    def set_clock_of_leader(self):
        self.set_clock(self.leader())

    def set_clock_of_follower(self):
        self.set_clock(self.follower())

    def set_clock_of_broker(self):
        self.set_clock(self.broker)

    def set_clocks_of_all(self):
        self.set_clock(*self.nodes.values())

    KINDS = [
        cut_leader_both_ways, cut_leader_from_hearing, cut_leader_from_speaking, cut_follower, cut_link_both_ways, cut_link_one_way, cut_all,
        slow_links, reset_connections, kill_leader, kill_follower, kill_all, kill_broker, pause_leader, pause_follower, terminate_leader, terminate_follower,
    ]  # fmt: skip
    FATAL = {cut_all, kill_all, kill_broker, wipe_broker}  # nobody can create a topic meanwhile
    OF_VOTERS = [change_voters, change_voters, change_voters, change_voters, wipe_voter]
    CLOCKS = [set_clock_of_leader, set_clock_of_follower, set_clock_of_broker, set_clocks_of_all]

    def mend(self):
        nodes = [node for node in self.nodes.values() if node is not self.late]
        for node in nodes:
            node.resume()
            if node.disk:
                node.disk.free()
            if node.clock:
                node.clock.set(0)
        self.links.mend()
        for node in nodes:
            if node.stopping:
                try:
                    node.process.wait(LIMIT_S)
                except subprocess.TimeoutExpired:
                    raise AssertionError(f"node {node.node_id} did not stop within {LIMIT_S} s of SIGTERM: {one_line(node.said())}") from None
            if not node.alive():
                status = node.process.returncode
                assert status in (-signal.SIGKILL, STOPPED_BY_SIGTERM), f"node {node.node_id} ended by itself with {status}: {one_line(node.said())}"
            node.up()
        if self.operator:
            self.operator.end()

    def disturb(self):
        kinds = (self.KINDS + [Run.fill_disk] * any(node.disk for node in self.controllers) + self.OF_VOTERS * a.dynamic) * a.rounds
        self.rng.shuffle(kinds)
        left_behind = self.rng.sample(range(len(kinds)), a.rounds)
        while kinds:
            together = [kinds.pop() for _ in range(min(len(kinds), self.rng.choice([1, 1, 2])))]
            if all(kind in self.OF_VOTERS for kind in together):
                kinds += together[1:]
                del together[1:]
            self.disturb_by(*together)
            while left_behind and left_behind[-1] >= len(kinds):
                left_behind.pop()
                self.leave_behind()

    def disturb_by(self, *together):
        names = " + ".join(kind.__name__ for kind in together)
        for kind in together:
            kind(self)
            faults[kind.__name__] += 1
            begun = time.monotonic()
            time.sleep(self.rng.uniform(*HOLD_S) / len(together))  # that long it lasts
        if len(together) == 1 and together[0] not in self.FATAL:
            self.await_progress(begun, "during " + names)
        self.mend()
        self.await_progress(time.monotonic(), "after " + names)

    def leave_behind(self):
        """One is away until all others have forgotten what comes next for it."""
        late = self.late = self.follower()
        begun = time.monotonic()
        how = self.rng.choice(["kill", "pause"])
        late.end(signal.SIGKILL) if how == "kill" else late.pause()
        faults["leave_behind_by_" + how] += 1
        end = self.quorum()[2]
        kinds = [Run.wipe_broker, *(self.CLOCKS if late.clock else [])]
        self.rng.shuffle(kinds)
        for kind in kinds:
            (self.set_and_back if kind in self.CLOCKS else self.disturb_by)(kind)
        others = [node for node in self.controllers if node is not late]
        while min(begins(node.metadata_log.parent) for node in others) <= end:
            assert time.monotonic() < begun + CLEAN_S, f"the logs still begin at {[begins(n.metadata_log.parent) for n in others]}, before {end}"
            time.sleep(0.1)
        self.late = None
        self.mend()
        waiting = time.monotonic()
        while begins(late.metadata_log.parent) <= end:
            assert time.monotonic() < waiting + LIMIT_S, f"node {late.node_id} ended at {end} and did not load a snapshot: {self.state()}"
            time.sleep(0.05)
        print(f"    node {late.node_id} was away for {waiting - begun:.0f} s from {end} on, and loaded a snapshot in {time.monotonic() - waiting:.1f} s", flush=True)
        self.await_progress(waiting, "after leave_behind")

    def set_and_back(self, kind):
        """A clock is set, and back: as if nothing were."""
        for _ in range(TRIES):
            before = self.quorum()
            begun = time.monotonic()
            kind(self)
            faults[kind.__name__] += 1
            if spoiled == "clock":
                leader = self.leader()
                leader.end(signal.SIGKILL)
                leader.up()
            time.sleep(self.rng.uniform(*HOLD_S))
            self.await_progress(begun, "during " + kind.__name__)
            self.mend()
            until = time.monotonic()
            self.await_progress(until, "after " + kind.__name__)
            after, failures = self.quorum(), self.load.failures(begun, until)
            if after[:2] == before[:2] and not failures:
                return
        raise AssertionError(f"{kind.__name__}, {TRIES} times: leader and epoch {before[:2]} became {after[:2]}, failed: {failures}")

    def quorum(self):
        """What the leader says, as soon as there is one that all follow who are there."""
        end = time.monotonic() + LIMIT_S
        while True:
            found = next((f for n in self.controllers if n is not self.late and (f := n.describe())), None)
            ends = [end for i, end in found[3].items() if self.nodes[i] is not self.late] if found else []
            if ends and set(found[3]) == self.voters() and min(ends) >= found[2] - 20:
                return found
            assert time.monotonic() < end, f"not all voters keep up: {found}; {self.state()}"
            time.sleep(0.05)

    def voters(self):
        return set(self.operator.voters if self.operator else (node.node_id for node in self.controllers))

    def await_progress(self, since, when):
        assert self.load.progress(since), f"no creation was acknowledged for {PROGRESS_S} s {when}: {self.state()}"
        waits.append((self.load.first(since) - since, when))

    def state(self):
        said = [f"{i}: {'alive' if n.alive() else n.process.returncode}, {n.describe()}, {one_line(n.said(), 200)}" for i, n in self.nodes.items()]
        return "; ".join(said) + f"; failed {self.load.why_failed()}"

    # ---------- what must hold at the end
    def settle(self):
        """Waits until all voters have everything; stops all. Gives the high watermark."""
        self.load.end()
        if self.operator and len(self.operator.voters) < len(self.controllers):
            self.operator.change()
            self.operator.end()
        end = time.monotonic() + LIMIT_S
        # The answer is the controller's; the broker has fetched what it says a moment later.
        while lost := sorted(set(self.load.acknowledged) - set(self.load.clients[0].list_topics(timeout=LIMIT_S).topics)):
            assert time.monotonic() < end, f"{len(lost)} acknowledged topics that the broker does not know: {lost[:5]}"
            time.sleep(0.1)
        self.broker.stop()
        end = time.monotonic() + LIMIT_S
        while True:
            found = next((f for n in self.controllers if (f := n.describe())), None)
            if found and set(found[3]) == self.voters() and min(found[3].values()) >= found[2] >= max(found[3].values()) - 3:
                break
            assert time.monotonic() < end, f"not all voters caught up: {found}; {self.state()}"
            time.sleep(0.05)
        for node in self.controllers:
            node.stop()
        return found[2]

    def history(self, high):
        histories = judge(self.controllers, high, self.load.acknowledged, self.load.sent)
        print(f"    {len(self.load.acknowledged)} acknowledged of {len(self.load.sent)}, {len(histories[0].topics)} created, high watermark {high}, failures {self.load.why_failed()}", flush=True)
        print(f"    logs begin at {[min(h.batches) for h in histories]}, the last snapshots end at {[h.end for h in histories]}", flush=True)

    def loads(self):
        """A voter loaded one, and who was wiped."""
        by = {i: node.loaded() for i, node in self.nodes.items()}
        for i, times in by.items():
            loaded["brokers" if i == self.broker_id else "voters"] += sum(times)
            assert all(times[1:]), f"snapshots that node {i} loaded with each of its disks: {times}"
        assert any(sum(by[node.node_id]) for node in self.controllers), "no voter loaded a snapshot"

    def replay(self):
        traces = [file for node in self.nodes.values() for file in node.traces]
        r = run(KRAFTIG_CHECK, "replay", *traces, ok=False, limit=600)
        eq(r.returncode, 0, f"status of kraftig-check replay ({one_line(r.stdout + r.stderr)})")
        print("    " + one_line(r.stdout), flush=True)

    # ---------- what must not hold
    def promise(self):
        """A topic that nobody created counts as acknowledged."""
        self.load.acknowledged["nobody-created-this"] = (0, 0)

    def log(self):
        """One bit of one controller's log is another: of the records of the batch in the middle."""
        file = max(segments(self.controllers[1].metadata_log.parent), key=lambda file: file.stat().st_size)
        data, end = bytearray(file.read_bytes()), 0
        while end <= len(data) // 2:
            end += 12 + struct.unpack_from(">i", data, end + 8)[0]
        data[end - 1] ^= 1
        file.write_bytes(data)

    def trace(self):
        """One line of one trace is missing, which is not the last before a kill: that one might never have been written."""
        file = self.controllers[0].traces[0]
        lines = file.read_text().splitlines(keepends=True)
        at = next(i for i in range(len(lines) // 2, len(lines)) if '"record":"effect"' in lines[i] and all('"record":"start"' not in line for line in lines[i:i + 10]))
        file.write_text("".join(lines[:at] + lines[at + 1:]))

    BREAKS = {"promise": (promise, history), "log": (log, history), "trace": (trace, replay)}

    def broken(self, name, *args):
        spoil, judged = self.BREAKS[name]
        spoil(self)
        try:
            judged(self, *args)
        except AssertionError as e:
            print("    " + one_line(str(e), 200), flush=True)
        else:
            raise AssertionError("it was not seen")

    def clear(self):
        self.load.over.set()
        for node in self.nodes.values():
            node.resume()
            if node.process is not None and node.alive():
                node.kill()
        self.links.close()


def seed(number):
    r = Run(number)
    if check(f"seed {number}: start", r.start) and check(f"seed {number}: faults and progress", r.disturb):
        high = check(f"seed {number}: all voters catch up, all nodes stop", r.settle)
        if high:
            if spoiled in r.BREAKS:
                r.BREAKS[spoiled][0](r)
            good = check(f"seed {number}: topics, logs and snapshots", r.history, high)
            good = check(f"seed {number}: snapshots were loaded", r.loads) and good
            good = check(f"seed {number}: the traces of all replay together", r.replay) and good
            if good and number == a.seed:
                check("refused: a trace without a line", r.broken, "trace")
                check("refused: a promise that was not kept", r.broken, "promise", high)
                r.load.acknowledged.pop("nobody-created-this")
                check("refused: a log with another bit", r.broken, "log", high)
    r.clear()


begun = time.monotonic()
for number in range(a.seed, a.seed + a.seeds):
    seed(number)
print(f"{sum(faults.values())} faults: " + ", ".join(f"{n} {name}" for name, n in sorted(faults.items())))
print(f"snapshots loaded: {loaded['voters']} by voters, {loaded['brokers']} by brokers")
waits.sort(reverse=True)
if waits:
    slowest = ", ".join(f"{seconds:.1f} s {when}" for seconds, when in waits[:5])
    print(f"until progress: p50 {waits[len(waits) // 2][0] * 1000:.0f} ms, slowest {slowest}; {time.monotonic() - begun:.0f} s in all")
for what, why in left_out.items():
    print(f"left out: {what}: {why}")
check.finish()
