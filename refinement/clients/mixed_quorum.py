#!/usr/bin/env python3
"""One quorum of stock Kafka's controllers and ours, with static voters: who leads, what is acknowledged, what the logs hold.

    mixed_quorum.py [--quorums VOTERS+BROKER ...]     (default: ssk+kraftig skk+stock; s is a stock voter, k is ours)

Topics are created through the broker all the time. Leadership goes from one kind to the other and back, by kill -9 and by SIGTERM;
the tools of each describe the other; a controller's directory goes from stock to ours, or the other way, and back. At the end every
acknowledged topic is there, and the metadata logs of all voters are the same bytes up to the high watermark.

How a certain node is made to lead: the third voter is ended first, and misses what is acknowledged then. When the leader is ended
too and the third is back, nobody but the one that has all can be elected.

Needs confluent-kafka, Java and Maven. One line a check, "ok NAME" or "FAILED NAME why"; the last line counts them.
"""
import re
import struct
import threading
import time

from confluent_kafka.admin import AdminClient, NewTopic
from failover import describe_quorum
from node import KAFKA, KRAFTIG, LIMIT_S, STOPPED_WHILE_READING, Checks, Node, arguments, eq, free_ports, has, kafka, one_line, run, told, unless_changed

check = Checks()
KINDS = {"s": "stock", "k": "kraftig"}
HOWS = ("killed", "stopped")
# A broker waits so long for a controller; a stock one gives up after 60 s, whatever it is told.
PATIENT = {"request_timeout_ms": LIMIT_S * 1000}
GIVEN_UP_S = 55
TRIES = 3
HARMLESS = r"NotControllerException|EventPerformanceMonitor|[Tt]imed out (heartbeat|before sending)|because the return value of \"kafka\.server\.ControllerServer|RequestMetrics\$ErrorMeter"


class Load:
    """Creates one topic after the other, and knows which were acknowledged."""

    def __init__(self, bootstrap):
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "socket.timeout.ms": (LIMIT_S + 10) * 1000, "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50})
        self.acknowledged, self.failures, self.tried, self.late = [], [], 0, 0
        self.changed, self.stopping = threading.Condition(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(0.01):
            self.tried += 1
            self.create(f"t-{self.tried}")

    def create(self, name):
        """Until it is acknowledged. A broker may say that nobody led for a long time: then it is asked again, and it is counted."""
        while not self.stopping.is_set():
            begun = time.monotonic()
            try:
                self.admin.create_topics([NewTopic(name, 1, 1)], operation_timeout=LIMIT_S, request_timeout=LIMIT_S + 10)[name].result()
            except Exception as e:
                if "REQUEST_TIMED_OUT" in str(e) and time.monotonic() - begun > GIVEN_UP_S:
                    self.late += 1
                    continue
                if "already exists" not in str(e):  # a retry, of the broker or here, may meet the first try
                    self.failures.append(str(e))
                    return
            with self.changed:
                self.acknowledged.append(name)
                self.changed.notify_all()
            return

    def more(self, n=3):
        """Waits until n more are acknowledged that were sent after this call."""
        with self.changed:
            want = len(self.acknowledged) + n + 1
            if not self.changed.wait_for(lambda: len(self.acknowledged) >= want, LIMIT_S):
                raise AssertionError(f"no {n} topics were acknowledged within {LIMIT_S} s; failures: {one_line(str(self.failures[-3:]))}")

    def stop(self):
        self.stopping.set()
        self.thread.join()


class Quorum:
    def __init__(self, name, base):
        kinds, of_broker = name.split("+")
        self.name, self.base = name, base / name
        port, *ports = free_ports(4)
        self.common = {"controller_quorum_voters": ",".join(f"{i}@127.0.0.1:{p}" for i, p in enumerate(ports, 1)), **PATIENT}
        self.voters = {i: self.controller(i, KINDS[kind], p) for i, (kind, p) in enumerate(zip(kinds, ports), 1)}
        self.broker = Node(of_broker, self.base / "4", 4, ports=(port, ports[0]), process_roles="broker", listeners=f"PLAINTEXT://127.0.0.1:{port}", **self.common)

    def controller(self, i, kind, port):
        node = Node(kind, self.base / str(i), i, ports=(port, port), process_roles="controller", listeners=f"CONTROLLER://127.0.0.1:{port}", **self.common)
        del node.properties["advertised.listeners"]
        node.configure()
        return node

    def check(self):
        def step(text, function, *args):
            return check(f"{self.name}: {text}", function, *args)

        if not step("start", self.start):
            return
        first = self.leader()[0].kind
        kinds = ["kraftig", "stock"] if first == "stock" else ["stock", "kraftig"]
        for how in HOWS:
            for kind in kinds:
                step(f"the leader is {how}, and {kind} leads", self.to_kind, kind, how)
                step(f"the tools with a leader that is {kind}", self.tools)
        for how in HOWS:
            step(f"the leader is {how}, and somebody leads", self.to_anybody, how)
        odd = next(node for node in self.voters.values() if [n.kind for n in self.voters.values()].count(node.kind) == 1)
        was = odd.kind
        for kind in ("stock" if was == "kraftig" else "kraftig", was):
            step(f"node {odd.node_id}'s directory goes to {kind}", self.goes_to, odd, kind)
            step(f"it leads as {kind}", self.lead, odd, "stopped")
        step("every acknowledged topic is there", self.topics)
        step("the metadata logs are the same", self.logs)
        step("stock Kafka takes all that it is told", self.complaints)

    def start(self):
        cluster = self.broker.format()
        for node in self.voters.values():
            node.format(cluster)
            node.spawn()
        self.broker.start()
        self.load = Load(self.broker.bootstrap)
        self.load.more()
        self.caught_up()

    def described(self):
        """The quorum by its leader of the latest epoch, or None."""
        found = [asked(node) for node in self.voters.values()]
        return max((d for d in found if d), key=lambda d: d[1], default=None)

    def until(self, what, test):
        """What the quorum is described as once it passes the test."""
        end = time.monotonic() + LIMIT_S
        while not ((d := self.described()) and test(d)):
            if time.monotonic() > end:
                raise AssertionError(f"not {what} within {LIMIT_S} s: {d}; " + "; ".join(f"{n.node_id}: {one_line(n.said()[-300:])}" for n in self.voters.values()))
            time.sleep(0.01)
        return d

    def leader(self, after=0):
        """Who leads, in an epoch later than `after`, and in which."""
        leader, epoch, *_ = self.until(f"a leader after epoch {after}", lambda d: d[1] > after)
        return self.voters[leader], epoch

    def caught_up(self):
        """Waits until all voters and the broker have all that is committed at the moment, and serve; gives its end. A stock one serves late in
        its start, and no earlier can it be stopped in order."""
        _, _, now, _ = self.until("a high watermark", lambda d: d[2] > 0)
        self.until("all voters caught up", lambda d: set(d[3]) == set(self.voters) and min(d[3].values()) >= now)
        self.until("all voters serve", lambda _: all(asked(node) is not None for node in self.voters.values()))
        self.observes(self.broker, now)
        return now

    def observes(self, node, now, directory=""):
        """Waits until one that does not vote has all up to an offset, as the leader says."""
        end = time.monotonic() + LIMIT_S
        while True:
            rows = [line.split() for line in self.ask("describe", "--replication").stdout.splitlines()]
            if any(row[0] == str(node.node_id) and directory in row[1] and int(row[2]) >= now and row[-1] == "Observer" for row in rows[1:]):
                return
            assert time.monotonic() < end, f"node {node.node_id} is not an observer at offset {now}: {rows}"
            time.sleep(0.1)

    def ask(self, *args):
        """Asks the quorum through its leader."""
        leader, _ = self.leader()
        return run(KRAFTIG, "metadata-quorum", "--bootstrap-controller", f"127.0.0.1:{leader.controller_port}", *args, ok=False)

    def end(self, node, how):
        node.kill() if how == "killed" else node.stop()

    def to_kind(self, kind, how):
        leader = self.leader()[0]
        self.lead(next(n for n in self.voters.values() if n.kind == kind and n is not leader), how)

    def lead(self, node, how):
        """Ends the leader, so that this node leads. On a busy machine it may do so for a moment only."""
        for _ in range(TRIES):
            leader, epoch = self.leader()
            if leader is not node:
                leader = self.led_after(leader, epoch, node, how)
            if leader is node:
                return
        raise AssertionError(f"{TRIES} times not node {node.node_id}, but node {leader.node_id} came to lead")

    def led_after(self, leader, epoch, node, how):
        """Who leads when the leader and the third voter were ended, and the third came back."""
        third = next(n for n in self.voters.values() if n not in (leader, node))
        self.end(third, how)
        self.load.more()
        self.end(leader, how)
        third.spawn()
        found, _ = self.leader(epoch)
        leader.spawn()
        self.load.more()
        self.caught_up()
        return found

    def to_anybody(self, how):
        leader, epoch = self.leader()
        begun = time.monotonic()
        leader.process.kill() if how == "killed" else leader.terminate()
        found, _ = self.leader(epoch)
        self.load.more()
        print(f"   {leader.kind} was {how}: {found.kind} leads, topics are created again after {time.monotonic() - begun:.2f} s", flush=True)
        leader.process.wait(LIMIT_S)
        leader.spawn()
        self.caught_up()

    def tools(self):
        """Both tools say the same by way of the broker, of the leader and of a follower of the other kind."""
        for where in ("the broker", "the leader", "another"):
            def same(ours, where=where):
                eq(self.told_by(KAFKA, where), ours, f"what stock's tool says by way of {where}")
                leader, lines = ours
                has("\n".join(lines), *(("Follower", "Observer") if where == "the broker" else (f"LeaderId: {leader}\n", "MaxFollowerLag:")))
            unless_changed(lambda where=where: self.told_by(KRAFTIG, where), same)

    def told_by(self, tool, where):
        """Who leads, and what a tool says of the quorum."""
        leader = self.leader()[0]
        other = next(n for n in self.voters.values() if n.kind != leader.kind)
        server, at, what = {
            "the broker": ("server", self.broker.port, "--replication"), "the leader": ("controller", leader.controller_port, "--status"),
            "another": ("controller", other.controller_port, "--status"),
        }[where]  # fmt: skip
        return leader.node_id, masked(told(tool, "metadata-quorum", f"--bootstrap-{server}", f"127.0.0.1:{at}", "describe", what))

    def goes_to(self, node, kind):
        node.stop()
        node.kind = kind
        self.load.more()
        node.spawn()
        self.caught_up()

    def topics(self):
        self.load.stop()
        eq(self.load.failures, [], "creations that failed")
        # A stock broker shows a topic some time after its creation was acknowledged.
        end = time.monotonic() + LIMIT_S
        while True:
            listed = set(self.load.admin.list_topics(timeout=LIMIT_S).topics)
            lost = [name for name in self.load.acknowledged if name not in listed]
            if not lost or time.monotonic() > end:
                break
        eq(lost, [], f"topics lost of {len(self.load.acknowledged)}")
        print(f"   {len(listed)} topics" + (f", {self.load.late} times nobody led for long" if self.load.late else ""), flush=True)

    def logs(self):
        committed = self.caught_up()
        self.broker.stop()
        for node in self.voters.values():
            node.stop()
        logs = {i: batches(node.metadata_log, committed) for i, node in self.voters.items()}
        logs[4] = batches(self.broker.metadata_log, committed)
        for i, log in logs.items():
            for (offset, got), (_, want) in zip(log, logs[1]):
                assert got == want, f"node {i} and node 1 differ at offset {offset}: {got.hex()}, {want.hex()}"
        eq([len(log) for log in logs.values()], [len(logs[1])] * 4, f"batches up to offset {committed}")
        has(kafka("dump-log", "--cluster-metadata-decoder", "--files", ",".join(str(n.metadata_log) for n in self.voters.values())).stdout, "TOPIC_RECORD")
        print(f"   {len(logs[1])} batches, {committed} records", flush=True)

    def complaints(self):
        """Stock nodes log no error but that a leader is not active yet, that one that starts is asked too soon, or one that stops, whose
        meters are gone or who still reads its log, too late, and that something took too long, as on a slow machine. A leader that resigned and saw no successor within its 5 s is counted aloud."""
        in_vain = 0
        for node in (*self.voters.values(), self.broker):
            lines = node.said().splitlines()
            for line, why in zip(lines, (*lines[1:], "")):
                if not re.search(r"\] (ERROR|FATAL) ", line):
                    continue
                if "Graceful shutdown of RaftClient failed" in line and "TimeoutException" in why:
                    in_vain += 1
                elif not re.search(f"{HARMLESS}|{STOPPED_WHILE_READING}", line + why):
                    raise AssertionError(f"node {node.node_id}: {one_line(line[:300])} ... {one_line(why)}")
        if in_vain:
            print(f"   a stock leader that was stopped saw no successor within 5 s: {in_vain}", flush=True)


def asked(node):
    """What a node that leads says of the quorum, () from one that does not lead, None from one that does not serve."""
    try:
        return describe_quorum(node.controller_port) if node.alive() else None
    except IndexError:  # no voters in the answer
        return ()
    except OSError as e:
        return () if "DescribeQuorum" in str(e) else None


def masked(text):
    """Without what moves while topics are created; cells keep their number."""
    text = re.sub(r"((?:HighWatermark|MaxFollowerLag|MaxFollowerLagTimeMs): +)-?\d+", r"\1N", text)
    rows = [re.sub(r" +$", "", line) for line in text.splitlines()]
    return [re.sub(r"^(\d+\s+\S+)\s+\d+\s+\d+\s+-?\d+\s+-?\d+\s+", r"\1 ... ", row) if re.match(r"\d", row) else re.sub(r"\s+", " ", row) for row in rows]


def batches(file, end):
    """The batches of a log up to an offset: the base offset and all bytes of each."""
    data, at, found = file.read_bytes(), 0, []
    while at + 12 <= len(data):
        offset, size = struct.unpack_from(">qi", data, at)
        if offset >= end or size <= 0:
            break
        found.append((offset, data[at:at + 12 + size]))
        at += 12 + size
    return found


def main():
    a = arguments(__doc__, quorums={"nargs": "+", "default": ["ssk+kraftig", "skk+stock"], "metavar": "VOTERS+BROKER"})
    for name in a.quorums:
        Quorum(name, a.dir).check()
    check.finish()


if __name__ == "__main__":
    main()
