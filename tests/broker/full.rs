//! A full disk behind a broker: nothing is acknowledged, and all of it comes again once there is room.
use crate::publisher::{Times, publish};
use crate::{City, Link};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const DISK: &str = "size=160m";
const MIN_FREE: &str = "[log]\nmin_free = \"48MiB\"\nsegment_bytes = \"1MiB\"\n";
const BALLAST_BYTES: usize = 120 << 20;

/// A tmpfs that goes with the test.
struct Small(PathBuf);

impl Small {
    fn mount(dir: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(dir);
        let mounted = mount.status().is_ok_and(|status| status.success());
        mounted.then(|| Self(dir.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_acknowledges_nothing_and_room_brings_all() {
    for version in ["3.1.1", "5"] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        let Some(_small) = Small::mount(&data) else {
            eprintln!("SKIPPED: this user may not mount a tmpfs");
            return;
        };
        let city = City::in_dir(dir, Link::alone(version), MIN_FREE, None);
        city.subscribed();
        let mut sent = publish(city.mosquitto.port, "meter-1", 0..100, Times::Undated);
        city.wait("the first acks", || city.tap.acked().len() == 100);
        fs::write(data.join("ballast"), vec![7; BALLAST_BYTES]).unwrap();
        city.wait("the refusal", || {
            city.gateway
                .get("/v1/sources")
                .is_some_and(|(_, body)| body.contains("\"refusing\""))
        });
        sent.extend(publish(
            city.mosquitto.port,
            "meter-1",
            100..300,
            Times::Undated,
        ));
        city.links_until(|link| {
            link["last_error"]
                .as_str()
                .is_some_and(|error| error.contains("DiskFull"))
        });
        assert_eq!(city.tap.acked().len(), 100);
        fs::remove_file(data.join("ballast")).unwrap();
        city.until(|counts| counts.logged == 300);
        city.quiet();
        let ended = city.stop();
        assert_eq!(ended.check(), 300);
        assert_eq!(ended.acked.len(), 300);
        ended.holds(&sent);
    }
}
