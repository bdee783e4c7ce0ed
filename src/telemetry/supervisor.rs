//! What a service manager is told: `sd_notify(3)`, datagrams of `KEY=value` lines.
//!
//! Thirty lines of our own instead of a library: the protocol is one `sendto`, and where nobody listens
//! nothing happens. A manager that cannot be told is no reason to stop.
use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use tracing::debug;

/// The service manager that started this process, if one did and wants to hear.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// As `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` say.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(std::process::id()));
        let limit = number("WATCHDOG_USEC").filter(|limit| ours && *limit > 0);
        let socket = variable("NOTIFY_SOCKET").and_then(|name| {
            let opened = address(name.as_bytes()).and_then(|address| {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                Ok((socket, address))
            });
            opened
                .inspect_err(|error| debug!(%error, ?name, "no service manager"))
                .ok()
        });
        Self {
            watchdog: limit
                .filter(|_| socket.is_some())
                .map(Duration::from_micros),
            socket,
        }
    }

    /// How often [`Supervisor::alive`] is expected: twice within the manager's patience.
    pub fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2)
    }

    /// Traffic may come; also after [`Supervisor::reloading`].
    pub fn ready(&self) {
        self.tell("READY=1\nSTATUS=ready");
    }

    /// The configuration is being read again.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let usec = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={usec}"));
    }

    /// The gateway drains.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=draining");
    }

    /// The process still does what it is asked.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// One line about how it is.
    pub fn status(&self, status: &str) {
        let line: String = status.chars().filter(|c| !c.is_control()).collect();
        self.tell(&format!("STATUS={line}"));
    }

    fn tell(&self, lines: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(lines.as_bytes(), address)
        {
            debug!(%error, "the service manager was not told");
        }
    }
}

/// A path, or, after `@`, a name in the abstract namespace.
fn address(name: &[u8]) -> std::io::Result<SocketAddr> {
    match name.split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let len = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes.get(..len).unwrap().to_vec()).unwrap()
    }

    fn supervisor(socket: &str, more: &[(&str, String)]) -> Supervisor {
        Supervisor::of(|name| match name {
            "NOTIFY_SOCKET" => Some(socket.into()),
            name => more
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into()),
        })
    }

    #[test]
    fn a_manager_hears_of_each_turn_by_path_and_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let name = format!("citygate-test-{}", std::process::id());
        let by_name = SocketAddr::from_abstract_name(&name).unwrap();
        for (socket, spelled) in [
            (
                UnixDatagram::bind(&path).unwrap(),
                path.to_str().unwrap().to_owned(),
            ),
            (
                UnixDatagram::bind_addr(&by_name).unwrap(),
                format!("@{name}"),
            ),
        ] {
            let supervisor = supervisor(&spelled, &[]);
            supervisor.ready();
            assert_eq!(heard(&socket), "READY=1\nSTATUS=ready");
            supervisor.reloading();
            assert!(heard(&socket).starts_with("RELOADING=1\nMONOTONIC_USEC="));
            supervisor.status("two\nlines");
            assert_eq!(heard(&socket), "STATUS=twolines");
            assert_eq!(supervisor.alive_every(), None);
        }
    }

    #[test]
    fn the_watchdog_is_fed_twice_as_often_as_asked_and_only_ours() {
        let own = ("WATCHDOG_PID", std::process::id().to_string());
        let limit = ("WATCHDOG_USEC", "30000000".to_owned());
        let every = |more: &[_]| supervisor("@nobody", more).alive_every();
        assert_eq!(every(&[own, limit.clone()]), Some(Duration::from_secs(15)));
        assert_eq!(every(&[("WATCHDOG_PID", "1".to_owned()), limit]), None);
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        let nobody = Supervisor::of(|_| None);
        nobody.ready();
        nobody.alive();
        let gone = supervisor("/nowhere/at/all", &[]);
        gone.stopping();
        assert_eq!(gone.alive_every(), None);
    }
}
