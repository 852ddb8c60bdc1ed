//! `check kraft-tla`: the judge of the engine, as the command line names it.

use clap::Args;
use kraftig_spec::model::kraft_tla::{Bounds, KraftTla};
use serde_json::json;

use crate::report::Subject;

/// The bounds of the public specification, by the names of its constants.
#[derive(Args, Clone, Copy)]
#[group(skip)]
pub(crate) struct KraftTlaArgs {
    /// Servers.
    #[arg(long, value_name = "N", default_value_t = 3)]
    servers: u8,
    /// Values that clients propose, each once.
    #[arg(long, value_name = "N", default_value_t = 1)]
    values: u8,
    /// Elections that may begin, over all servers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    elections: u8,
    /// Restarts, over all servers.
    #[arg(long, value_name = "N", default_value_t = 0)]
    restarts: u8,
    /// States that differ only in the names of servers are one.
    #[arg(long)]
    symmetry: bool,
    /// Judge `NoIllegalState` too: with a restart the specification breaks it, and Kafka does not.
    #[arg(long)]
    check_illegal_state: bool,
}

impl KraftTlaArgs {
    pub(crate) fn model(self) -> Result<(Subject, KraftTla), String> {
        let Self { servers, values, elections, restarts, symmetry, check_illegal_state } = self;
        let bounds = Bounds { servers, values, elections, restarts };
        let model = KraftTla::new(bounds, symmetry, check_illegal_state);
        let names = if symmetry { ", names of servers make no difference" } else { "" };
        let subject = Subject {
            name: "kraft-tla",
            model: "kraft-tla (the public TLA+ specification KRaft.tla)".to_owned(),
            network: "bag".to_owned(),
            bounds: format!(
                "{servers} servers, {values} values, {elections} elections, {restarts} restarts{names}"
            ),
            bounds_machine: json!({
                "servers": servers, "values": values, "elections": elections, "restarts": restarts, "symmetry": symmetry,
            }),
            mutants: Vec::new(),
            left_out: Vec::new(),
        };
        model.map(|model| (subject, model)).map_err(|error| error.to_string())
    }
}
