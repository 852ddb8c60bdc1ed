"""Links between nodes that are real ones: each node in a network namespace of its own, joined by veth pairs to a bridge.

Packets from one node to another are dropped on the bridge (nftables), and what a node sends is slowed where it leaves (tc: netem's delay,
or where the kernel has none a rate at which 10 kB take as long). Everything lives in namespaces of the script's own and goes with it. Needs
root, and `ip`, `tc`, `ss`, `nft`, `nsenter` and `unshare` (Debian's packages iproute2, nftables and util-linux).
"""
import atexit
import os
import subprocess
import sys

PORT = 9092
INSIDE = "KRAFTIG_NEMESIS_INSIDE"


def sh(*command, text=None):
    r = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if r.returncode:
        raise OSError(f"{' '.join(command)}: {r.stderr.strip()}")
    return r.stdout


def enter(directory):
    """Begins again in namespaces of this script's own, which makes another directory."""
    if INSIDE not in os.environ:
        try:
            sh("unshare", "--net", "--mount", "true")
        except OSError as error:
            sys.exit(f"network namespaces are not permitted here: {error}")
        directory.rmdir()
        os.environ[INSIDE] = "1"
        sys.stdout.flush()
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])


def address(node):
    return f"10.0.0.{node}"


class Links:
    """As `nemesis_links.Links`."""

    def __init__(self, nodes, _pairs):
        self.holders = {}  # node -> a process that keeps its namespace
        self.nodes = list(nodes)
        sh("ip", "link", "add", "hub", "type", "bridge")
        sh("ip", "addr", "add", f"{address(254)}/24", "dev", "hub")
        sh("ip", "link", "set", "hub", "up")
        for node in self.nodes:
            self._join(node)
        sh("nft", "-f", "-", text="""
            table bridge kraftig {
                set cut { type ipv4_addr . ipv4_addr; }
                chain forward { type filter hook forward priority 0; ip saddr . ip daddr @cut drop; }
            }""")
        try:
            self._tc(self.nodes[0], "replace", "root", "netem", "delay", "1ms")
            self.slowed_by = "netem"
        except OSError:
            self.slowed_by = "tbf (the kernel has no netem)"
        self.mend()

    def _join(self, node):
        holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(holder.kill)
        holder.stdout.readline()
        self.holders[node] = holder
        sh("ip", "link", "add", f"node{node}", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        sh("ip", "link", "set", f"node{node}", "master", "hub", "up")
        self._in(node, "ip", "addr", "add", f"{address(node)}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            self._in(node, "ip", "link", "set", device, "up")

    def command(self, node):
        """What a command is run by that runs where the node is."""
        return ["nsenter", f"--net=/proc/{self.holders[node].pid}/ns/net"]

    def _in(self, node, *command):
        return sh(*self.command(node), *command)

    def _tc(self, node, what, *how):
        self._in(node, "tc", "qdisc", what, "dev", "eth0", *how)

    def place(self, node):
        """Where it listens."""
        return address(node), PORT

    def way(self, _from, to):
        """Where `_from` finds `to`."""
        return self.place(to)

    @property
    def flows(self):
        return [(i, j) for i in self.nodes for j in self.nodes if i != j]

    def set(self, ways, opened=None, delay_s=None):
        """Opens or closes ways; slows all that goes out from where they begin, as the last one says."""
        if opened is not None:
            pairs = ", ".join(f"{address(i)} . {address(j)}" for i, j in ways if j in self.holders)
            # Deleting what is not in a set is an error, adding what is there is none.
            add = f"add element bridge kraftig cut {{ {pairs} }}\n"
            sh("nft", "-f", "-", text=add + add.replace("add", "delete") if opened else add)
        for node in {i for i, _ in ways} if delay_s is not None else ():
            if not delay_s:
                self._tc(node, "replace", "root", "pfifo_fast")
            elif self.slowed_by == "netem":
                self._tc(node, "replace", "root", "netem", "delay", f"{delay_s * 1000:.0f}ms")
            else:
                self._tc(node, "replace", "root", "tbf", "rate", f"{80 / delay_s:.0f}kbit", "burst", "10kb", "latency", "10s")

    def mend(self):
        self.set(self.flows, opened=True, delay_s=0.0)

    def reset(self):
        """Ends all connections by a reset."""
        for node in self.nodes:
            self._in(node, "ss", "--kill", "--tcp", "state", "established")

    def close(self):
        for holder in self.holders.values():
            holder.kill()
            holder.wait()
        sh("ip", "link", "del", "hub")
        sh("nft", "delete", "table", "bridge", "kraftig")
