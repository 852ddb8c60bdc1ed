#!/usr/bin/env python3
"""`storage format` and its like on stock Kafka and on ours: the same status, the same texts, the same files to the byte.

    storage_equal.py [--server kraftig|stock]     the side that is held against stock (stock: is this comparison itself steady?)

Left out of the comparison are the times in the files, directory ids that were not given (they must be the same in all files of a
directory), the order of the lines about directories, which stock takes from a hash table, and the class of an exception.
"""
import base64
import re
import stat
import struct

from node import KAFKA, KRAFTIG, Checks, Node, arguments, eq, has, kafka, run

a = arguments(__doc__)
check = Checks()
CLUSTER = "4L6g3nShT-eMCtK--X86sw"
D1, D2, D3 = "ZbiFC_AVJJjPyZEQlINm2A", "5Db5QLSqSZieL3rJBUUegA", "CQkJCQkJCQkJCQkJCQkJCQ"
LISTENERS = {"broker": "PLAINTEXT://localhost:9092", "controller": "CONTROLLER://localhost:9093",
             "broker,controller": "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093"}
CASES = {}
STATIC = {"controller.quorum.voters": "1@localhost:9093", "controller.quorum.bootstrap.servers": None}


def storage(kind, *args):
    return run(KAFKA if kind == "stock" else KRAFTIG, "storage", *args, ok=False)


def texts(r, base):
    """Status and what was said, without what differs by design."""
    out = r.stdout.replace(str(base), "BASE").splitlines()
    first = next((line for line in r.stderr.splitlines() if line.strip()), "").replace(str(base), "BASE")
    return r.returncode, sorted(out), re.sub(r'^Exception in thread "main" [\w.$]+: ', "", first)


def masked(path, directory_id, given):
    """A file's bytes without times, checksums (stock looks at those) and a random directory id."""
    data = path.read_bytes()
    if path.name == "meta.properties":
        lines = data.decode().splitlines(keepends=True)
        assert re.fullmatch(r"#\w{3} \w{3} \d\d \d\d:\d\d:\d\d UTC \d{4}\n", lines[1]), lines[1]
        text = "".join(lines[:1] + sorted(lines[2:]))
        return text if given else text.replace(directory_id, "RANDOM")
    masked, at = bytearray(data), 0
    while at < len(data):
        masked[at + 17:at + 21] = b"crc!"
        masked[at + 27:at + 43] = b"base and greatest"[:16]
        at += 12 + struct.unpack_from(">i", data, at + 8)[0]
    eq(at, len(data), "end of the last batch")
    masked = bytes(masked)
    if path.parent.name == "__cluster_metadata-0":  # in bootstrap.checkpoint the time is 0
        masked, n = re.subn(rb"(\x00\x00\x00\x03\x16\x00\x00).{8}", rb"\1 a time ", masked, flags=re.S)
        eq(n, 1, "headers")
    return masked if given else masked.replace(base64.urlsafe_b64decode(directory_id + "=="), b"a random id of 16")


def files(base, given):
    """Every file below, with its mode and what it holds."""
    found = {}
    for path in sorted(base.rglob("*")):
        if path.is_file() and path.name != "server.properties":
            root = base / path.relative_to(base).parts[0]
            directory_id = re.search("^directory.id=(.*)$", (root / "meta.properties").read_text(), re.M)[1]
            mode = stat.filemode(path.stat().st_mode)
            found[str(path.relative_to(base))] = mode, masked(path, directory_id, directory_id in given)
    return found


def directory(kind, name):
    """Where a case is. Names hold commas, and a list of directories has commas between them."""
    return a.dir / f"{kind}-{CASES.setdefault(name, len(CASES))}"


def one(kind, name, args, roles, properties):
    base = directory(kind, name)
    base.mkdir()
    text = {"process.roles": roles, "node.id": 1, "listeners": LISTENERS[roles], "controller.listener.names": "CONTROLLER",
            "log.dirs": f"{base}/a,{base}/b", "controller.quorum.bootstrap.servers": "localhost:9093", **properties}
    file = base / "server.properties"
    file.write_text("".join(f"{k}={str(v).replace('BASE', str(base))}\n" for k, v in text.items() if v is not None))
    r = storage(kind, "format", "-t", CLUSTER, "-c", file, *args)
    return texts(r, base), files(base, " ".join(args))


def equal(name, args, roles, properties):
    told, written = one("stock", name, args, roles, properties)
    got_told, got_written = one("ours", name, args, roles, properties)
    eq(got_told, told, "status and texts")
    eq(sorted(got_written), sorted(written), "files")
    for path, content in written.items():
        eq(got_written[path], content, path)
    return told, written


def same_text(args):
    eq(texts(storage(a.server, *args), a.dir), texts(storage("stock", *args), a.dir), "status and texts")


def formats(name, *args, roles="controller", size=None, **properties):
    def compare():
        (status, _, error), written = equal(name, args, roles, {k.replace("_", "."): v for k, v in properties.items()})
        eq((status, error), (0, ""), "stock's status")
        snapshot = [path for path in written if "__cluster_metadata-0" in path]
        eq(len(snapshot), 1 if size else 0, "snapshots")
        for path in snapshot:
            file = directory("ours", name) / path
            eq(file.stat().st_size, size, path)
            said = kafka("dump-log", "--cluster-metadata-decoder", "--files", file).stdout
            eq(said.count("isvalid: true"), 2, "batches that stock finds valid")
            has(said, 'KRaftVersion {"version":0,"kRaftVersion":1}')
    check("format " + name, compare)


def refuses(name, *args, roles="controller", **properties):
    def compare():
        (status, _, error), written = equal(name, args, roles, {k.replace("_", "."): v for k, v in properties.items()})
        eq((status, bool(error), written), (1, True, {}), "stock's status, and what it left")
    check("refuse " + name, compare)


if a.server == "stock":
    KRAFTIG = KAFKA

THREE = f"1@localhost:9093:{D1},2@localhost:9094:{D2},3@localhost:9095:{D3}"
formats("static", **STATIC)
formats("static, -N", "-N", **STATIC)
formats("static, 3.9", "-r", "3.9", **STATIC)
formats("static, 4.0 and features", "-r", "4.0", "-f", "group.version=0", "-f", "transaction.version=1", **STATIC)
formats("broker", roles="broker")
formats("no initial controllers", "-N")
formats("no initial controllers, kraft.version", "-N", "-f", "kraft.version=1")
formats("standalone", "-s", size=241)
formats("standalone, combined", "--standalone", roles="broker,controller", size=241)
formats("standalone, 3.8", "-s", "-r", "3.8", size=241)
formats("standalone, own metadata directory", "-s", roles="broker,controller", metadata_log_dir="BASE/m", size=241)
formats("standalone, advertised", "-s", advertised_listeners="CONTROLLER://example.com:1234", size=243)
formats("standalone, any interface", "-s", listeners="CONTROLLER://0.0.0.0:9093", size=241)
formats("standalone, second listener", "-s", listeners="C2://localhost:9094,CONTROLLER://localhost:9093", controller_listener_names="CONTROLLER,C2", size=241)
formats("three controllers", "-I", THREE, size=344)
formats("three controllers, another order", "-I", ",".join(reversed(THREE.split(","))), size=344)
formats("controllers without this one", "-I", f"2@localhost:9094:{D2}", size=241)
formats("controllers for a broker", "-I", f"2@localhost:9094:{D2},", roles="broker", size=241)
formats("IPv6", "-I", f"1@[::1]:9093:{D1}", size=247)
formats("no host", "-I", f"1@:9093:{D1}", size=241)

refuses("no flag")
refuses("standalone broker", "-s", roles="broker")
refuses("voters and -s", "-s", **STATIC)
refuses("voters and -I", "-I", THREE, **STATIC)
refuses("kraft.version 1 with voters", "-f", "kraft.version=1", **STATIC)
refuses("kraft.version 0 without", "-f", "kraft.version=0", "-s")
refuses("kraft.version 0 with -N", "-f", "kraft.version=0", "-N")
refuses("kraft.version 2", "-f", "kraft.version=2", "-s")
refuses("release", "-r", "9.9", "-s")
refuses("release and level", "-r", "4.0", "-f", "metadata.version=25", "-s")
refuses("unknown feature", "-f", "foo.bar=1", "-s")
refuses("level of a feature", "-f", "share.version=2", "-s")
refuses("no level", "-f", "foo", "-s")
for wrong in (f"1localhost:9093:{D1}", f"x@localhost:9093:{D1}", "1@", f"1@[::1:9093:{D1}", "1@localhost", f"1@[::1]9093:{D1}",
              "1@localhost:9093", f"1@localhost:x:{D1}", f"1@localhost:99999:{D1}", "1@localhost:9093:xyz", "", f"{THREE},1@localhost:9096:{D3}"):
    refuses(f"-I '{wrong}'", "-I", wrong)

for args in ("version-mapping", "version-mapping -r 3.9", "version-mapping -r 4.2-IV0", "feature-dependencies -f metadata.version=21",
             "feature-dependencies -f transaction.version=2 -f eligible.leader.replicas.version=1 -f group.version=0 -f kraft.version=1",
             "feature-dependencies -f nope=1", "feature-dependencies -f kraft.version=7", "feature-dependencies -f metadata.version=99", "feature-dependencies -f x"):
    check(args, same_text, args.split())


def starts():
    """Stock Kafka runs on a dynamic quorum of one that we formatted, and finds the voter that the directory is."""
    node = Node("stock", a.dir / "start")
    del node.properties["controller.quorum.voters"]
    node.configure(controller_quorum_bootstrap_servers=f"127.0.0.1:{node.controller_port}")
    run(KRAFTIG, "storage", "format", "-t", CLUSTER, "-c", node.file, "--standalone")
    node.start()
    status = kafka("metadata-quorum", "--bootstrap-server", node.bootstrap, "describe", "--status").stdout
    has(status, '"directoryId": "' + node.meta_properties()["directory.id"] + '", "endpoints": ["CONTROLLER://127.0.0.1:' + f'{node.controller_port}"]')
    node.stop()


check("stock starts on a directory of ours", starts)
check.finish()
