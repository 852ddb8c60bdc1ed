//! `explore`: Stateright's explorer on our models.

use std::io::Write;
use std::net::ToSocketAddrs;
use std::process::ExitCode;

use kraftig_spec::model::quorum::QuorumModel;
use stateright::Model;

pub(crate) fn run(model: QuorumModel, address: &str) -> Result<ExitCode, String> {
    let unusable =
        |why: String| format!("--address {address}: {why}; give a free HOST:PORT of this machine");
    let mut addresses = address.to_socket_addrs().map_err(|error| unusable(error.to_string()))?;
    let address = addresses.next().ok_or_else(|| unusable("names no address".to_owned()))?;
    // The explorer panics where it cannot bind, so look first.
    std::net::TcpListener::bind(address).map_err(|error| unusable(error.to_string()))?;
    let _ = writeln!(std::io::stderr(), "exploring on http://{address} (stop with Ctrl-C)");
    model.checker().serve(address);
    Ok(ExitCode::SUCCESS)
}
