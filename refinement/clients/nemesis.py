#!/usr/bin/env python3
"""Controllers as processes whose links and lives are disturbed from a seed, under a load of creations.

    nemesis.py [--seed N] [--seeds 1] [--controllers 3|5] [--rounds 1] [--break promise|trace|log]

Three or five controllers and a broker on loopback with default timeouts; every connection goes through a proxy that can be cut. Topics are
created through the broker all the time. Each round has every kind of fault once, in an order and with victims from the seed, one or two
at a time. While there is one that leaves a majority, a creation that was sent after it began must be acknowledged; then all is mended, and one
that was sent after that must be. At the end: every acknowledged topic
is in the metadata log of each controller, none is there twice, the logs are the same up to the high watermark, and
`kraftig-check replay` accepts the traces of all nodes together; after the first seed each of these is shown to be refused with one thing changed.

Environment: KRAFTIG_CHECK (default target/release/kraftig-check), and KRAFTIG as everywhere here. Needs confluent-kafka.
"""
import collections
import os
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from nemesis_links import Links
from node import KRAFTIG, LIMIT_S, ROOT, STOPPED_BY_SIGTERM, Checks, Node, arguments, eq, free_ports, one_line, run

from confluent_kafka.admin import AdminClient, NewTopic

a = arguments(
    __doc__,
    seed={"type": int, "default": 1},
    seeds={"type": int, "default": 1, "help": "how many, from --seed on"},
    controllers={"type": int, "default": 3, "choices": [3, 5]},
    rounds={"type": int, "default": 1},
    every_ms={"type": float, "default": 20.0, "help": "a creation this often"},
    **{"break": {"choices": ["promise", "trace", "log"], "help": "count a topic that nobody created as acknowledged, drop a line of a trace, change a bit of a log: it must be seen, and the status 1"}},
)
spoiled = getattr(a, "break")
check = Checks()
KRAFTIG_CHECK = Path(os.environ.get("KRAFTIG_CHECK", ROOT / "target" / "release" / "kraftig-check")).absolute()
PROGRESS_S = 30  # until a creation is acknowledged again
CLIENTS = 4
PENDING = 64  # creations under way at once
HOLD_S = (0.1, 3.5)  # how long a fault lasts: within and beyond the timeouts of elections, fetches and check-quorum
faults = collections.Counter()
waits = []  # (seconds until progress, during or after what); a broker that was killed is let in again when its session has run out


class Member(Node):
    """A controller, or the broker, which finds the others through its own proxies."""

    def __init__(self, base, node_id, port, voters):
        super().__init__("kraftig", base, node_id, ports=(port, port))
        self.trace = self.base / "trace.jsonl"
        listener = f"CONTROLLER://127.0.0.1:{port}" if node_id in voters else f"PLAINTEXT://127.0.0.1:{port}"
        self.properties["process.roles"] = "controller" if node_id in voters else "broker"
        self.properties["listeners"] = self.properties["advertised.listeners"] = listener
        self.properties["controller.quorum.voters"] = ",".join(f"{i}@127.0.0.1:{p}" for i, p in voters.items())
        self.configure()
        self.paused = self.stopping = False

    def up(self):
        if not self.alive():
            self.spawn("--trace", self.trace)
            self.stopping = False

    def pause(self):
        if self.alive():
            self.process.send_signal(signal.SIGSTOP)
            self.paused = True

    def resume(self):
        if self.paused and self.alive():
            self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def end(self, how):
        """A node that is stopped or cut off may need longer to end after SIGTERM than the fault lasts."""
        if self.alive():
            self.process.send_signal(how)
            self.stopping = how == signal.SIGTERM
            if how == signal.SIGKILL:
                self.process.wait(LIMIT_S)
                self.paused = False


def describe(port, limit=1.0):
    """(leader, epoch, high watermark, {voter: end}) by DescribeQuorum v0, or None where the node does not lead or does not answer."""
    name = b"__cluster_metadata"
    body = struct.pack(">hhih", 55, 0, 7, 1) + b"q\0" + bytes([2, len(name) + 1]) + name + bytes([2]) + struct.pack(">i", 0) + b"\0\0\0"
    try:
        with socket.create_connection(("127.0.0.1", port), limit) as s:
            s.settimeout(limit)
            s.sendall(struct.pack(">i", len(body)) + body)
            r = s.recv(65536)
        at = 4 + 4 + 1 + 2 + 1 + 1 + len(name) + 1
        _, error, leader, epoch, high = struct.unpack_from(">ihiiq", r, at)
        voters = [struct.unpack_from(">iq", r, at + 23 + 13 * i) for i in range(r[at + 22] - 1)]
    except (OSError, struct.error, IndexError):
        return None
    return None if error else (leader, epoch, high, dict(voters))


class Load:
    """Creations as fast as asked for, never waiting for one before the next is sent."""

    def __init__(self, bootstrap):
        # Brokers serve what comes over one connection in order.
        config = {"bootstrap.servers": bootstrap, "log_level": 0, "socket.timeout.ms": 60000, "reconnect.backoff.ms": 5, "reconnect.backoff.max.ms": 20}
        self.clients = [AdminClient(config) for _ in range(CLIENTS)]
        self.room = threading.Semaphore(PENDING)
        self.changed = threading.Condition()
        self.sent, self.acknowledged, self.failed = {}, {}, collections.Counter()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        n = 0
        while not self.over.wait(a.every_ms / 1000):
            if self.room.acquire(timeout=0.1):
                n += 1
                self.create(f"n-{n}", self.clients[n % CLIENTS])

    def create(self, name, client):
        self.sent[name] = time.monotonic()
        future = client.create_topics([NewTopic(name, 1, 1)], operation_timeout=20, request_timeout=25)[name]
        future.add_done_callback(lambda future: self.done(name, future.exception()))

    def done(self, name, error):
        self.room.release()
        with self.changed:
            # A broker that asks again may meet what it asked for first: the topic is there all the same.
            if error is None or "already exists" in str(error):
                self.acknowledged[name] = (self.sent[name], time.monotonic())
            else:
                self.failed[one_line(str(error), 80)] += 1
            self.changed.notify_all()

    def progress(self, since):
        """Waits for the acknowledgement of a creation that was sent after `since`."""
        with self.changed:
            return self.changed.wait_for(lambda: any(at > since for at, _ in self.acknowledged.values()), PROGRESS_S)

    def first(self, since):
        """When that was."""
        with self.changed:
            return min(acknowledged for at, acknowledged in self.acknowledged.values() if at > since)

    def end(self):
        """No more creations; waits for what is under way."""
        self.over.set()
        self.thread.join()
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.acknowledged) + sum(self.failed.values()) == len(self.sent), LIMIT_S), "creations without an answer"


class Run:
    """One seed."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.base = a.dir / str(seed)
        ids = range(1, a.controllers + 1)
        self.broker_id = 100
        real = dict(zip([*ids, self.broker_id], free_ports(a.controllers + 1)))
        pairs = [(i, j) for i in real for j in ids if i != j]
        self.links = Links(pairs, real)
        self.nodes = {}
        for i in real:
            voters = {j: real[j] if i == j else self.links.ports[i, j] for j in ids}
            self.nodes[i] = Member(self.base / str(i), i, real[i], voters)
        self.controllers = [self.nodes[i] for i in ids]
        self.broker = self.nodes[self.broker_id]
        self.load = Load(self.broker.bootstrap)
        self.lead = 1

    def start(self):
        cluster = self.controllers[0].random_uuid()
        for node in self.nodes.values():
            node.format(cluster)
            node.up()
        self.load.thread.start()
        assert self.load.progress(time.monotonic()), "no topic was created at the start: " + self.state()

    # ---------- faults: each one begins, and `mend` ends all
    def leader(self):
        """Who leads, or who led last."""
        for node in self.rng.sample(self.controllers, len(self.controllers)):
            if node.alive() and not node.paused and (found := describe(node.port, 0.3)):
                self.lead = found[0]
        return self.nodes[self.lead]

    def follower(self):
        leader = self.leader()
        return self.rng.choice([node for node in self.controllers if node is not leader])

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

    KINDS = [
        cut_leader_both_ways, cut_leader_from_hearing, cut_leader_from_speaking, cut_follower, cut_link_both_ways, cut_link_one_way, cut_all,
        slow_links, reset_connections, kill_leader, kill_follower, kill_all, kill_broker, pause_leader, pause_follower, terminate_leader, terminate_follower,
    ]  # fmt: skip
    FATAL = {cut_all, kill_all, kill_broker}  # nobody can create a topic meanwhile

    def mend(self):
        for node in self.nodes.values():
            node.resume()
        self.links.mend()
        for node in self.nodes.values():
            if node.stopping:
                try:
                    node.process.wait(LIMIT_S)
                except subprocess.TimeoutExpired:
                    raise AssertionError(f"node {node.node_id} did not stop within {LIMIT_S} s of SIGTERM: {one_line(node.said())}") from None
            if not node.alive():
                status = node.process.returncode
                assert status in (-signal.SIGKILL, STOPPED_BY_SIGTERM), f"node {node.node_id} ended by itself with {status}: {one_line(node.said())}"
            node.up()

    def disturb(self):
        kinds = self.KINDS * a.rounds
        self.rng.shuffle(kinds)
        while kinds:
            together = [kinds.pop() for _ in range(min(len(kinds), self.rng.choice([1, 1, 2])))]
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

    def await_progress(self, since, when):
        assert self.load.progress(since), f"no creation was acknowledged for {PROGRESS_S} s {when}: {self.state()}"
        waits.append((self.load.first(since) - since, when))

    def state(self):
        said = [f"{i}: {'alive' if n.alive() else n.process.returncode}, {describe(n.port)}, {one_line(n.said(), 200)}" for i, n in self.nodes.items()]
        return "; ".join(said) + f"; failed {dict(self.load.failed)}"

    # ---------- what must hold at the end
    def settle(self):
        """Waits until all voters have everything; stops all. Gives the high watermark."""
        self.load.end()
        end = time.monotonic() + LIMIT_S
        while True:
            found = next((f for n in self.controllers if (f := describe(n.port))), None)
            if found and len(found[3]) == a.controllers and min(found[3].values()) >= found[2] >= max(found[3].values()) - 3:
                break
            assert time.monotonic() < end, f"not all voters caught up: {found}; {self.state()}"
            time.sleep(0.05)
        there = self.load.clients[0].list_topics(timeout=30).topics
        lost = sorted(set(self.load.acknowledged) - set(there))
        eq(lost[:5], [], f"{len(lost)} acknowledged topics that the broker does not know")
        self.broker.stop()
        for node in self.controllers:
            node.stop()
        return found[2]

    def batches(self, node, high):
        """The lines of each batch below the high watermark, without their places in the file."""
        files = sorted(str(f) for f in (node.dirs[0] / "__cluster_metadata-0").glob("*.log"))
        text = run(KRAFTIG, "dump-log", "--cluster-metadata-decoder", "--files", ",".join(files)).stdout
        found = []
        for line in text.splitlines():
            if line.startswith("baseOffset:"):
                if int(re.search(r"lastOffset: (-?\d+)", line)[1]) >= high:
                    break
                found.append(re.sub(r" position: \d+", "", line))
            elif line.startswith("|") and found:
                found.append(line)
        return found

    def logs(self, high):
        acknowledged = set(self.load.acknowledged)
        first = self.batches(self.controllers[0], high)
        for node in self.controllers[1:]:
            other = self.batches(node, high)
            if first != other:
                at = next((i for i, (x, y) in enumerate(zip(first, other)) if x != y), min(len(first), len(other)))
                raise AssertionError(f"the logs of 1 and {node.node_id} differ below {high} at line {at}: {first[at:at + 1]} {other[at:at + 1]}")
        topics = re.findall(r'"type":"TOPIC_RECORD","version":\d+,"data":\{"name":"([^"]+)","topicId":"([^"]+)"', "\n".join(first))
        names = [name for name, _ in topics]
        twice = [name for name, times in collections.Counter(names).items() if times > 1]
        eq(twice[:5], [], f"{len(twice)} topics that were created twice")
        eq(len({topic_id for _, topic_id in topics}), len(names), "distinct topic ids")
        lost = sorted(acknowledged - set(names))
        eq(lost[:5], [], f"{len(lost)} acknowledged topics that are not in the log")
        eq(sorted(set(names) - set(self.load.sent))[:5], [], "topics that nobody asked for")
        print(f"    {len(acknowledged)} acknowledged of {len(self.load.sent)}, {len(names)} created, high watermark {high}, failures {dict(self.load.failed)}", flush=True)

    def replay(self):
        traces = [node.trace for node in self.nodes.values()]
        r = run(KRAFTIG_CHECK, "replay", *traces, ok=False, limit=600)
        eq(r.returncode, 0, f"status of kraftig-check replay ({one_line(r.stdout + r.stderr)})")
        print("    " + one_line(r.stdout), flush=True)

    # ---------- what must not hold
    def promise(self):
        """A topic that nobody created counts as acknowledged."""
        self.load.acknowledged["nobody-created-this"] = (0, 0)

    def log(self):
        """One bit of one controller's log is another."""
        file = self.controllers[1].metadata_log
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)

    def trace(self):
        """One line of one trace is missing."""
        file = self.controllers[0].trace
        lines = file.read_text().splitlines(keepends=True)
        at = next(i for i in range(len(lines) // 2, len(lines)) if '"effect"' in lines[i])
        file.write_text("".join(lines[:at] + lines[at + 1:]))

    BREAKS = {"promise": (promise, logs), "log": (log, logs), "trace": (trace, replay)}

    def broken(self, name, *args):
        spoil, judge = self.BREAKS[name]
        spoil(self)
        try:
            judge(self, *args)
        except AssertionError as e:
            print("    " + one_line(str(e), 200), flush=True)
        else:
            raise AssertionError("it was not seen")

    def clear(self):
        for node in self.nodes.values():
            node.resume()
            if node.process is not None and node.alive():
                node.kill()
        self.load.over.set()


def seed(number):
    r = Run(number)
    if check(f"seed {number}: start", r.start) and check(f"seed {number}: faults and progress", r.disturb):
        high = check(f"seed {number}: all voters catch up, all nodes stop", r.settle)
        if high:
            if spoiled:
                r.BREAKS[spoiled][0](r)
            good = check(f"seed {number}: topics and logs", r.logs, high)
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
waits.sort(reverse=True)
if waits:
    slowest = ", ".join(f"{seconds:.1f} s {when}" for seconds, when in waits[:5])
    print(f"until progress: p50 {waits[len(waits) // 2][0] * 1000:.0f} ms, slowest {slowest}; {time.monotonic() - begun:.0f} s in all")
check.finish()
