//! `list`: what there is to check.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use kraftig_spec::model::quorum::Witness;
use kraftig_spec::quorum::properties::Property;

pub(crate) fn run() -> ExitCode {
    let mut text = String::from(
        "quorum      elections and replication of the metadata log (KIP-595), static voters
            bounds: --nodes, --epochs, --values, --crashes N|any
            properties:\n",
    );
    for property in Property::ALL {
        let _ = writeln!(text, "              {}", property.name());
    }
    text.push_str("            witnesses:\n");
    for witness in Witness::ALL {
        let _ = writeln!(text, "              {}", witness.name());
    }
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
