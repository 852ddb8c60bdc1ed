"""A good client that measures, and crowds of bad ones, each in a process of its own, for hostile.py."""
import errno
import multiprocessing
import resource
import select
import socket
import struct
import time

import hostile_wire as wire

FORK = multiprocessing.get_context("fork")
PAUSE_S = 0.005  # between two operations of the good client
OPERATION_S = 60  # a bound against hanging
CONNECTING = 500  # connections of a crowd that are being made at once: fewer than a listener's backlog, as hostile.py sets it


class GoodClient:
    """Produces a record or asks for metadata, one at a time, every few milliseconds; every twentieth time on a new connection."""

    def __init__(self, port, topic):
        self.pipe, theirs = FORK.Pipe()
        self.process = FORK.Process(target=_be_good, args=(port, topic, theirs), daemon=True)
        self.process.start()

    def mark(self):
        """What happened since the last mark: (latencies in ms, errors)."""
        self.pipe.send("mark")
        return self.pipe.recv()

    def end(self):
        self.process.terminate()
        self.process.join()


def _be_good(port, topic, pipe):
    frames = [wire.produce(topic, wire.plain_batch(b"x" * 100)), wire.metadata([topic])]
    sock, count, latencies, errors = None, 0, [], []
    while True:
        while pipe.poll():
            pipe.recv()
            pipe.send((latencies, errors))
            latencies, errors = [], []
        began = time.perf_counter()
        try:
            if sock is None or count % 20 == 0:
                if sock is not None:
                    sock.close()
                sock = wire.connect(port, OPERATION_S)
            sock.sendall(frames[count % 2])
            answer = wire.receive(sock)
            if answer is None:
                raise OSError("the connection was closed")
            if count % 2 == 0:
                error = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(topic) + 4 + 4)[0]
                if error:
                    raise OSError(f"error {error} to a produce request")
        except OSError as e:
            errors.append(str(e))
            sock = None
            time.sleep(0.05)
        latencies.append((time.perf_counter() - began) * 1000)
        count += 1
        time.sleep(PAUSE_S)


class Crowd:
    """`count` connections that do the same for some seconds. Modes:

    hold   send the frame, then nothing more
    drip   send it byte by byte, one a second
    churn  send it, hang up, come again
    ask    send it, read the answer, send it again
    mute   send it again and again, and read nothing
    """

    def __init__(self, port, count, frame, mode, seconds):
        self.pipe, theirs = FORK.Pipe()
        self.process = FORK.Process(target=_crowd, args=(port, count, frame, mode, seconds, theirs), daemon=True)
        self.process.start()

    def result(self):
        """What it counted: connections that were made, that the node closed, answers."""
        counted = self.pipe.recv()
        self.process.join()
        return counted


class _Peer:
    __slots__ = ("sock", "sent", "buffer", "connected", "next_byte")

    def __init__(self, sock):
        self.sock, self.sent, self.buffer, self.connected, self.next_byte = sock, 0, b"", False, 0.0


def _crowd(port, count, frame, mode, seconds, pipe):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    poll, peers, connecting = select.epoll(), {}, 0
    counted = {"connections": 0, "closed": 0, "answers": 0, "open": 0}
    end = time.monotonic() + seconds

    def open_one():
        s = socket.socket()
        s.setblocking(False)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # nothing lingers of thousands
        if mode == "mute":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        if s.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS):
            s.close()
            return False
        peers[s.fileno()] = _Peer(s)
        poll.register(s, select.EPOLLOUT | select.EPOLLIN)
        return True

    def close(peer):
        nonlocal connecting
        if not peer.connected:
            connecting -= 1
        del peers[peer.sock.fileno()]
        poll.unregister(peer.sock)
        peer.sock.close()

    def send(peer):
        """Whether there is more to send at once."""
        limit = peer.sent + 1 if mode == "drip" else len(frame)
        peer.sent += peer.sock.send(frame[peer.sent:limit])
        if mode == "mute" and peer.sent == len(frame):
            peer.sent = 0
        if mode == "drip":
            peer.next_byte = time.monotonic() + 1
            return False
        return peer.sent < len(frame)

    made = 0
    while time.monotonic() < end:
        while connecting < CONNECTING and (made < count or mode == "churn" and len(peers) < count):
            if not open_one():
                break
            made += 1
            connecting += 1
        for fd, event in poll.poll(0.05):
            peer = peers[fd]
            try:
                if not peer.connected and event & (select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP):
                    if (error := peer.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) != 0:
                        raise OSError(error, "")
                    peer.connected = True
                    connecting -= 1
                    counted["connections"] += 1
                    if not frame and mode == "churn":
                        close(peer)
                        continue
                    if not frame:
                        poll.modify(fd, select.EPOLLIN)
                if event & select.EPOLLIN and mode != "mute":
                    data = peer.sock.recv(1 << 18)
                    if not data:
                        raise ConnectionResetError
                    if mode == "ask":
                        peer.buffer += data
                        while len(peer.buffer) >= 4 and len(peer.buffer) >= 4 + (size := struct.unpack_from(">i", peer.buffer)[0]):
                            peer.buffer = peer.buffer[4 + size:]
                            counted["answers"] += 1
                            peer.sent = 0
                            poll.modify(fd, select.EPOLLIN | select.EPOLLOUT)
                if event & select.EPOLLOUT and peer.sent < len(frame) and not send(peer):
                    poll.modify(fd, 0 if mode == "mute" else select.EPOLLIN)
                    if mode == "churn":
                        close(peer)
                elif event & (select.EPOLLHUP | select.EPOLLERR):
                    raise ConnectionResetError
            except BlockingIOError:
                pass
            except OSError:
                counted["closed"] += 1
                close(peer)
        if mode == "drip":
            now = time.monotonic()
            for peer in list(peers.values()):
                if peer.connected and now >= peer.next_byte and peer.sent < len(frame):
                    try:
                        send(peer)
                    except OSError:
                        counted["closed"] += 1
                        close(peer)
    counted["open"] = sum(peer.connected for peer in peers.values())
    pipe.send(counted)
    for peer in list(peers.values()):
        peer.sock.close()
