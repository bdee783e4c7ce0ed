//! The systemd unit, by systemd's own judgement.
use super::{run, said, text};
use std::fs;
use std::process::Command;

/// Exposure in tenths, of 100. systemd calls 15 OK, and a service without any hardening has 96.
const EXPOSURE_MAX: &str = "--threshold=15";

#[test]
fn systemd_understands_the_unit_and_finds_it_hard() {
    let unit = text("deploy/citygate.service");
    let installed = "/usr/local/bin/citygate";
    assert!(unit.contains(&format!("ExecStart={installed} run --config ")));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("citygate.service");
    fs::write(
        &file,
        unit.replace(installed, env!("CARGO_BIN_EXE_citygate")),
    )
    .unwrap();
    let Some(verified) = run(Command::new("systemd-analyze").arg("verify").arg(&file)) else {
        return;
    };
    assert!(
        verified.status.success() && said(&verified).is_empty(),
        "{}",
        said(&verified)
    );
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager", EXPOSURE_MAX]);
    let judged = run(security.arg(&file)).unwrap();
    assert!(judged.status.success(), "{}", said(&judged));
}

#[test]
fn the_user_of_the_unit_is_made() {
    let user = "User=citygate";
    assert!(text("deploy/citygate.service").contains(user));
    assert!(text("deploy/citygate.sysusers").starts_with("u citygate "));
}
