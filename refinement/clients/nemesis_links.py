"""Links between nodes that can be cut, slowed and reset: TCP proxies on loopback, one for each ordered pair.

A proxy knows who connects by its own port: each node is given its own ports for all others. What goes from node a to node b passes the flow
(a, b): requests on the link from a to b, and answers on the link from b to a. A flow that is closed holds back everything, the
ends of connections too, and lets it pass when it opens again, as a network does that loses packets and sends them again.
"""
import asyncio
import socket
import struct
import threading

from node import LIMIT_S, free_ports

CHUNK = 16 << 10


class Flow:
    """One direction between two nodes."""

    def __init__(self):
        self.opened = asyncio.Event()
        self.opened.set()
        self.delay_s = 0.0


class Links:
    """All links of a cluster, on a thread of their own. `pairs` are (from, to)."""

    slowed_by = "a proxy"

    def __init__(self, nodes, pairs):
        self.real = dict(zip(nodes, free_ports(len(nodes))))
        self.ports = {}  # (from, to) -> port
        self.flows = {}
        self.connections = set()  # (pair, writer)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self._call(self._listen(pairs))

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(LIMIT_S)

    async def _listen(self, pairs):
        for pair in pairs:
            for way in (pair, pair[::-1]):
                self.flows.setdefault(way, Flow())
            server = await asyncio.start_server(lambda r, w, pair=pair: self._connected(pair, r, w), "127.0.0.1", 0)
            self.ports[pair] = server.sockets[0].getsockname()[1]

    async def _connected(self, pair, reader, writer):
        there, back = self.flows[pair], self.flows[pair[::-1]]
        mine = [(pair, writer)]
        self.connections.update(mine)
        try:
            await there.opened.wait()
            await back.opened.wait()
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.real[pair[1]])
            mine.append((pair, to_writer))
            self.connections.update(mine)
            both = [asyncio.ensure_future(_pump(reader, to_writer, there)), asyncio.ensure_future(_pump(to_reader, writer, back))]
            # When one side is gone the other one hears of it.
            _, left = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
        except OSError:
            pass  # nobody listens: the connection ends
        finally:
            self.connections.difference_update(mine)
            for _, end in mine:
                end.close()

    def place(self, node):
        """Where it listens."""
        return "127.0.0.1", self.real[node]

    def way(self, from_, to):
        """Where `from_` finds `to`."""
        return self.place(to) if from_ == to else ("127.0.0.1", self.ports[from_, to])

    def command(self, _node):
        """What a command is run by that runs where the node is."""
        return []

    def set(self, ways, opened=None, delay_s=None):
        """Opens, closes or slows flows."""
        async def change():
            for way in ways:
                flow = self.flows.get(way)
                if flow and delay_s is not None:
                    flow.delay_s = delay_s
                if flow and opened is not None:
                    (flow.opened.set if opened else flow.opened.clear)()
        self._call(change())

    def mend(self):
        """All is well again."""
        self.set(list(self.flows), opened=True, delay_s=0.0)

    def reset(self):
        """Ends all connections by a reset."""
        async def abort():
            for _, writer in list(self.connections):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
        self._call(abort())

    def close(self):
        """The sockets go with the script."""


async def _pump(reader, writer, flow):
    """Until the connection ends, which passes the flow like everything else."""
    while True:
        try:
            data = await reader.read(CHUNK)
        except OSError:
            data = b""
        if flow.delay_s:
            await asyncio.sleep(flow.delay_s)
        await flow.opened.wait()
        if not data:
            return
        try:
            writer.write(data)
            await writer.drain()
        except OSError:
            return
