"""The attacks of hostile.py. Each is given the suite, does its worst, and says by `want` what it expects of us."""
import random
import struct
import zlib

import hostile_wire as wire
from hostile_load import Crowd

OTHER_CLUSTER = "AAAAAAAAAAAAAAAAAAAAAA"
OTHER_ID = bytes(range(16))
LAST = 2**31 - 1
INVALID, FENCED, UNKNOWN_EPOCH, OTHER, NOT_ME = 42, 74, 75, 104, 125
CLOSED = "closed"
CASES = []


def case(what, **options):
    """Options: seconds (how long the good client is measured at least), descriptors (the node's limit of them)."""
    def register(function):
        CASES.append((function.__name__, what, function, options))
        return function
    return register


def vote(s, epoch, **kw):
    """What comes of a vote request: the error that decides, and whether it was granted."""
    return quorum(s, wire.vote(epoch, **kw), 52, kw.get("version", 1))


def begin(s, epoch, leader, **kw):
    return quorum(s, wire.begin(epoch, leader, **kw), 53, kw.get("version", 1))


def quorum(s, frame, key, version):
    answer = s.ask(s.controller, frame)
    if answer is None:
        return CLOSED
    top, error, _, _, granted = wire.quorum_answer(answer, key, version)
    return "granted" if granted else top or error


def fetch(s, epoch, **kw):
    answer = s.ask(s.controller, wire.fetch(epoch, **kw))
    if answer is None:
        return CLOSED
    top, error, *_ = wire.fetch_answer(answer)
    return top or error


# ---------- the quorum's requests, wrong in what they say
@case("another cluster's id")
def other_cluster(s):
    for version in (0, 1):
        s.want(f"Vote v{version}", vote(s, s.epoch + 1, cluster=OTHER_CLUSTER, version=version), OTHER)
        s.want(f"Begin v{version}", begin(s, s.epoch + 1, 9, cluster=OTHER_CLUSTER, version=version), OTHER)
    s.want("Fetch", fetch(s, s.epoch, cluster=OTHER_CLUSTER), OTHER)


@case("no log, two logs, a log that is not there")
def other_log(s):
    s.want("Vote", vote(s, s.epoch + 1, topic="t"), INVALID)
    s.want("Vote, partition 1", vote(s, s.epoch + 1, partition=1), INVALID)
    s.want("Vote, partition -1", vote(s, s.epoch + 1, partition=-1), INVALID)
    s.want("Begin, partition 1", begin(s, s.epoch + 1, 9, partition=1), INVALID)
    s.want("Fetch", fetch(s, s.epoch, topic_id=OTHER_ID), INVALID)
    s.want("Fetch, partition 7", fetch(s, s.epoch, partition=7), INVALID)
    s.want("Vote without topics", quorum(s, wire.request(52, 0, b"\0\x01\0", flexible=True), 52, 0), INVALID)


@case("for another voter")
def other_voter(s):
    s.want("Vote", vote(s, s.epoch, voter=9), NOT_ME, INVALID)  # it is wrong in its candidate too
    s.want("Vote, other directory", vote(s, s.epoch, voter_directory=OTHER_ID), NOT_ME, INVALID)
    s.want("Begin", begin(s, s.epoch, 1, voter=9), NOT_ME)


@case("an unknown replica follows")
def unknown_replica(s):
    for replica in (9, -1, LAST, -LAST):
        s.want(f"Fetch by {replica}", fetch(s, s.epoch, replica=replica), 0)
    s.want("Fetch, far beyond the end", fetch(s, s.epoch, offset=1 << 62, last_epoch=s.epoch), 0)


@case("negative numbers")
def negative(s):
    s.want("Vote, last epoch", vote(s, s.epoch + 1, last_epoch=-1), INVALID)
    s.want("Vote, last offset", vote(s, s.epoch + 1, last_offset=-1), INVALID)
    s.want("Vote, candidate", vote(s, s.epoch + 1, candidate=-1), INVALID)
    s.want("Vote, epoch", vote(s, -1), INVALID)
    s.want("Vote, lowest epoch", vote(s, -(2**31)), INVALID)
    s.want("Begin, epoch", begin(s, -1, 9), FENCED)
    s.want("Fetch, epoch", fetch(s, -1), INVALID)
    s.want("Fetch, offset", fetch(s, s.epoch, offset=-1), INVALID)
    s.want("Fetch, last epoch", fetch(s, s.epoch, last_epoch=-1), INVALID)
    s.want("Fetch, last epoch above", fetch(s, s.epoch, last_epoch=s.epoch + 1), INVALID)
    s.want("Fetch, wait", fetch(s, s.epoch, max_wait=-1), INVALID)
    s.want("Fetch, sizes", fetch(s, s.epoch, min_bytes=-1, max_bytes=-1), 0)
    s.want("Begin, leader", begin(s, s.epoch, -1), INVALID)


@case("old epochs")
def old_epochs(s):
    s.want("Vote", vote(s, s.epoch, last_epoch=0), 0, INVALID)
    s.want("Begin", begin(s, s.epoch - 1, 1), FENCED)
    s.want("Fetch", fetch(s, s.epoch - 1), FENCED)


@case("fetches from the future")
def future_fetch(s):
    for epoch in (s.epoch + 1, LAST - 1, LAST):
        s.want(f"Fetch, epoch {epoch}", fetch(s, epoch), UNKNOWN_EPOCH)


@case("on the port of clients")
def on_the_broker_port(s):
    for what, frame in (("Vote", wire.vote(s.epoch + 1)), ("Begin", wire.begin(s.epoch + 1, 9)), ("Begin, same epoch", wire.begin(s.epoch, 9))):
        s.want(what, CLOSED if s.ask(s.broker, frame) is None else "answered", CLOSED)
    answer = s.ask(s.broker, wire.fetch(s.epoch))
    s.want("Fetch as a client", CLOSED if answer is None else wire.fetch_answer(answer)[1], 100)  # UNKNOWN_TOPIC_ID


@case("an unknown candidate, next epoch", seconds=2)
def unknown_candidate(s):
    s.want("Vote v0", vote(s, s.epoch + 1, version=0), INVALID)
    s.want("Vote v1", vote(s, s.epoch + 1), INVALID)


@case("the node's own id from another directory", seconds=2)
def own_id(s):
    s.want("Vote", vote(s, s.epoch + 1, candidate=1, directory=OTHER_ID), INVALID)
    s.want("Vote, no directory", vote(s, s.epoch + 1, candidate=1), INVALID)


@case("a vote for the last epoch but one", seconds=2)
def last_but_one_vote(s):
    s.want("Vote", vote(s, LAST - 1), INVALID)


@case("a vote for the last epoch", seconds=2)
def last_vote(s):
    s.want("Vote", vote(s, LAST), INVALID)


@case("another leader of the same epoch", seconds=2)
def contradicting_leader(s):
    s.want("Begin v0", begin(s, s.epoch, 9, version=0), INVALID)
    if s.node.alive():
        s.want("Begin v1", begin(s, s.epoch, 9), INVALID)


@case("a leader that is no voter", seconds=2)
def leader_without_vote(s):
    s.want("Begin", begin(s, s.epoch + 1, 9), INVALID)


@case("the same, with an address", seconds=2)
def leader_with_address(s):
    s.want("Begin", begin(s, s.epoch + 1, 9, endpoint=("127.0.0.1", 9)), INVALID)


@case("you lead a later epoch", seconds=2)
def you_lead(s):
    s.want("Begin", begin(s, s.epoch + 1, 1), INVALID)
    if s.node.alive():
        s.want("Begin, last epoch", begin(s, LAST, 1), INVALID)


@case("a leader of the last epoch", seconds=2)
def leader_of_the_last_epoch(s):
    s.want("Begin", begin(s, LAST, 9, endpoint=("127.0.0.1", 9)), INVALID)


# ---------- frames
@case("sizes that are none")
def sizes(s):
    for port in s.ports:
        for size in (-1, -(2**31), 0, 1, 3, LAST, 104857601):
            frame = struct.pack(">i", size) + bytes(max(0, min(size, 64)))
            s.want(f"size {size}", CLOSED if s.ask(port, frame) is None else "answered", CLOSED)


@case("other protocols")
def other_protocols(s):
    hello = bytes.fromhex("16030100c8010000c40303") + bytes(194)
    for port in s.ports:
        for what, data in (("TLS", hello), ("HTTP", b"GET / HTTP/1.1\r\nHost: kafka\r\n\r\n"), ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n"), ("zeros", bytes(4096))):
            s.want(what, CLOSED if s.ask(port, data) is None else "answered", CLOSED)


@case("APIs and versions that nobody has")
def unknown_apis(s):
    for port in s.ports:
        for key, version in ((-1, 0), (93, 0), (32767, 0), (3, -1), (3, 99), (1, 19), (0, 99), (7, 0), (4, 0)):
            answer = s.ask(port, wire.request(key, version, b"\0" * 8))
            s.want(f"{key} v{version}", CLOSED if answer is None else "answered", CLOSED)
        answer = s.ask(port, wire.request(18, 99, b"", flexible=True))
        s.want("ApiVersions v99", CLOSED if answer is None else struct.unpack_from(">h", answer, 4)[0], 35)


@case("bodies of random bytes", seconds=3)
def garbage(s):
    chance, sent, answered = random.Random(1), 0, 0
    for port in s.ports:
        for key, low, high in s.served(port):
            for version in range(low, high + 1):
                for size in (0, 7, 60, 900):
                    sent += 1
                    # Bytes near 0 and 1 get further into a body than any.
                    body = bytes(chance.choice((0, 0, 1, 2, 3, 255, chance.randrange(256))) for _ in range(size))
                    answered += s.ask(port, wire.request(key, version, body, flexible=size == 60), limit=5) is not None
    s.note(f"{sent:,} frames, {answered} answered")


@case("counts and lengths that the frame does not hold")
def counts(s):
    nested = b""
    for _ in range(2000):
        nested = wire.uvarint(1) + wire.uvarint(0) + wire.uvarint(len(nested)) + nested
    bodies = {
        "topics 2^31-1": wire.request(3, 4, struct.pack(">i", LAST) + b"\0"),
        "topics -2": wire.request(3, 4, struct.pack(">i", -2) + b"\0"),
        "name 32767": wire.request(3, 4, struct.pack(">ih", 1, 32767)),
        "name -7": wire.request(3, 4, struct.pack(">ih", 1, -7) + b"\0"),
        "varint without end": wire.request(18, 3, b"\xff" * 64, flexible=True),
        "compact 2^31": wire.request(18, 3, b"\xff\xff\xff\xff\x0f", flexible=True),
        "2^31 tags": wire.request(18, 3, b"\x02a\x02b\xff\xff\xff\xff\x0f", flexible=True),
        "tag of 2^31 bytes": wire.request(18, 3, b"\x02a\x02b\x01\x01\xff\xff\xff\xff\x0f", flexible=True),
        "client id 32767": wire.framed(struct.pack(">hhih", 18, 0, 1, 32767)),
        "client id -9": wire.framed(struct.pack(">hhih", 18, 0, 1, -9)),
        "records 2^31-1": wire.request(0, 7, struct.pack(">hhiihcii", -1, -1, 1000, 1, 1, b"t", 1, 0) + struct.pack(">i", LAST)),
    }
    for what, frame in bodies.items():
        s.want(what, CLOSED if s.ask(s.broker, frame) is None else "answered", CLOSED)
    answer = s.ask(s.broker, wire.request(18, 3, b"\x02a\x02b" + nested, flexible=True))
    s.want("tags in tags", CLOSED if answer is None else "answered", "answered")


@case("half a size, half a header, half a body, then gone", seconds=3)
def halves(s):
    whole = wire.produce("good", wire.plain_batch(b"x" * 5000))
    crowds = [Crowd(port, 50, whole[:cut], "churn", 2.5) for port in s.ports for cut in (2, 9, 2000)]
    s.count(crowds)


@case("connect and hang up", seconds=3)
def churn(s):
    s.count([Crowd(port, 100, b"", "churn", 2.5) for port in s.ports])


# ---------- memory
@case("2,000 promises of 100 MB, 100 bytes each kept", seconds=3)
def promises(s):
    frame = struct.pack(">i", 100_000_000) + bytes(100)
    s.count([Crowd(port, 1000, frame, "hold", 2.5) for port in s.ports])


@case("300 promises of 100 MB, 3 MB each kept", seconds=4)
def kept_promises(s):
    frame = struct.pack(">ihh", 100_000_000, 0, 7) + bytes(3_000_000)
    # Where nothing bounds what the node takes, it must have the time to take it all.
    s.count([Crowd(s.broker, 300, frame, "hold", 30 if s.broken == "memory" else 3.5)])


@case("40 million names in one request", seconds=4)
def many_elements(s):
    frame = wire.request(3, 4, struct.pack(">i", 40_000_000) + bytes(80_000_000) + b"\0")
    s.count([Crowd(s.broker, 2, frame, "ask", 3.5)])


@case("30 million topics in one Produce", seconds=4)
def many_topics(s):
    count = 30_000_000
    body = b"\0" + struct.pack(">hi", 1, 1000) + wire.uvarint(count + 1) + b"\x01\x01\0" * count + b"\0"
    s.count([Crowd(s.broker, 2, wire.request(0, 9, body, flexible=True), "ask", 3.5)])


@case("a request that becomes 1 GiB", seconds=5)
def bombs(s):
    squeeze = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    gzip = b"".join(squeeze.compress(part) for part in (wire.record_head(256 << 20), *[zeros] * 256, b"\0")) + squeeze.flush()
    crowds = []
    for what, codec, payload in (("zstd, 1 GiB in 32 KiB", 4, wire.zstd_bomb(1 << 30)), ("gzip, 256 MiB in 256 KiB", 1, gzip)):
        frame = wire.produce("good", wire.batch(payload, codec))
        answer = s.ask(s.broker, frame, limit=60)
        error = CLOSED if answer is None else struct.unpack_from(">h", answer, 4 + 4 + 2 + 4 + 4 + 4)[0]
        s.want(what, "refused" if error != 0 else "taken", "refused")
        crowds.append(Crowd(s.broker, 4, frame, "ask", 2))
    s.count(crowds)


@case("answers that nobody reads: 20 MB of records", seconds=4)
def mute_consumers(s):
    s.fill("big", 20)
    s.count([Crowd(s.broker, 60, wire.fetch_topic("big"), "mute", 3.5)])


@case("answers that nobody reads: the metadata", seconds=4)
def mute_clients(s):
    s.count([Crowd(s.broker, 1000, wire.metadata(), "mute", 3.5), Crowd(s.controller, 500, wire.fetch(s.epoch), "mute", 3.5)])


# ---------- connections
@case("500 senders of one byte a second", seconds=5)
def slow_senders(s):
    s.count([Crowd(port, 250, wire.api_versions(), "drip", 4.5) for port in s.ports])


@case("10,000 idle connections to the clients' port", seconds=8)
def crowd_of_clients(s):
    s.count([Crowd(s.broker, 10_000, b"", "hold", 7.5)])


@case("10,000 idle connections to the controller's port", seconds=8)
def crowd_of_peers(s):
    s.count([Crowd(s.controller, 10_000, b"", "hold", 7.5)])


@case("10,000 connections that ask", seconds=8)
def crowd_that_asks(s):
    s.count([Crowd(s.broker, 10_000, wire.api_versions(), "ask", 7.5)])


# ---------- floods of valid requests
@case("ApiVersions from 200", seconds=3)
def flood_api_versions(s):
    s.count([Crowd(port, 100, wire.api_versions(), "ask", 2.5) for port in s.ports])


@case("Metadata of all topics from 200", seconds=3)
def flood_metadata(s):
    s.count([Crowd(s.broker, 200, wire.metadata(), "ask", 2.5)])


@case("CreateTopics, to be validated, from 200", seconds=3)
def flood_create(s):
    s.count([Crowd(s.broker, 200, wire.create_topic("never", 10, validate_only=True), "ask", 2.5)])


@case("fetches that wait, from 2,000", seconds=3)
def flood_parked(s):
    s.count([Crowd(s.broker, 1000, wire.fetch_topic("good", 1 << 40, LAST, LAST), "ask", 2.5),
             Crowd(s.controller, 1000, wire.fetch(s.epoch, 1 << 40, s.epoch, max_wait=LAST), "ask", 2.5)])


@case("votes and leaders' calls from 200", seconds=3)
def flood_votes(s):
    s.count([Crowd(s.controller, 100, wire.vote(s.epoch), "ask", 2.5), Crowd(s.controller, 100, wire.begin(s.epoch, 1), "ask", 2.5)])


@case("the metadata log from its beginning, to 200", seconds=3)
def flood_followers(s):
    s.count([Crowd(s.controller, 200, wire.fetch(s.epoch), "ask", 2.5)])


@case("5,000 connections to a node of 1,024 descriptors", seconds=6, descriptors=1024)
def few_descriptors(s):
    s.count([Crowd(s.broker, 5000, b"", "hold", 5.5)])
