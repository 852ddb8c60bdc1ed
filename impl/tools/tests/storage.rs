//! `kraftig storage` as its user meets it: what it prints, what it ends with, what it leaves on the disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kraftig_log::bootstrap;
use kraftig_log::meta_properties::{MetaProperties, Version};
use kraftig_log::snapshot::{self, SnapshotFile, SnapshotId};
use kraftig_spec::types::{Epoch, Offset};
use kraftig_wire::messages::MetadataRecord;

const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";
const VOTER: &str = "ZbiFC_AVJJjPyZEQlINm2A";
const OTHER: &str = "5Db5QLSqSZieL3rJBUUegA";

/// A node that is not formatted yet, in a directory of its own.
struct Node {
    base: tempfile::TempDir,
}

impl Node {
    /// A combined node with the log directories `a` and `b` and these lines.
    fn new(lines: &str) -> Self {
        let base = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| base.path().join(name));
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
             listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
             controller.listener.names=CONTROLLER\nlog.dirs={},{}\n{lines}\n",
            a.display(),
            b.display()
        );
        fs::write(base.path().join("server.properties"), text).unwrap();
        Self { base }
    }

    /// One without static voters.
    fn dynamic() -> Self {
        Self::new("controller.quorum.voters=\ncontroller.quorum.bootstrap.servers=localhost:9093")
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    fn storage(&self, command: &str, arguments: &[&str]) -> Output {
        kraftig(&["storage", command, "-c"])
            .arg(self.dir("server.properties"))
            .args(arguments)
            .output()
            .unwrap()
    }

    fn format(&self, arguments: &[&str]) -> Output {
        self.storage("format", &[&["-t", CLUSTER], arguments].concat())
    }

    /// Every file below the node's directory.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut rest = vec![self.base.path().to_owned()];
        while let Some(directory) = rest.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    rest.push(path);
                } else {
                    files.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        files
    }

    /// It must refuse with status 1 and begin its message so, and leave everything as it was.
    fn refuses(&self, arguments: &[&str], message: &str) {
        let before = self.files();
        let output = self.format(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).starts_with(message), "{arguments:?}: {output:?}");
        assert_eq!(self.files(), before, "{arguments:?}");
    }
}

fn kraftig(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kraftig"));
    command.args(arguments);
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn features(directory: &Path) -> Vec<(String, i16)> {
    let records = bootstrap::read(directory).unwrap().unwrap();
    records
        .into_iter()
        .map(|record| match record {
            MetadataRecord::FeatureLevel(record) => (record.name.to_string(), record.feature_level),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn format_makes_both_files_in_each_directory() {
    let node = Node::new("");
    let output = node.format(&[]);
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<_> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("Bootstrap metadata: BootstrapMetadata(records=[ApiMessageAndVersion(FeatureLevelRecord(name='metadata.version', featureLevel=29) at version 0), "));
    assert!(lines[0].ends_with("], metadataVersionLevel=29, source=format command)"));
    let [a, b] = ["a", "b"].map(|name| node.dir(name));
    assert_eq!(
        lines[1..],
        [
            format!("Formatting metadata directory {} with metadata.version 4.2-IV1.", a.display()),
            format!("Formatting data directory {} with metadata.version 4.2-IV1.", b.display()),
        ]
    );
    let [one, other] = [&a, &b].map(|dir| MetaProperties::read(dir).unwrap());
    assert_eq!(one.version, Version::V1);
    assert_eq!(one.cluster_id.as_deref(), Some(CLUSTER));
    assert!(one.directory_id.is_some() && one.directory_id != other.directory_id);
    let expected = [
        ("metadata.version", 29),
        ("eligible.leader.replicas.version", 1),
        ("group.version", 1),
        ("share.version", 1),
        ("streams.version", 1),
        ("transaction.version", 2),
    ];
    assert_eq!(features(&b), expected.map(|(name, level)| (name.to_owned(), level)));
}

#[test]
fn a_formatted_directory_is_never_touched() {
    let node = Node::new("");
    node.format(&[]);
    let a = node.dir("a");
    let message = format!(
        "Log directory {} is already formatted. Use --ignore-formatted to ignore this directory and format the others.",
        a.display()
    );
    node.refuses(&[], &message);
    let before = node.files();
    let output = node.format(&["-g"]);
    assert_eq!(text(&output.stdout), "All of the log directories are already formatted.\n");
    assert_eq!(node.files(), before);

    fs::remove_dir_all(node.dir("b")).unwrap();
    let output = node.format(&["--ignore-formatted"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(node.files().len(), before.len());
    assert_eq!(node.files()[&a.join("meta.properties")], before[&a.join("meta.properties")]);
}

#[test]
fn another_clusters_or_nodes_directory_is_refused() {
    let node = Node::new("");
    node.format(&[]);
    let output = node.storage("format", &["-g", "-t", "other"]);
    assert_eq!(output.status.code(), Some(1));
    let message = format!(
        "Invalid cluster.id in: {}/meta.properties. Expected other, but read {CLUSTER}",
        node.dir("a").display()
    );
    assert!(text(&output.stderr).starts_with(&message), "{output:?}");
    let file = node.dir("server.properties");
    let changed =
        fs::read_to_string(&file).unwrap().replace("node.id=1", "node.id=2").replace("1@", "2@");
    fs::write(file, changed).unwrap();
    node.refuses(&["-g"], "Stored node id 1 doesn't match previous node id 2 in ");
}

#[test]
fn releases_and_features() {
    type Case = (&'static [&'static str], &'static [(&'static str, i16)]);
    let cases: [Case; 5] = [
        (&["-r", "3.9.1"], &[("metadata.version", 21)]),
        (
            &["-r", "4.0"],
            &[("metadata.version", 25), ("group.version", 1), ("transaction.version", 2)],
        ),
        (&["-f", "metadata.version=7"], &[("metadata.version", 7)]),
        (
            &["-r", "3.9", "-f", "transaction.version=1"],
            &[("metadata.version", 21), ("transaction.version", 1)],
        ),
        (
            &[
                "-r",
                "4.0",
                "-f",
                "group.version=1",
                "-f",
                "group.version=0",
                "-f",
                "transaction.version=0",
            ],
            &[("metadata.version", 25)],
        ),
    ];
    for (arguments, expected) in cases {
        let node = Node::new("");
        let output = node.format(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let expected: Vec<_> =
            expected.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect();
        assert_eq!(features(&node.dir("a")), expected, "{arguments:?}");
    }
}

#[test]
fn wrong_arguments_leave_nothing() {
    let node = Node::new("");
    let cases: [(&[&str], &str); 13] = [
        (
            &["-r", "9.9"],
            "Unknown metadata.version '9.9'. Supported metadata.version are: 3.3-IV3, 3.4-IV0, ",
        ),
        (
            &["-r", "4.0", "-f", "metadata.version=25"],
            "Use --release-version instead of --feature metadata.version=X to avoid ambiguity.",
        ),
        (&["-f", "metadata.version=99"], "No MetadataVersion with feature level 99."),
        (&["-f", "foo"], "Can't parse feature=level string foo: equals sign not found."),
        (&["-f", "foo=x"], "Can't parse feature=level string foo=x: unable to parse x as a short."),
        (
            &["-f", "foo.bar=1"],
            "Unsupported feature: foo.bar. Supported features are: eligible.leader.replicas.version, group.version, kraft.version, share.version, streams.version, transaction.version",
        ),
        (&["-f", "share.version=2"], "No feature:share.version with feature level 2"),
        (
            &["-f", "kraft.version=1"],
            "Cannot set kraft.version to 1 unless controller.quorum.voters is empty",
        ),
        (
            &["-r", "3.9", "-f", "eligible.leader.replicas.version=1"],
            "eligible.leader.replicas.version could not be set to 1 because it depends on metadata.version level 23",
        ),
        (
            &["-s"],
            "You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone.",
        ),
        (
            &["-I", "1@localhost:9093:AAAAAAAAAAAAAAAAAAAAAA"],
            "You cannot specify controller.quorum.voters",
        ),
        (&["-r", "9.9", "-s"], "Unknown metadata.version '9.9'."),
        (&["-S", "SCRAM-SHA-256=[name=a,password=b]"], "SCRAM credentials are not served yet"),
    ];
    for (arguments, message) in cases {
        node.refuses(arguments, message);
    }
    let dynamic = Node::dynamic();
    dynamic.refuses(&[], "Because controller.quorum.voters is not set on this controller, you must specify one of the following: ");
    let cases: [(&[&str], &str); 4] = [
        (
            &["-s", "-f", "kraft.version=0"],
            "Cannot set kraft.version to 0 if controller.quorum.voters is empty",
        ),
        (&["-I", "1@localhost:9093"], "No colon following port could be found."),
        (
            &["-I", "1@localhost:9093:AAAAAAAAAAAAAAAAAAAAAQ"],
            "Invalid directory ID AAAAAAAAAAAAAAAAAAAAAQ in dynamic voter string: it is reserved.",
        ),
        (
            &["-I", &format!("1@a:1:{VOTER},1@b:1:{VOTER}")],
            "Node id 1 was specified more than once.",
        ),
    ];
    for (arguments, message) in cases {
        dynamic.refuses(arguments, message);
    }
    let wrong = Node::new("num.partitions=0");
    wrong
        .refuses(&[], "Invalid value 0 for configuration num.partitions: Value must be at least 1");
}

/// The first voters are in the snapshot of an empty log, and the directory is the one that it names.
#[test]
fn a_dynamic_quorum_begins_with_its_voters() {
    let three = format!("2@b:9094:{VOTER},1@[::1]:9093:{OTHER},3@c:9095:{VOTER}");
    let alone = ["localhost 9093".to_owned()];
    let all = ["0:0:0:0:0:0:0:1 9093", "b 9094", "c 9095"].map(str::to_owned);
    let cases: [(&[&str], &[String], &str); 4] = [
        (&["-s"], &alone, "dynamic metadata voter directory"),
        (&["-I", &three], &all, "dynamic metadata voter directory"),
        (&["-I", &format!("2@b:9094:{VOTER}")], &all[1..2], "dynamic metadata directory"),
        (&["-N"], &[], "metadata directory"),
    ];
    for (arguments, expected, kind) in cases {
        let node = Node::dynamic();
        // A format that did not get to its end is no hindrance.
        let log = node.dir("a").join("__cluster_metadata-0");
        let id = SnapshotId { end: Offset(0), epoch: Epoch(0) };
        if !expected.is_empty() {
            fs::create_dir_all(&log).unwrap();
            fs::write(snapshot::path(&log, id), "torn").unwrap();
        }
        let output = node.format(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let line = format!("Formatting {kind} {} with metadata.version", node.dir("a").display());
        assert!(text(&output.stdout).contains(&line), "{arguments:?}: {output:?}");
        assert!(!node.dir("b").join("__cluster_metadata-0").exists());
        let Some(file) = SnapshotFile::open(&log, id).unwrap() else {
            assert!(expected.is_empty(), "{arguments:?}");
            continue;
        };
        let (header, mut records) = file.contents().unwrap();
        assert!(records.next().is_none());
        assert_eq!(header.kraft_version, 1);
        let voters = header.voters.unwrap().voters;
        let places: Vec<_> = voters
            .iter()
            .map(|voter| format!("{} {}", voter.endpoints[0].host, voter.endpoints[0].port))
            .collect();
        assert_eq!(places, expected, "{arguments:?}");
        let directory = MetaProperties::read(&node.dir("a")).unwrap().directory_id.unwrap();
        let voter = voters.iter().find(|voter| voter.voter_id == 1);
        assert!(voter.is_none_or(|voter| voter.voter_directory_id == directory.0));
    }
}

#[test]
fn levels_that_belong_together() {
    let printed = |arguments: &[&str]| {
        let output = kraftig(&[&["storage"], arguments].concat()).output().unwrap();
        (output.status.code(), text(&output.stdout).to_owned() + text(&output.stderr))
    };
    let mapping = "metadata.version=25 (4.0)\nkraft.version=1\ntransaction.version=2\ngroup.version=1\neligible.leader.replicas.version=0\nshare.version=0\nstreams.version=0\n";
    assert_eq!(printed(&["version-mapping", "-r", "4.0"]), (Some(0), mapping.to_owned()));
    let needed = "eligible.leader.replicas.version=1 requires:\n    metadata.version=23 (4.0-IV1)\ngroup.version=1 has no dependencies.\n";
    let features = ["-f", "eligible.leader.replicas.version=1", "-f", "group.version=1"];
    let arguments = [&["feature-dependencies"], &features[..]].concat();
    assert_eq!(printed(&arguments), (Some(0), needed.to_owned()));
    let unknown = (Some(1), "Unknown feature: nope\n".to_owned());
    assert_eq!(printed(&["feature-dependencies", "-f", "nope=1"]), unknown);
}

#[test]
fn unreadable_directories_are_left_out() {
    let node = Node::new("");
    node.format(&[]);
    fs::write(node.dir("b").join("meta.properties"), "version=7\n").unwrap();
    let output = node.format(&["-g"]);
    assert!(output.status.success(), "{output:?}");
    let ignoring = format!(
        "I/O error trying to read log directory {}. Ignoring...\n",
        node.dir("b").display()
    );
    assert_eq!(
        text(&output.stdout),
        ignoring + "All of the log directories are already formatted.\n"
    );
    fs::write(node.dir("a").join("meta.properties"), "version=7\n").unwrap();
    let output = node.format(&["-g"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).ends_with("No available log directories to format.\n"),
        "{output:?}"
    );
}

#[test]
fn info_tells_directories_metadata_and_problems() {
    let node = Node::new("");
    let [a, b] = ["a", "b"].map(|name| node.dir(name));
    fs::create_dir(&b).unwrap();
    let output = node.storage("info", &[]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "Found log directory:\n  {b}\n\nFound problem:\n  {a} does not exist\n  {b} is not formatted.\n\n",
        a = a.display(),
        b = b.display()
    );
    assert_eq!(text(&output.stdout), expected);

    node.format(&[]);
    let output = node.storage("info", &[]);
    assert!(output.status.success(), "{output:?}");
    let directory = MetaProperties::read(&a).unwrap().directory_id.unwrap();
    let expected = format!(
        "Found log directories:\n  {}\n  {}\n\nFound metadata: {{cluster.id={CLUSTER}, directory.id={directory}, node.id=1, version=1}}\n\n",
        a.display(),
        b.display()
    );
    assert_eq!(text(&output.stdout), expected);

    fs::write(b.join("meta.properties"), "version=1\nnode.id=1\ncluster.id=other\n").unwrap();
    let output = node.storage("info", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("  Mismatched cluster IDs between storage directories.\n"),
        "{output:?}"
    );
}

#[test]
fn random_ids_differ() {
    let ids = [0, 1].map(|_| kraftig(&["storage", "random-uuid"]).output().unwrap().stdout);
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| text(id).trim_end().parse::<kraftig_wire::Uuid>().is_ok()));
}

/// A reader that went away is no reason to leave a directory half formatted.
#[test]
fn a_closed_pipe_does_not_stop_format() {
    let node = Node::new("");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = kraftig(&["storage", "format", "-t", CLUSTER, "-c"])
        .arg(node.dir("server.properties"))
        .stdout(Stdio::from(writer))
        .status()
        .unwrap();
    assert!(status.success(), "{status:?}");
    assert!(node.dir("b").join("meta.properties").exists());
}
