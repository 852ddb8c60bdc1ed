"""What controllers' directories say of the metadata: their latest snapshots, and their logs, of which the beginning may be gone."""
import collections
import re

from node import KRAFTIG, eq, run

TOPIC = re.compile(r'"type":"TOPIC_RECORD","version":\d+,"data":\{"name":"([^"]+)","topicId":"([^"]+)"')


def snapshots(directory):
    """(end, epoch, file) of each, the oldest first."""
    found = ((re.fullmatch(r"(\d{20})-(\d{10})\.checkpoint", path.name), path) for path in directory.glob("*.checkpoint"))
    return sorted((int(m[1]), int(m[2]), path) for m, path in found if m and int(m[1]))


def segments(directory):
    return sorted(directory.glob("*.log"))


def begins(directory):
    """The first offset of the log."""
    return min((int(file.stem) for file in segments(directory)), default=0)


def dump(*files):
    return run(KRAFTIG, "dump-log", "--cluster-metadata-decoder", "--files", ",".join(map(str, files))).stdout


class History:
    """Of one controller, below the high watermark."""

    def __init__(self, node, high):
        self.node_id = node.node_id
        directory = node.metadata_log.parent
        self.batches = {}  # base offset -> its lines, without their places in the file
        for line in dump(*segments(directory)).splitlines():
            if line.startswith("baseOffset:"):
                if int(re.search(r"lastOffset: (-?\d+)", line)[1]) >= high:
                    break
                assert "isvalid: true" in line, f"node {self.node_id}: {line}"
                lines = self.batches[int(line.split()[1])] = [re.sub(r" position: \d+", "", line)]
            elif line.startswith("|") and self.batches:
                lines.append(line)
        self.snapshots = {(end, epoch): file for end, epoch, file in snapshots(directory)}
        self.end, self.topics = 0, []  # (name, topic id) of all, those of the snapshot before those of the log
        if self.snapshots:
            (self.end, _), file = max(self.snapshots.items())
            self.topics += TOPIC.findall(dump(file))
        after = (lines for base, lines in self.batches.items() if base >= self.end)
        self.topics += TOPIC.findall("\n".join(line for lines in after for line in lines))


def judge(nodes, high, acknowledged, sent):
    """Nothing is lost, twice, or nobody's, and all have the same. Gives the histories."""
    histories = [History(node, high) for node in nodes]
    first = histories[0]
    for history in histories:
        who = f"node {history.node_id}"
        names = [name for name, _ in history.topics]
        twice = [name for name, times in collections.Counter(names).items() if times > 1]
        eq(twice[:5], [], f"{who}: {len(twice)} topics that were created twice")
        eq(len({topic_id for _, topic_id in history.topics}), len(names), f"{who}: distinct topic ids")
        lost = sorted(set(acknowledged) - set(names))
        eq(lost[:5], [], f"{who}: {len(lost)} acknowledged topics that are in neither snapshot nor log")
        eq(sorted(set(names) - set(sent))[:5], [], f"{who}: topics that nobody asked for")
        others = sorted(set(history.topics) ^ set(first.topics))
        eq(others[:5], [], f"nodes {first.node_id} and {history.node_id}: {len(others)} topics that only one has")
        common = sorted(history.batches.keys() & first.batches.keys())
        assert common, f"the logs of {first.node_id} and {history.node_id} have no batch in common"
        others = sorted(base for base in history.batches.keys() ^ first.batches.keys() if base > common[0])
        eq(others[:5], [], f"nodes {first.node_id} and {history.node_id}: batches that only one has, after offset {common[0]}")
        for base in common:
            eq(history.batches[base], first.batches[base], f"offset {base} of nodes {history.node_id} and {first.node_id}")
        for name in history.snapshots.keys() & first.snapshots.keys():
            same = history.snapshots[name].read_bytes() == first.snapshots[name].read_bytes()
            assert same, f"the snapshots {name} of nodes {first.node_id} and {history.node_id} differ"
    return histories
