//! TLS towards the broker: its certificate is checked, ours is shown, and what is wrong is said.
use crate::Link;
use crate::mosquitto::Mosquitto;
use crate::support::counts::Counts;
use crate::support::{BOUND, Gateway, Ports};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Writes `ca.pem`, and a certificate and key for each name.
fn certificates(dir: &Path, authority: &str, names: &[&str]) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, authority);
    fs::write(dir.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    for name in names {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([(*name).to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, *name);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::write(dir.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

/// With a client certificate required, whose name is the user.
fn broker(dir: &Path, server: &str) -> Mosquitto {
    let file = |name: &str| dir.join(name).display().to_string();
    let more = format!(
        "cafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\nuse_identity_as_username true",
        file("ca.pem"),
        file(&format!("{server}.pem")),
        file(&format!("{server}.key")),
    );
    Mosquitto::start(dir, &more)
}

fn gateway(dir: &Path, port: u16, version: &'static str, tls: &str) -> Gateway {
    let ports = Ports::free();
    let link = Link::alone(version).config(port, dir);
    let kept: Vec<&str> = link
        .lines()
        .filter(|line| !line.starts_with("user") && !line.starts_with("password"))
        .collect();
    let link = kept
        .join("\n")
        .replace("mqtt://127.0.0.1", "mqtts://localhost");
    let config = ports.config(&dir.join("data"), &format!("{link}\n{tls}"));
    Gateway::start(dir, ports, &config)
}

fn keys(dir: &Path, ca: &str, client: Option<&str>) -> String {
    let mut keys = format!("ca = \"{}\"\n", dir.join(ca).display());
    if let Some(name) = client {
        let file = |extension| {
            dir.join(format!("{name}.{extension}"))
                .display()
                .to_string()
        };
        let (cert, key) = (file("pem"), file("key"));
        writeln!(keys, "cert = \"{cert}\"\nkey_file = \"{key}\"").unwrap();
    }
    keys
}

#[track_caller]
fn link_until(gateway: &Gateway, reached: impl Fn(&Value) -> bool) {
    let start = Instant::now();
    loop {
        let (_, body) = gateway.get("/v1/sources").unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        if reached(&body["links"][0]) {
            return;
        }
        assert!(start.elapsed() < BOUND, "{body:#}\n{}", gateway.said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn fails_with(gateway: &Gateway, what: &str) {
    link_until(gateway, |link| {
        link["last_error"]
            .as_str()
            .is_some_and(|error| error.contains(what))
    });
}

#[test]
fn both_sides_show_certificates() {
    for version in ["3.1.1", "5"] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        certificates(dir, "city", &["localhost", "gate"]);
        let mosquitto = broker(dir, "localhost");
        let mut gateway = gateway(
            dir,
            mosquitto.port,
            version,
            &keys(dir, "ca.pem", Some("gate")),
        );
        link_until(&gateway, |link| link["subscription"] == "granted");
        let (_, sources) = gateway.get("/v1/sources").unwrap();
        assert!(
            sources.contains(&format!("mqtts://localhost:{}", mosquitto.port)),
            "{sources}"
        );
        let file = |name: &str| dir.join(name).display().to_string();
        let sent = Command::new("mosquitto_pub")
            .args([
                "-h",
                "localhost",
                "-p",
                &mosquitto.port.to_string(),
                "-q",
                "1",
            ])
            .args([
                "--cafile",
                &file("ca.pem"),
                "--cert",
                &file("gate.pem"),
                "--key",
                &file("gate.key"),
            ])
            .args(["-t", "city/meter-1/json", "-m", "{\"voltage\": 230}"])
            .output()
            .unwrap();
        assert!(
            sent.status.success(),
            "{}",
            String::from_utf8_lossy(&sent.stderr)
        );
        Counts::until(&gateway, "broker", |counts| {
            counts.logged == 1 && counts.in_flight == 0
        });
        assert!(gateway.stop().success(), "{}", gateway.said());
        assert!(
            mosquitto.said().contains("u'gate'"),
            "the certificate's name is the user: {}",
            mosquitto.said()
        );
    }
}

#[test]
fn what_is_wrong_with_certificates_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let dir = dir.path();
    certificates(dir, "city", &["localhost", "elsewhere", "gate"]);
    certificates(other.path(), "town", &[]);
    fs::copy(other.path().join("ca.pem"), dir.join("other.pem")).unwrap();
    let mosquitto = broker(dir, "localhost");
    for version in ["3.1.1", "5"] {
        let stranger = gateway(
            dir,
            mosquitto.port,
            version,
            &keys(dir, "other.pem", Some("gate")),
        );
        fails_with(&stranger, "UnknownIssuer");
        drop(stranger);
        let nameless = gateway(dir, mosquitto.port, version, &keys(dir, "ca.pem", None));
        fails_with(&nameless, "ertificate");
    }
    drop(mosquitto);
    let mosquitto = broker(dir, "elsewhere");
    let misled = gateway(dir, mosquitto.port, "5", &keys(dir, "ca.pem", Some("gate")));
    fails_with(&misled, "not valid for name");
}
