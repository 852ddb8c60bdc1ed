#!/usr/bin/env python3
"""Compares impl/wire/schemas with the schemas inside Apache Kafka's own jars, field by field.

Usage: compare_schemas.py [FOLDER OF JARS]      (default: ~/.cache/apache-kafka/4.2.0, as `kafka install` leaves it)

The last line is "N passed, N failed", counted in messages; the status is 1 if any failed. Kafka's `about`, `entityType`,
`mapKey` and `zeroCopy` say nothing about bytes and are left out. Of a message whose latest version Kafka calls unstable, that
version is left out, with its fields. Our own are tagged fields with tags that Kafka will not come to, which its nodes skip.
"""

import json
import re
import sys
import zipfile
from pathlib import Path

SCHEMAS = Path(__file__).resolve().parents[2] / "impl" / "wire" / "schemas"
# Tagged fields from here on are ours, with the structs that they hold.
OWN_TAGS = 10000
# The record types of control batches are in no schema; KIP-595, KIP-630 and KIP-853 number them.
CONTROL = {"LeaderChangeMessage": 2, "SnapshotHeaderRecord": 3, "SnapshotFooterRecord": 4, "KRaftVersionRecord": 5, "VotersRecord": 6}


def versions(text, last=32767):
    """(first, last) of "3", "3-13" or "9+"; None for "none"."""
    if text == "none":
        return None
    if text.endswith("+"):
        return int(text[:-1]), last
    first, _, end = text.partition("-")
    return int(first), int(end or first)


def ours():
    """Each message of our schemas: name -> dict with kind, key, valid, flexible and structs (name -> fields)."""
    messages = {}
    for path in sorted(SCHEMAS.glob("*.schema")):
        message, opened = None, []
        for line in path.read_text().splitlines():
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            depth = (len(line) - len(line.lstrip())) // 4
            if depth == 0 and words[0] == "struct":
                opened = [message["structs"].setdefault(words[1], [])]
            elif depth == 0:
                after = {word: words[i + 1] for i, word in enumerate(words) if word in ("key", "versions", "flexible")}
                opened = [[]]
                message = {
                    "kind": words[0],
                    "key": int(after["key"]) if "key" in after else None,
                    "valid": versions(after["versions"]),
                    "flexible": versions(after["flexible"]),
                    "structs": {words[1]: opened[0]},
                }
                messages[words[1]] = message
            else:
                field = {"name": words[0], "type": words[1], "versions": versions(words[2])}
                rest = words[3:]
                while rest:
                    word = rest.pop(0)
                    field[word] = True if word in ("ignorable", "inflexible") else rest.pop(0)
                if "null" in field:
                    field["null"] = versions(field["null"])
                if "tag" in field:
                    field["tag"] = int(field["tag"])
                del opened[depth:]
                if field.get("tag", 0) >= OWN_TAGS or opened[-1] is None:
                    opened.append(None)
                    continue
                opened[depth - 1].append(field)
                kind = words[1].removeprefix("[]")
                if kind[0].isupper():
                    opened.append(message["structs"].setdefault(kind, []))
    return messages


def stock_schemas(jars):
    """Every schema in Kafka's jars, by name."""
    found = {}
    for jar in ("kafka-clients", "kafka-metadata"):
        (path,) = [p for p in jars.glob(f"{jar}-*.jar") if re.fullmatch(rf"{jar}-[\d.]+\.jar", p.name)]
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if re.fullmatch(r"common/(message|metadata)/\w+\.json", name):
                    text = archive.read(name).decode()
                    # Comments, but nothing that begins inside a string.
                    text = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*', lambda m: m[1] or "", text)
                    schema = json.loads(text)
                    found[schema["name"]] = schema
    return found


def stock(schema):
    """A schema of Kafka's in the form of `ours`."""
    valid = versions(schema["validVersions"])
    if schema.get("latestVersionUnstable"):
        valid = valid[0], valid[1] - 1
    kind = schema["type"]
    if kind == "data":
        kind = "control"
    structs = {}

    def add(name, fields):
        out = structs.setdefault(name, [])
        for theirs in fields:
            carried = versions(theirs["versions"])
            if carried is None or carried[0] > valid[1]:
                continue
            field = {"name": theirs["name"], "type": theirs["type"], "versions": carried}
            if versions(theirs.get("nullableVersions", "none")):
                field["null"] = versions(theirs["nullableVersions"])
            if "default" in theirs:
                default = theirs["default"]
                field["default"] = str(default).lower() if isinstance(default, bool) else str(default) or '""'
            if "tag" in theirs:
                field["tag"] = theirs["tag"]
                assert versions(theirs["taggedVersions"]) == carried, f"{name}.{theirs['name']} is tagged in some versions only"
            if theirs.get("ignorable") in (True, "true"):
                field["ignorable"] = True
            if theirs.get("flexibleVersions") == "none":
                field["inflexible"] = True
            out.append(field)
            if "fields" in theirs:
                add(theirs["type"].removeprefix("[]"), theirs["fields"])

    add(schema["name"], schema["fields"])
    for struct in schema.get("commonStructs", []):
        add(struct["name"], struct["fields"])
    return {
        "kind": kind,
        "key": CONTROL[schema["name"]] if kind == "control" else schema.get("apiKey"),
        "valid": valid,
        "flexible": versions(schema["flexibleVersions"]),
        "structs": structs,
    }


def differences(mine, theirs):
    """What is not the same, one line each."""
    for part in ("kind", "key", "valid", "flexible"):
        if mine[part] != theirs[part]:
            yield f"{part}: ours {mine[part]}, Kafka's {theirs[part]}"
    for name in sorted(mine["structs"].keys() | theirs["structs"].keys()):
        left, right = mine["structs"].get(name), theirs["structs"].get(name)
        if left is None or right is None:
            yield f"struct {name} is only {'Kafka' if left is None else 'our'}s"
            continue
        if [f["name"] for f in left] != [f["name"] for f in right]:
            yield f"{name}: ours {[f['name'] for f in left]}, Kafka's {[f['name'] for f in right]}"
            continue
        for a, b in zip(left, right):
            if a != b:
                yield f"{name}.{a['name']}: ours {a}, Kafka's {b}"


def main():
    jars = Path(sys.argv[1]) if len(sys.argv) > 1 else Path.home() / ".cache" / "apache-kafka" / "4.2.0"
    found = stock_schemas(jars)
    mine = ours()
    failed = 0
    for name, message in sorted(mine.items()):
        wrong = list(differences(message, stock(found[name]))) if name in found else ["Kafka has no such message"]
        failed += bool(wrong)
        for line in wrong:
            print(f"{name}: {line}")
    # A record that Kafka has and we lack would stop a node that replays it.
    for name, schema in sorted(found.items()):
        if schema["type"] == "metadata" and name not in mine:
            failed += 1
            print(f"{name}: we have no such record")
    print(f"{len(mine) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
