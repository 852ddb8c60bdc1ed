//! `kraftig-check`: explores the models of the protocols that the server runs, and holds traces of the
//! running server against them.

mod bounds;
mod check;
mod counterexample;
mod crosscheck;
mod explore;
mod html;
mod kraft_tla;
mod list;
mod live;
mod merge;
mod mutants;
mod replay;
mod report;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kraftig_spec::model::quorum::{Network, QuorumModel};
use kraftig_spec::quorum::mutant::{Mutant, Mutants};
use kraftig_spec::quorum::properties::Property;

use bounds::BoundsArgs;
use check::RunArgs;
use kraft_tla::KraftTlaArgs;
use live::LiveArgs;
use report::Subject;

/// Model checker of kraftig.
///
/// The functions that it explores are those that the server runs. A model puts them into a world in which
/// messages are lost, disks forget what was not flushed and nodes crash at any moment, and tries
/// everything that can happen within bounds.
#[derive(Parser)]
#[command(version, name = "kraftig-check", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  kraftig-check list
  kraftig-check check quorum --nodes 3 --epochs 3 --values 1
  kraftig-check check quorum --nodes 3 --voters 2 --adds 1 --removes 1 --epochs 1 --values 1
  kraftig-check check quorum --mutant grants-twice --epochs 1 --values 0 --html report.html
  kraftig-check check kraft-tla --servers 3 --elections 2 --symmetry
  kraftig-check check quorum --nodes 5 --epochs 4 --values 3 --swarm 0..1000 --shard 1/4 --json >share-1.json
  kraftig-check merge share-*.json
  kraftig-check mutants quorum
  kraftig-check live quorum --mutant never-checks-quorum
  kraftig-check crosscheck quorum --rows quick
  kraftig-check explore quorum --nodes 2 --epochs 1 --values 1
  kraftig-check replay trace.jsonl --dir LOGDIR/__cluster_metadata-0

Exit codes: 0 complete and clean (replay: the trace is the model's; mutants: all went as it must; crosscheck:
equal), 1 violated (refused, differs), 2 usage, 3 partial, 4 vacuous.";

#[derive(Subcommand)]
enum Command {
    /// List the models with their properties and witnesses.
    List,
    /// Explore everything that can happen within the bounds, and judge it.
    #[command(subcommand)]
    Check(CheckModel),
    /// Join what the shares of one sample said (`check ... --swarm SEEDS --shard I/N --json`): it is what one run over all the
    /// seeds would have said.
    Merge {
        /// What each of the N wrote; the last line of each is its report.
        #[arg(required = true, value_name = "REPORT")]
        files: Vec<PathBuf>,
        /// End with the verdict as one line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Switch known bugs on, one by one, and show that a property finds each; then leave out each property,
    /// and show that a bug goes unseen without it.
    Mutants {
        model: ModelName,
        /// Only this one; as often as wanted.
        #[arg(long, value_name = "NAME", value_parser = mutant)]
        mutant: Vec<Mutant>,
        /// Judge as if this property always held: what only it finds then survives, and the run fails.
        #[arg(long, value_name = "PROPERTY", value_parser = property)]
        without: Option<Property>,
        /// Say what there is, and run nothing.
        #[arg(long)]
        list: bool,
        /// Threads that explore.
        #[arg(long, value_name = "N", value_parser = threads,
              default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
        threads: usize,
        /// End with the verdict as one line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Judge what comes about once nothing goes wrong any more, by all behaviours that are fair.
    Live {
        model: ModelName,
        #[command(flatten)]
        args: LiveArgs,
    },
    /// Run the literal networks too, and compare the node states that they reach with those of the form that
    /// `check` runs: row by row the same set.
    Crosscheck {
        model: ModelName,
        /// Which rows.
        #[arg(long, value_enum, default_value = "all")]
        rows: Rows,
        /// Run the nodes with this bug; one that breaks an argument of the model shows as a difference.
        #[arg(long, value_name = "NAME", value_parser = mutant)]
        mutant: Vec<Mutant>,
        /// Threads that explore.
        #[arg(long, value_name = "N", value_parser = threads,
              default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
        threads: usize,
        /// End with the verdict as one line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Walk through the states in a browser.
    Explore {
        model: ModelName,
        #[command(flatten)]
        bounds: BoundsArgs,
        #[command(flatten)]
        broken: BrokenArgs,
        /// Where to serve the explorer.
        #[arg(long, value_name = "HOST:PORT", default_value = "localhost:3000")]
        address: String,
    },
    /// Run traces (`kraftig server start --trace FILE`) through the model's functions.
    ///
    /// Of one node, or of all voters: then each message that was received must have been sent, and the properties are
    /// judged over all of them.
    Replay {
        /// The traces, those of a node oldest first.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// One node's metadata log as it is after its last trace: it must hold what the trace says.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// End with the verdict as one line of JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What `check` explores.
#[derive(Subcommand)]
enum CheckModel {
    /// KIP-595, KIP-630, KIP-853: who leads the metadata log, and what is committed.
    Quorum {
        #[command(flatten)]
        bounds: BoundsArgs,
        #[command(flatten)]
        broken: BrokenArgs,
        #[command(flatten)]
        run: RunArgs,
    },
    /// A second specification, with the semantics of the public TLA+ specification KRaft.tla, and TLC's numbers: it shows
    /// that the engine counts right.
    KraftTla {
        #[command(flatten)]
        bounds: KraftTlaArgs,
        #[command(flatten)]
        run: RunArgs,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum ModelName {
    /// KIP-595: elections and replication of the metadata log.
    Quorum,
}

/// Which rows `crosscheck` runs.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rows {
    /// Those that take seconds.
    Quick,
    /// All; none takes more than a minute.
    All,
}

/// The world to check, and ways to see a check turn red, or stay green when it should not.
#[derive(Args)]
struct BrokenArgs {
    /// Run the nodes with this bug (see `kraftig-check mutants quorum --list`). May be repeated.
    #[arg(long, value_name = "NAME", value_parser = mutant)]
    mutant: Vec<Mutant>,
    /// How messages travel: rpc, slots, late-slots, set or whole-set. All but `rpc` reach the same node states
    /// in many more states.
    #[arg(long, value_name = "FORM", value_parser = network, default_value = "rpc")]
    network: Network,
    /// Judge as if this property always held. May be repeated.
    #[arg(long, value_name = "PROPERTY", value_parser = property)]
    without: Vec<Property>,
}

impl BrokenArgs {
    fn model(self, bounds: BoundsArgs) -> Result<QuorumModel, String> {
        let model = QuorumModel::new(bounds.into()).map_err(|error| error.to_string())?;
        let model = model.over(self.network).map_err(|error| error.to_string())?;
        let model = model.with_mutants(Mutants::of(&self.mutant));
        Ok(self.without.into_iter().fold(model, QuorumModel::without))
    }
}

/// What is said of a check of the quorum.
fn quorum(model: &QuorumModel) -> Subject {
    let left_out = Property::ALL.into_iter().filter(|property| !model.judges(*property));
    Subject {
        name: "quorum",
        model: "quorum (KIP-595, KIP-630, KIP-853)".to_owned(),
        network: model.network().name().to_owned(),
        bounds: bounds::sentence(model.bounds()),
        bounds_machine: bounds::machine(model.bounds()),
        mutants: model.mutants().iter().map(|mutant| mutant.name().to_owned()).collect(),
        left_out: left_out.map(Property::name).collect(),
    }
}

fn mutant(name: &str) -> Result<Mutant, String> {
    Mutant::named(name).ok_or_else(|| {
        format!("there is no mutant '{name}'; `kraftig-check mutants quorum --list` names them")
    })
}

fn network(name: &str) -> Result<Network, String> {
    let mut all = Network::ALL.into_iter();
    all.find(|network| network.name() == name).ok_or_else(|| {
        let names = Network::ALL.map(Network::name).join(", ");
        format!("there is no network '{name}'; there are {names}")
    })
}

fn property(name: &str) -> Result<Property, String> {
    Property::named(name)
        .ok_or_else(|| format!("there is no property '{name}'; `kraftig-check list` names them"))
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err(format!("'{text}' is not a number from 1 on")),
    }
}

/// Writes the report. A reader that has seen enough (`| head`) is no error; a full disk is one.
fn print(text: &str) -> Result<(), String> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write the report: {error}"))
        }
        _ => Ok(()),
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::List => list::run(),
        Command::Check(CheckModel::Quorum { bounds, broken, run }) => {
            broken.model(bounds).and_then(|model| check::run(quorum(&model), model, &run))
        }
        Command::Check(CheckModel::KraftTla { bounds, run }) => {
            bounds.model().and_then(|(subject, model)| check::run(subject, model, &run))
        }
        Command::Merge { files, json } => merge::run(&files, json),
        Command::Mutants { model: ModelName::Quorum, list: true, .. } => mutants::list(),
        Command::Mutants { model: ModelName::Quorum, mutant, without, threads, json, .. } => {
            mutants::run(&mutant, without, threads, json)
        }
        Command::Live { model: ModelName::Quorum, args } => live::run(&args),
        Command::Crosscheck { model: ModelName::Quorum, rows, mutant, threads, json } => {
            crosscheck::run(rows, &mutant, threads, json)
        }
        Command::Explore { model: ModelName::Quorum, bounds, broken, address } => {
            broken.model(bounds).and_then(|model| explore::run(model, &address))
        }
        Command::Replay { files, dir, json } => replay::run(&files, dir.as_deref(), json),
    };
    done.unwrap_or_else(|message| {
        let _ = writeln!(std::io::stderr(), "kraftig-check: {message}");
        ExitCode::from(2)
    })
}
