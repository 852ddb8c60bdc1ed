"""The second half of `checker/coverage`: what a profile says of spec/src/quorum, held against papers/quorum.unreached."""

import collections
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORE = ROOT / "spec/src/quorum"
ARGUED = ROOT / "papers/quorum.unreached"
# Bugs to be switched on, the writing of traces, and unit tests: no part of what a node decides.
LEFT_OUT = {"mutant.rs", "trace.rs", "tests.rs"}


def lines_of(profile):
    """The lines of the core that hold code: {file: {line: how often it ran}}."""
    found, path = {}, None
    for record in pathlib.Path(profile).read_text().splitlines():
        kind, _, value = record.partition(":")
        if kind == "SF":
            path = pathlib.Path(value)
        elif kind == "DA" and path.parent == CORE and path.name not in LEFT_OUT:
            line, count = value.split(",")[:2]
            found.setdefault(path.name, {})[int(line)] = int(count)
    return found


def main(profile, only_list):
    found = lines_of(profile)
    if not found:
        sys.exit(f"{profile} says nothing of {CORE.relative_to(ROOT)}")
    unreached = []
    for name, lines in sorted(found.items()):
        text = (CORE / name).read_text().splitlines()
        missed = [(line, text[line - 1].strip()) for line, count in sorted(lines.items()) if count == 0]
        print(f"{name:<16} {len(lines) - len(missed):>4} of {len(lines):>4} lines reached")
        unreached += [(name, line, code) for line, code in missed]
    if only_list:
        for name, line, code in unreached:
            print(f"{name}:{line}: {code}")
        return 0
    argued = collections.Counter()
    letters = collections.Counter()
    for entry in ARGUED.read_text().splitlines():
        if entry and not entry.startswith("#"):
            letter, name, code = entry.split(maxsplit=2)
            argued[name, code] += 1
            letters[letter] += 1
    left = argued.copy()
    wrong = 0
    for name, line, code in unreached:
        if left[name, code] > 0:
            left[name, code] -= 1
        else:
            wrong += 1
            print(f"not reached, and not argued: {name}:{line}: {code}")
    for (name, code), count in left.items():
        if count > 0:
            wrong += count
            print(f"argued, and yet reached or gone: {name}: {code}")
    print("argued: " + ", ".join(f"{letter} {count}" for letter, count in sorted(letters.items())))
    print(f"{sum(len(lines) for lines in found.values()) - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--list" in sys.argv[2:]))
