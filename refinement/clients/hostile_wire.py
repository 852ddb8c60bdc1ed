"""Frames of Kafka's protocol, written byte by byte, for hostile.py: it also needs those that no client library would send."""
import socket
import struct

METADATA_ID = bytes(15) + b"\x01"
NO_ID = bytes(16)


# ---------- the parts of a frame
def string(text):
    return struct.pack(">h", len(text)) + text.encode()


def uvarint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def varint(n):
    return uvarint((n << 1) ^ (n >> 63))


def compact(text):
    return b"\0" if text is None else uvarint(len(text) + 1) + text.encode()


def tagged(fields):
    """The tagged fields at the end of a structure: {tag: bytes}."""
    return uvarint(len(fields)) + b"".join(uvarint(tag) + uvarint(len(value)) + value for tag, value in sorted(fields.items()))


def framed(payload):
    return struct.pack(">i", len(payload)) + payload


def request(key, version, body, flexible=False, correlation=1):
    """A whole frame: size, header, body."""
    return framed(struct.pack(">hhi", key, version, correlation) + string("hostile") + (b"\0" if flexible else b"") + body)


# ---------- the quorum's requests
def vote(epoch, candidate=9, directory=NO_ID, voter=1, voter_directory=NO_ID, last_epoch=0, last_offset=1 << 40, cluster=None, partition=0,
         topic="__cluster_metadata", version=1):
    asked = struct.pack(">iii", partition, epoch, candidate) + (directory + voter_directory if version > 0 else b"") + struct.pack(">iq", last_epoch, last_offset) + b"\0"
    body = compact(cluster) + (struct.pack(">i", voter) if version > 0 else b"") + b"\x02" + compact(topic) + b"\x02" + asked + b"\0" + b"\0"
    return request(52, version, body, flexible=True)


def begin(epoch, leader, voter=1, cluster=None, partition=0, endpoint=None, version=1):
    if version == 0:
        cluster = struct.pack(">h", -1) if cluster is None else string(cluster)
        body = cluster + struct.pack(">i", 1) + string("__cluster_metadata") + struct.pack(">iiii", 1, partition, leader, epoch)
        return request(53, 0, body)
    endpoints = b"\x01" if endpoint is None else b"\x02" + compact("CONTROLLER") + compact(endpoint[0]) + struct.pack(">H", endpoint[1]) + b"\0"
    asked = struct.pack(">i", partition) + NO_ID + struct.pack(">ii", leader, epoch) + b"\0"
    body = compact(cluster) + struct.pack(">i", voter) + b"\x02" + compact("__cluster_metadata") + b"\x02" + asked + b"\0" + endpoints + b"\0"
    return request(53, 1, body, flexible=True)


def fetch(epoch, offset=0, last_epoch=0, replica=9, topic_id=METADATA_ID, partition=0, max_wait=0, min_bytes=0, max_bytes=8 << 20, cluster=None, correlation=1):
    """Fetch version 17."""
    one = struct.pack(">iiqiqi", partition, epoch, offset, last_epoch, -1, max_bytes) + b"\0"
    body = struct.pack(">iiibii", max_wait, min_bytes, max_bytes, 0, 0, -1) + b"\x02" + topic_id + b"\x02" + one + b"\0" + b"\x01" + b"\x01"
    tags = {1: struct.pack(">iq", replica, -1) + b"\0"}
    if cluster is not None:
        tags[0] = compact(cluster)
    return request(1, 17, body + tagged(tags), flexible=True, correlation=correlation)


# ---------- what a client asks
def api_versions(correlation=1):
    return request(18, 0, b"", correlation=correlation)


def metadata(topics=None, correlation=1):
    """Version 4: of the topics named, or of all; none is created."""
    names = struct.pack(">i", -1) if topics is None else struct.pack(">i", len(topics)) + b"".join(map(string, topics))
    return request(3, 4, names + b"\0", correlation=correlation)


def create_topic(name, partitions=1, validate_only=False, correlation=1):
    """Version 4."""
    body = struct.pack(">i", 1) + string(name) + struct.pack(">ihii", partitions, 1, 0, 0) + struct.pack(">ib", 30000, validate_only)
    return request(19, 4, body, correlation=correlation)


def produce(topic, batch, acks=-1, correlation=1):
    """Version 7, partition 0."""
    body = struct.pack(">hhii", -1, acks, 30000, 1) + string(topic) + struct.pack(">iii", 1, 0, len(batch)) + batch
    return request(0, 7, body, correlation=correlation)


def fetch_topic(topic, offset=0, max_wait=0, min_bytes=1, max_bytes=50 << 20, correlation=1):
    """Version 11, partition 0, as a consumer."""
    body = struct.pack(">iiiibiii", -1, max_wait, min_bytes, max_bytes, 0, 0, -1, 1) + string(topic)
    body += struct.pack(">iiiqqi", 1, 0, -1, offset, -1, max_bytes) + struct.pack(">i", 0) + string("")
    return request(1, 11, body, correlation=correlation)


def _crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


CRC32C = _crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC32C[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def record_head(size):
    """What stands before a value of `size` bytes, in a record without key and headers."""
    rest = b"\0\0\0" + varint(-1) + varint(size)
    return varint(len(rest) + size + 1) + rest


def batch(payload, codec=0, records=1):
    """A record batch: `payload` is the records, compressed if there is a codec."""
    after = struct.pack(">hiqqqhii", codec, records - 1, 1_700_000_000_000, 1_700_000_000_000, -1, -1, -1, records) + payload
    return struct.pack(">qiibI", 0, len(after) + 9, -1, 2, crc32c(after)) + after


def plain_batch(value):
    return batch(record_head(len(value)) + value + b"\0")


def zstd_bomb(size):
    """A record of `size` zeros as zstd: one raw block, then runs of 128 KiB in 4 bytes each."""
    head = record_head(size)
    blocks = (len(head) << 3).to_bytes(3, "little") + head
    whole, rest = divmod(size + 1, 128 << 10)
    run = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    blocks += run * whole + (rest << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd\x00\x38" + blocks  # no content size, a window of 128 KiB


# ---------- sending and receiving
def connect(port, timeout=60):
    s = socket.create_connection(("127.0.0.1", port), timeout)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def receive(s):
    """The next frame without its size; None where the node has closed the connection."""
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack(">i", data[:4])[0]:
        try:
            more = s.recv(1 << 20)
        except ConnectionError:
            return None
        if not more:
            return None
        data += more
    return data[4:]


def ask(port, frame, timeout=60):
    """What a node answers on a connection of its own."""
    with connect(port, timeout) as s:
        try:
            s.sendall(frame)
        except ConnectionError:
            return None
        return receive(s)


class Reader:
    """Reads an answer from its front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, format_):
        values = struct.unpack_from(">" + format_, self.data, self.at)
        self.at += struct.calcsize(">" + format_)
        return values if len(values) > 1 else values[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take("B")
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def compact(self):
        size = self.uvarint() - 1
        self.at += size
        return self.data[self.at - size:self.at]


def quorum_answer(frame, key, version):
    """(top-level error, error, leader, epoch, granted) of an answer to Vote or BeginQuorumEpoch; what is not there is None."""
    r = Reader(frame)
    r.take("i")
    if key == 53 and version == 0:
        top, topics = r.take("hi")
        if not topics:
            return top, None, None, None, None
        size = r.take("h")
        r.at += size
        r.take("ii")
        return top, *r.take("hii"), None
    r.uvarint()
    top = r.take("h")
    if r.uvarint() < 2:
        return top, None, None, None, None
    r.compact()
    r.uvarint()
    r.take("i")
    error, leader, epoch = r.take("hii")
    return top, error, leader, epoch, r.take("?") if key == 52 else None


def fetch_answer(frame):
    """(top-level error, error, leader, epoch, high watermark, record bytes) of an answer to Fetch version 17 of one partition."""
    r = Reader(frame)
    r.take("i")
    r.uvarint()
    _, top, _ = r.take("ihi")
    if r.uvarint() < 2:
        return top, None, None, None, None, None
    r.at += 16
    r.uvarint()
    _, error, high_watermark, _, _ = r.take("ihqqq")
    aborted = r.uvarint()
    assert aborted < 2, "aborted transactions in the metadata log"
    r.take("i")
    records = r.uvarint() - 1
    r.at += max(records, 0)
    leader = epoch = None
    for _ in range(r.uvarint()):
        tag, size = r.uvarint(), r.uvarint()
        if tag == 1:
            leader, epoch = struct.unpack_from(">ii", r.data, r.at)
        r.at += size
    return top, error, leader, epoch, high_watermark, records


def leadership(port):
    """(leader, epoch) as the controller on this port has it: the answer to a vote request that can change nothing."""
    _, _, leader, epoch, _ = quorum_answer(ask(port, vote(1, candidate=9, version=0)), 52, 0)
    return leader, epoch
