//! `kraftig quickstart`: from nothing to a node that clients can use, in one command.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

use clap::Args;
use kraftig_log::meta_properties::{self, random_uuid};
use kraftig_server::config::Config;

use crate::output::{Failure, Output, fail};
use crate::server;
use crate::storage::NewNode;

#[derive(Args)]
pub(crate) struct Quickstart {
    /// Where the node keeps everything
    #[arg(long, default_value = "kraftig-data")]
    dir: PathBuf,
    /// The port for clients; the controller listens on the next one [default: 9092, or the one it had before]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=65534))]
    port: Option<u16>,
}

/// The file that says how to start the directory again. Its first line is how quickstart knows its own.
const FILE: &str = "server.properties";
const MARK: &str = "# Made by kraftig quickstart.\n";
const HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 9092;

impl Quickstart {
    pub(crate) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        let dir = absolute(&self.dir)?;
        let file = dir.join(FILE);
        if is_new(&dir)? {
            make(&dir, &file, self.port.unwrap_or(DEFAULT_PORT), out)?;
        } else {
            check_own(&dir, &file)?;
            out.line(format!("{} was made before; it is started as it is.", dir.display()));
        }
        // The directory may have moved since.
        let mut overrides = vec![("log.dirs".to_owned(), utf8(&dir)?.to_owned())];
        if let Some(port) = self.port {
            overrides.extend(addresses(port));
        }
        let config = Config::load(&file, &overrides)?;
        let advertised = config.listeners.advertised_broker.first();
        let port = advertised.map_or(DEFAULT_PORT, |listener| listener.port);
        out.line(how_to_connect(port, &file));
        server::run(config, None)
    }
}

/// Whether nothing is there that formatting could harm.
fn is_new(dir: &Path) -> Result<bool, Failure> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => fail(format!("Cannot look into {}: {error}", dir.display())),
    }
}

/// A directory with something in it must be one that quickstart made.
fn check_own(dir: &Path, file: &Path) -> Result<(), Failure> {
    let shown = dir.display();
    let own = fs::read(file).is_ok_and(|bytes| bytes.starts_with(MARK.as_bytes()));
    let formatted = dir.join(meta_properties::FILE_NAME).try_exists()?;
    match (own, formatted) {
        (true, true) => Ok(()),
        (true, false) => fail(format!(
            "{shown} was not formatted to its end. Remove it, or name another directory with --dir."
        )),
        (false, true) => fail(format!(
            "{shown} is the log directory of a node that quickstart did not make. Start it with its own configuration: kraftig server start FILE. Or name a new directory with --dir."
        )),
        (false, false) => fail(format!(
            "{shown} is not empty. Quickstart formats a new directory, never an old one: name one with --dir."
        )),
    }
}

fn make(dir: &Path, file: &Path, port: u16, out: &mut Output) -> Result<(), Failure> {
    let text = properties(utf8(dir)?, port);
    // What is wrong with it (a comma in the directory's name) shows before anything is written.
    let properties = kraftig_server::config::parse_properties(text.as_bytes())?;
    let config = Config::from_properties(properties)?;
    if config.log_dirs != [dir] {
        return fail(format!(
            "{} has a comma or a blank at its end in its name, which log.dirs cannot hold. Name another directory with --dir.",
            dir.display()
        ));
    }
    fs::create_dir_all(dir)?;
    fs::write(file, text)?;
    let cluster_id = random_uuid()?.to_string();
    out.line(format!("Formatting {} for the new cluster {cluster_id}.", dir.display()));
    NewNode::latest(cluster_id, config.node_id)?.write(dir, None)
}

fn utf8(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| Failure(format!("{} is no UTF-8 text.", path.display())))
}

/// The keys that name this node's ports.
fn addresses(port: u16) -> [(String, String); 3] {
    let controller = port + 1;
    [
        ("listeners", format!("PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}")),
        ("advertised.listeners", format!("PLAINTEXT://{HOST}:{port}")),
        ("controller.quorum.voters", format!("1@{HOST}:{controller}")),
    ]
    .map(|(key, value)| (key.to_owned(), value))
}

fn properties(dir: &str, port: u16) -> String {
    let mut text = MARK.to_owned();
    text.push_str(
        "# Start it again: kraftig quickstart --dir DIRECTORY, or kraftig server start THIS-FILE\n",
    );
    let mut line = |key: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key}={}", escape(value));
    };
    line("process.roles", "broker,controller");
    line("node.id", "1");
    for (key, value) in addresses(port) {
        line(&key, &value);
    }
    line("controller.listener.names", "CONTROLLER");
    line("log.dirs", dir);
    // A cluster of one cannot keep more than one copy.
    for key in [
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
        "transaction.state.log.min.isr",
    ] {
        line(key, "1");
    }
    text
}

/// A value in the properties syntax, whose files are ISO 8859-1.
fn escape(value: &str) -> String {
    let mut escaped = String::new();
    for unit in value.encode_utf16() {
        match u8::try_from(unit) {
            Ok(b'\\') => escaped.push_str("\\\\"),
            Ok(byte @ b' '..=b'~') => escaped.push(char::from(byte)),
            _ => {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

fn how_to_connect(port: u16, file: &Path) -> String {
    let at = format!("{HOST}:{port}");
    format!(
        "
Clients connect to {at}. In another terminal, with kcat:
  echo hello | kcat -b {at} -P -t greetings
  kcat -b {at} -C -t greetings -e

or with Apache Kafka's own tools:
  kafka-topics.sh --bootstrap-server {at} --create --topic greetings --partitions 1
  kafka-console-producer.sh --bootstrap-server {at} --topic greetings
  kafka-console-consumer.sh --bootstrap-server {at} --topic greetings --partition 0 --offset earliest

Its configuration is {}. Ctrl-C stops it; the same command starts it again.
",
        file.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_directory_survives_its_file() {
        for dir in ["/data", "/a b\\c=d:#!", "/é\u{1f600}"] {
            let properties =
                kraftig_server::config::parse_properties(properties(dir, 9092).as_bytes());
            let config = Config::from_properties(properties.unwrap()).unwrap();
            assert_eq!(config.log_dirs, [Path::new(dir)]);
            assert_eq!(config.warnings, Vec::<String>::new());
            assert_eq!(config.check_served(), Ok(()));
        }
    }
}
