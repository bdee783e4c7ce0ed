//! A broker that refuses the subscription: visible, asked for again, and well once it is granted.
use crate::Link;
use crate::mosquitto::{Mosquitto, PASSWORD, USER};
use crate::publisher::{Times, publish};
use crate::support::counts::Counts;
use crate::support::{BOUND, Gateway, Ports};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Debian's place of it.
const PLUGIN: &str = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so";

fn dynsec(port: u16, arguments: &[&str]) {
    let port = port.to_string();
    let output = Command::new("mosquitto_ctrl")
        .args(["-p", &port, "-u", USER, "-P", PASSWORD, "dynsec"])
        .args(arguments)
        .output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[track_caller]
fn link_until(gateway: &Gateway, reached: impl Fn(&Value) -> bool) {
    let start = Instant::now();
    loop {
        let (_, body) = gateway.get("/v1/sources").unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        let link = &body["links"][0];
        if reached(link) {
            return;
        }
        assert!(start.elapsed() < BOUND, "{link:#}\n{}", gateway.said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_refused_subscription_is_visible_and_asked_for_again() {
    if !Path::new(PLUGIN).exists() {
        eprintln!("SKIPPED: no {PLUGIN}");
        return;
    }
    for version in ["3.1.1", "5"] {
        let dir = tempfile::tempdir().unwrap();
        let rights = dir.path().join("rights.json");
        let made = Command::new("mosquitto_ctrl")
            .args(["dynsec", "init"])
            .arg(&rights)
            .args([USER, PASSWORD])
            .output();
        assert!(made.unwrap().status.success());
        // Its administrator may subscribe to everything, and is our user.
        let text = std::fs::read_to_string(&rights).unwrap();
        let mut all: Value = serde_json::from_str(&text).unwrap();
        for role in all["roles"].as_array_mut().unwrap() {
            let acls = role["acls"].as_array_mut().unwrap();
            acls.retain(|acl| acl["acltype"] != "subscribePattern" || acl["topic"] != "#");
        }
        all["defaultACLAccess"]["publishClientSend"] = true.into();
        std::fs::write(&rights, all.to_string()).unwrap();
        let more = format!(
            "plugin {PLUGIN}\nplugin_opt_config_file {}",
            rights.display()
        );
        let mosquitto = Mosquitto::start(dir.path(), &more);

        let ports = Ports::free();
        let config = ports.config(
            &dir.path().join("data"),
            &Link::alone(version).config(mosquitto.port, dir.path()),
        );
        let mut gateway = Gateway::start(dir.path(), ports, &config);
        link_until(&gateway, |link| {
            let said = link["last_error"].as_str().unwrap_or_default();
            link["state"] == "connected"
                && link["subscription"] == "refused"
                && said.contains("refuses to subscribe city/#")
        });
        dynsec(
            mosquitto.port,
            &[
                "addRoleACL",
                "admin",
                "subscribePattern",
                "city/#",
                "allow",
                "1",
            ],
        );
        link_until(&gateway, |link| link["subscription"] == "granted");
        publish(mosquitto.port, "meter-1", 0..10, Times::Undated);
        Counts::until(&gateway, "broker", |counts| counts.logged == 10);
        assert!(gateway.stop().success(), "{}", gateway.said());
    }
}
