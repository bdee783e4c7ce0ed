//! Where the gateway of this machine is reached, by its configuration: for commands that ask it.
use super::Error;
use crate::config::Config;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// `http.bind` of a configuration's file, else of the defaults with the environment over them.
///
/// # Errors
/// The configuration has mistakes.
pub(super) fn http(config: Option<&Path>) -> Result<String, Error> {
    let config = match config {
        Some(file) => super::load_config(file),
        None => super::default_config(),
    };
    let config = config.map_err(|problems| Error::Usage(super::listed(&problems)))?;
    Ok(own(&config))
}

/// Where a gateway with this configuration is reached from its own machine.
fn own(config: &Config) -> String {
    let bind = config.http.bind;
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if config.http.tls { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(ip, bind.port()))
}
