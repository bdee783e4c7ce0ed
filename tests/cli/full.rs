//! A full disk under a running city: nothing is taken, nothing is lost, and intake resumes by itself.
use super::live::{count, stat, wait_for};
use super::support::{Gateway, Ports};
use super::{Done, citygate, piped};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Room of the disk, and what must stay free on it.
const DISK: &str = "size=160m";
const MIN_FREE: &str = "[log]\nmin_free = \"48MiB\"\nsegment_bytes = \"1MiB\"";
const BALLAST_BYTES: usize = 120 << 20;
const MESSAGES: &str = "6000";

/// A tmpfs that goes with the test.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(dir: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(dir);
        mount
            .status()
            .is_ok_and(|status| status.success())
            .then_some(Self(dir))
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_stops_intake_and_room_lets_it_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let small = dir.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(_disk) = Disk::mount(&small) else {
        eprintln!("SKIPPED: this user may not mount a tmpfs");
        return;
    };
    let (ports, data) = (Ports::free(), small.join("data"));
    let mut gateway = Gateway::start(dir.path(), ports, &ports.config(&data, MIN_FREE));
    let to = format!("mqtt://127.0.0.1:{}", ports.mqtt);
    let load = [
        "simulate",
        "--json",
        "--to",
        &to,
        "--devices",
        "40",
        "--connections",
        "4",
        "--count",
        MESSAGES,
        "--rate",
        "2000",
    ];
    let load = piped(&mut citygate(&load));
    wait_for("load", || count(&gateway, "logged") > 500);
    fs::write(small.join("ballast"), vec![7; BALLAST_BYTES]).unwrap();
    wait_for("refusal", || gateway_refuses(ports));
    let taken = count(&gateway, "logged");
    fs::remove_file(small.join("ballast")).unwrap();
    wait_for("intake again", || count(&gateway, "logged") > taken);
    let done = Done::from(load.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{}", done.err);
    let summary: Value = serde_json::from_str(&done.out).unwrap();
    let sent = summary["sent"].as_u64().unwrap();
    assert_eq!(summary["acknowledged"].as_u64(), Some(sent));
    assert!(summary["reconnects"].as_u64().unwrap() > 0, "{summary}");
    wait_for("rest", || count(&gateway, "in_flight") == 0);
    assert_eq!(count(&gateway, "logged"), sent);
    assert!(gateway.stop().success(), "{}", gateway.said());
    assert_eq!(stat(&data), (sent, 0));
}

/// Does the listener turn a new client away as MQTT 3.1.1 says (return code 3, server unavailable)?
fn gateway_refuses(ports: Ports) -> bool {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", ports.mqtt)).unwrap();
    stream
        .write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x")
        .unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).is_ok() && answer == [0x20, 2, 0, 3]
}
