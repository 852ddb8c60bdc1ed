#!/usr/bin/env python3
"""A quorum whose log names its voters (KIP-853), of controllers of ours, or of stock Kafka's and ours: whoever leads.

    dynamic_quorum.py [--quorums VOTERS+JOINER+BROKER ...] [--upgrades VOTERS+BROKER ...] [--break add|log|snapshot]
                                   (default: kkk+k+k skk+k+s ssk+s+k, and ssk+kraftig; s is stock Kafka, k is ours)

Three voters are formatted with --initial-controllers, a fourth controller with --no-initial-controllers; nobody has
controller.quorum.voters. Topics are created through the broker all the time. Leaders are killed and stopped, from one kind to the other
and back where there are both; directories go from one kind to the other and back. The fourth controller is made a voter, the leader is
removed, and comes back as a voter again; a voter and the leader are killed around these changes; a voter that is down misses that all others are replaced; a voter loses its disk, is removed and
added anew from a snapshot; one moves to another port; and one of ours adds itself, but not after it was removed. At the end every
acknowledged topic is there, the metadata logs are the same bytes, and the snapshots of all name the same voters.

With --break one quorum of ours runs for a moment, and something is wrong with it: nobody adds the controller that is to be a voter, a byte
of a log is another one, or a snapshot is that of the format, which names other voters. The last check must fail, and the status be 1.

A quorum of static voters comes to have its log name them (kraft.version 1) while a stock controller leads, and then one of ours leads.

Needs confluent-kafka, Java and Maven. One line a check, "ok NAME" or "FAILED NAME why"; the last line counts them.
"""
import re
import shutil
import time

from mixed_quorum import HOWS, KINDS, PATIENT, Load, Quorum, asked, batches, check
from node import KRAFTIG, LIMIT_S, Node, arguments, change_voters, eq, free_ports, has, kafka, told

BROKER = 10
JOINER = 4


class Dynamic(Quorum):
    def __init__(self, name, base):
        kinds, joiner, of_broker = name.split("+")
        self.name, self.base = name, base / name
        port, *ports = free_ports(5)
        servers = ",".join(f"127.0.0.1:{p}" for p in ports)
        self.common = {"controller_quorum_bootstrap_servers": servers, "metadata_log_max_record_bytes_between_snapshots": 20000, **PATIENT}
        self.all = {i: self.controller(i, KINDS[kind], p) for i, (kind, p) in enumerate(zip(kinds + joiner, ports), 1)}
        self.voters = {i: node for i, node in self.all.items() if i != JOINER}
        self.broker = self.node(BROKER, KINDS[of_broker], "broker", f"PLAINTEXT://127.0.0.1:{port}", port)
        self.broker.properties["advertised.listeners"] = f"PLAINTEXT://127.0.0.1:{port}"
        self.broker.configure()

    def controller(self, i, kind, port):
        return self.node(i, kind, "controller", f"CONTROLLER://127.0.0.1:{port}", port)

    def node(self, i, kind, role, listener, port):
        node = Node(kind, self.base / str(i), i, ports=(port, port), process_roles=role, listeners=listener, **self.common)
        for key in ("advertised.listeners", "controller.quorum.voters"):
            del node.properties[key]
        node.configure()
        return node

    def check(self):
        def step(text, function, *args):
            return check(f"{self.name}: {text}", function, *args)

        if not step("start", self.start):
            return
        step("the log begins as stock Kafka's", self.first_batch)
        step("the fourth controller observes", self.joins, JOINER)
        kinds = {node.kind for node in self.voters.values()}
        if len(kinds) == 2:
            first = self.leader()[0].kind
            for how in HOWS:
                for kind in sorted(kinds, key=lambda kind: kind == first):
                    step(f"the leader is {how}, and {kind} leads", self.to_kind, kind, how)
                    step(f"the tools with a leader that is {kind}", self.tools)
        for how in HOWS:
            step(f"the leader is {how}, and somebody leads", self.to_anybody, how)
        one = self.voters[3]
        was = one.kind
        for kind in ("stock" if was == "kraftig" else "kraftig", was):
            step(f"node 3's directory goes to {kind}", self.goes_to, one, kind)
            step(f"it leads as {kind}", self.lead, one, "stopped")
        step("a voter that is down while all others are replaced finds who leads", self.all_replaced)
        step("the fourth controller becomes a voter", self.add, JOINER)
        step("a voter is killed, and another one is removed meanwhile", self.removed_while_one_is_down)
        step("it comes back as a voter", self.add, 1)
        step("the leader is removed", self.leader_removed)
        step("it is a voter again, and the leader is killed just after", self.added_and_killed)
        step("a voter loses its disk, and is replaced", self.disk_lost)
        step("a voter that moves is found where it listens", self.moved)
        for node in [node for node in self.all.values() if node.kind == "kraftig"][:1]:
            step(f"controller {node.node_id} that is removed stays so, and joins by itself with another disk", self.joins_by_itself, node)
        step("every acknowledged topic is there", self.topics)
        step("the metadata logs are the same", self.logs)
        step("the snapshots name the voters", self.snapshots)
        step("stock Kafka takes all that it is told", self.complaints)

    def broken(self, how):
        def step(text, function, *args):
            return check(f"{self.name}: {text}", function, *args)

        step("start", self.start)
        step("the fourth controller observes", self.joins, JOINER)
        if how != "add":
            step("it becomes a voter", self.add, JOINER)
        self.voters[JOINER] = self.all[JOINER]
        if not step("four vote", self.votes):
            return
        step("a snapshot is taken", self.snapshot_taken, self.voters[1])
        self.load.stop()
        if not step("the metadata logs are the same", self.logs, self.spoil_log if how == "log" else None):
            return
        if how == "snapshot":
            first, latest = self.voters[1].metadata_log.parent.glob("0*-0000000000.checkpoint"), self.latest_snapshot(self.voters[1])
            latest.unlink()
            shutil.copy(next(first), latest)
        step("the snapshots name the voters", self.snapshots)

    def spoil_log(self, committed):
        """The last byte of the last batch, which all logs have."""
        file = max(self.voters[2].metadata_log.parent.glob("*.log"))
        data = bytearray(file.read_bytes())
        data[sum(len(batch) for _, batch in batches(file, committed)) - 1] ^= 1
        file.write_bytes(data)

    def latest_snapshot(self, node):
        return max(node.metadata_log.parent.glob("*.checkpoint"), key=lambda file: file.name)

    def snapshot_taken(self, node):
        before, end = self.latest_snapshot(node), time.monotonic() + LIMIT_S
        while self.latest_snapshot(node) == before:
            assert time.monotonic() < end, f"the latest snapshot is {before.name}"
            self.load.more()

    def votes(self):
        """Who votes, as the leader says at this moment."""
        *_, voters = self.until("led", lambda _: True)
        eq(sorted(voters), sorted(self.voters), "the voters")

    def start(self):
        ids = {i: self.broker.random_uuid() for i in self.voters}
        first = ",".join(f"{i}@127.0.0.1:{node.controller_port}:{ids[i]}" for i, node in self.voters.items())
        cluster = self.cluster = self.broker.format()
        for i, node in self.all.items():
            node.storage("format", "-t", cluster, "-c", node.file, *(["-I", first] if i in ids else ["-N"]))
            node.spawn()
        self.broker.start()
        self.load = Load(self.broker.bootstrap)
        self.load.more()
        self.caught_up()

    def first_batch(self):
        said = kafka("dump-log", "--cluster-metadata-decoder", "--files", self.voters[1].metadata_log).stdout
        first = said.split("baseOffset: ")[1]
        has(first, "lastOffset: 2 count: 3", "isControl: true", "LeaderChange: ", 'KRaftVersion {"version":0,"kRaftVersion":1}', "KRaftVoters {")
        for i, node in self.voters.items():
            has(first, f'"voterId":{i},"voterDirectoryId":"{self.directory(i)}","endpoints":[{{"name":"CONTROLLER","host":"127.0.0.1","port":{node.controller_port}}}]')

    def directory(self, i):
        return self.all[i].meta_properties()["directory.id"]

    def joins(self, i):
        """A controller that does not vote has all that there is."""
        _, _, now, _ = self.until("a high watermark", lambda d: d[2] > 0)
        self.observes(self.all[i], now, self.directory(i))

    def described(self):
        found = [asked(node) for node in self.all.values()]
        return max((d for d in found if d), key=lambda d: d[1], default=None)

    def leader(self, after=0):
        leader, epoch, *_ = self.until(f"a leader after epoch {after}", lambda d: d[1] > after)
        return self.all[leader], epoch

    def lead(self, node, how):
        if len(self.voters) == 3:
            super().lead(node, how)

    def add(self, i):
        self.joins(i)
        # A stock one fetches before it listens.
        self.until(f"controller {i} serves", lambda _: asked(self.all[i]) is not None)
        self.ask_to_add(i)
        self.voters[i] = self.all[i]
        self.load.more()
        self.caught_up()
        self.votes()

    def ask_to_add(self, i):
        change_voters(lambda: self.ask("--command-config", self.all[i].file, "add-controller"), f"Added controller {i} with directory id {self.directory(i)} .*\n")

    def remove(self, i, directory=None):
        change_voters(lambda: self.ask("remove-controller", "-i", i, "-d", directory or self.directory(i)), f"Removed  KRaft controller {i} with directory id .*\n")
        del self.voters[i]
        self.load.more()

    def all_replaced(self):
        """Those that it knows are gone, and the fourth, which alone votes, is known to it by controller.quorum.bootstrap.servers only."""
        down = next(node for node in self.voters.values() if node.kind == "kraftig")
        down.kill()
        self.leader_other_than(down.node_id)
        # What it acknowledges is committed in its epoch, before which it changes no voters.
        self.load.more()
        self.joins(JOINER)
        self.ask_to_add(JOINER)
        was, self.voters = list(self.voters), {**self.voters, JOINER: self.all[JOINER]}
        for i in sorted(was, key=lambda i: i != down.node_id):
            self.remove(i)
            self.leader_other_than(i)
        for i in was:
            if i != down.node_id:
                self.all[i].kill()
        self.load.more()
        down.spawn()
        self.joins(down.node_id)
        for i in was:
            if i != down.node_id:
                self.all[i].spawn()
            self.add(i)
        self.remove(JOINER)
        self.leader_other_than(JOINER)
        self.caught_up()

    def removed_while_one_is_down(self):
        leader, _ = self.leader()
        down = next(node for node in self.voters.values() if node is not leader and node.node_id != 1)
        gone = self.voters[1]
        if gone is leader:
            self.remove(1)
            self.leader_other_than(1)
        else:
            down.kill()
            self.remove(1)
            down.spawn()
        self.caught_up()

    def leader_other_than(self, i):
        return self.until(f"another leader than {i}", lambda d: d[0] != i)

    def leader_removed(self):
        leader, epoch = self.leader()
        self.last_removed = leader.node_id
        self.remove(leader.node_id)
        found = self.leader_other_than(leader.node_id)
        assert found[1] > epoch, f"epoch {found[1]}, and the removed one led {epoch}"
        self.load.more()
        self.caught_up()
        # It may restart, and is an observer then.
        leader.kill()
        leader.spawn()
        self.load.more()

    def added_and_killed(self):
        self.add(self.last_removed)
        leader, epoch = self.leader()
        leader.kill()
        self.leader(epoch)
        self.load.more()
        leader.spawn()
        self.caught_up()

    def disk_lost(self):
        leader, _ = self.leader()
        lost = next(node for node in self.voters.values() if node is not leader)
        i, was = lost.node_id, self.directory(lost.node_id)
        lost.kill()
        shutil.rmtree(lost.dirs[0])
        lost.storage("format", "-t", self.cluster, "-c", lost.file, "-N")
        lost.spawn()
        self.remove(i, was)
        self.add(i)

    def moved(self):
        """To another port, while it is stopped: nobody but itself knows."""
        leader, _ = self.leader()
        node = next(node for node in self.voters.values() if node is not leader)
        node.stop()
        (port,) = free_ports(1)
        was, node.controller_port = node.controller_port, port
        node.configure(listeners=f"CONTROLLER://127.0.0.1:{port}")
        node.spawn()
        end = time.monotonic() + LIMIT_S
        while f"CONTROLLER://127.0.0.1:{port}" not in self.ask("describe", "--status").stdout:
            assert time.monotonic() < end, f"the voters have node {node.node_id} at {was}, and not at {port}"
            time.sleep(0.1)
        self.lead(node, "killed")
        self.load.more()
        self.caught_up()

    def joins_by_itself(self, node):
        """Stock Kafka adds again whom somebody has removed."""
        i = node.node_id
        node.configure(controller_quorum_auto_join_enable="true")
        if i not in self.voters:
            self.add(i)
        node.stop()
        node.spawn()
        self.caught_up()
        self.remove(i)
        self.leader_other_than(i)
        for _ in range(2):
            self.joins(i)
            time.sleep(3)  # what must not happen takes a second at most
            self.joins(i)
            node.kill()
            # Nothing but the file remembers it then.
            for file in node.metadata_log.parent.iterdir():
                if file.name != "kraftig-once-voter":
                    file.unlink()
            node.spawn()
        self.joins(i)
        node.kill()
        shutil.rmtree(node.dirs[0])
        node.storage("format", "-t", self.cluster, "-c", node.file, "-N")
        node.spawn()
        self.voters[i] = node
        self.caught_up()
        # And with another one, where the voters still have the one before.
        node.kill()
        shutil.rmtree(node.dirs[0])
        node.storage("format", "-t", self.cluster, "-c", node.file, "-N")
        node.spawn()
        end = time.monotonic() + LIMIT_S
        while self.directory(i) not in self.ask("describe", "--status").stdout.split("CurrentObservers")[0]:
            assert time.monotonic() < end, "it does not take the place of the one before"
            time.sleep(0.1)
        self.load.more()
        self.caught_up()

    def logs(self, spoil=None):
        """Up to the high watermark, from the latest start of a log on."""
        committed = self.caught_up()
        self.broker.stop()
        for node in self.all.values():
            node.stop()
        if spoil:
            spoil(committed)
        logs = {}
        for i, node in (*self.voters.items(), (BROKER, self.broker)):
            files = sorted(node.metadata_log.parent.glob("*.log"))
            logs[i] = dict(batch for file in files for batch in batches(file, committed))
        start = max(min(log) for log in logs.values())
        logs = {i: {at: bytes for at, bytes in log.items() if at >= start} for i, log in logs.items()}
        one = logs[BROKER]
        for i, log in logs.items():
            eq(sorted(log.keys() ^ one.keys()), [], f"batches of node {i} or the broker alone")
            for offset, got in log.items():
                assert got == one[offset], f"node {i} and the broker differ at offset {offset}: {got.hex()}, {one[offset].hex()}"
        print(f"   {len(one)} batches from offset {start} on, {committed} records", flush=True)

    def snapshots(self):
        """The last that each took names those that the log named then."""
        latest = {}
        for node in (*self.voters.values(), self.broker):
            found = sorted(file for file in node.metadata_log.parent.glob("*.checkpoint") if not file.name.startswith("0" * 20))
            latest.update({str(file): int(file.name[:20]) for file in found[-1:]})
        assert latest, "nobody took a snapshot"
        logs = [file for node in (*self.voters.values(), self.broker) for file in node.metadata_log.parent.glob("*.log")]
        in_logs = {}
        for said in dumped(logs).values():
            for line in said.splitlines():
                if "KRaftVoters {" in line:
                    in_logs[int(re.search(r"offset: (\d+)", line)[1])] = named(line)
        for file, said in dumped(latest).items():
            has(said, 'KRaftVersion {"version":0,"kRaftVersion":1}', "SnapshotFooter")
            eq(named(said), in_logs[max(offset for offset in in_logs if offset < latest[file])], f"the voters in {file}")
        print(f"   {len(latest)} snapshots", flush=True)


class Upgraded(Quorum):
    """Static voters, until the log names them."""

    def check(self):
        def step(text, function, *args):
            return check(f"{self.name}, upgraded: {text}", function, *args)

        if not step("start", self.start):
            return
        if self.leader()[0].kind != "stock":
            step("stock leads", self.to_kind, "stock", "killed")
        step("kraft.version goes from 0 to 1", self.upgrade)
        step("a controller of ours leads", self.to_kind, "kraftig", "killed")
        step("a stock controller leads", self.to_kind, "stock", "stopped")
        step("all keep votes by directory", self.votes)
        step("every acknowledged topic is there", self.topics)
        step("the metadata logs are the same", self.logs)
        step("stock Kafka takes all that it is told", self.complaints)

    def upgrade(self):
        """The leader must have heard of all."""
        leader, _ = self.leader()
        end = time.monotonic() + LIMIT_S
        command = ["features", "--bootstrap-controller", f"127.0.0.1:{leader.controller_port}", "upgrade", "--feature", "kraft.version=1"]
        while (tried := kafka(*command, ok=False)).returncode:
            assert time.monotonic() < end, tried.stdout + tried.stderr
        eq(tried.stdout.strip(), "kraft.version was upgraded to 1.", "what stock's tool says")
        self.load.more()
        said = told(KRAFTIG, "metadata-quorum", "--bootstrap-controller", f"127.0.0.1:{leader.controller_port}", "describe", "--status")
        for i, node in self.voters.items():
            has(said, f'{{"id": {i}, "directoryId": "{node.meta_properties()["directory.id"]}", "endpoints": ["CONTROLLER://127.0.0.1:{node.controller_port}"]}}')
        self.caught_up()

    def votes(self):
        for i, node in self.voters.items():
            has((node.metadata_log.parent / "quorum-state").read_text(), '"data_version":1')


def dumped(files):
    """What stock Kafka's tool shows of files."""
    said = kafka("dump-log", "--cluster-metadata-decoder", "--files", ",".join(map(str, files))).stdout
    return dict(part.split("\n", 1) for part in said.split("Dumping ")[1:])


def named(said):
    """The voters of the only VotersRecord that dump-log shows: id, directory and port."""
    (record,) = re.findall(r"KRaftVoters (\{.*\})", said)
    return sorted(re.findall(r'"voterId":(\d+),"voterDirectoryId":"([^"]+)".*?"port":(\d+)', record))


def main():
    a = arguments(__doc__, quorums={"nargs": "*", "default": ["kkk+k+k", "skk+k+s", "ssk+s+k"], "metavar": "VOTERS+JOINER+BROKER"},
                  upgrades={"nargs": "*", "default": ["ssk+kraftig"], "metavar": "VOTERS+BROKER"},
                  **{"break": {"choices": ["add", "log", "snapshot"], "help": "it must be seen, and the status 1"}})
    if how := getattr(a, "break"):
        Dynamic("kkk+k+k", a.dir).broken(how)
        check.finish()
    for name in a.quorums:
        Dynamic(name, a.dir).check()
    for name in a.upgrades:
        Upgraded(name, a.dir).check()
    check.finish()


if __name__ == "__main__":
    main()
