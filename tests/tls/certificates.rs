//! Certificates of clients: who they are, and who is turned away.
use crate::City;
use crate::authority::Authority;
use crate::peers::{mosquitto_pub, python_subscribes, said};
use std::fs;
use std::path::Path;

/// `--cert` and `--key` of what an authority signs for a device.
fn identity(dir: &Path, authority: &Authority, name: &str, file: &str) -> [String; 4] {
    authority.sign(name, &[]).write(dir, file);
    let at = |ending: &str| dir.join(format!("{file}.{ending}")).display().to_string();
    [
        "--cert".to_owned(),
        at("pem"),
        "--key".to_owned(),
        at("key"),
    ]
}

fn publish(
    city: &City,
    authority: &Authority,
    identity: &[String],
    more: &[&str],
) -> (bool, String) {
    let arguments: Vec<&str> = identity
        .iter()
        .map(String::as_str)
        .chain(more.iter().copied())
        .collect();
    let output = mosquitto_pub(city.mqtts, &authority.file(), &arguments);
    let text = said(&output);
    (text.contains("received PUBACK"), text)
}

#[test]
fn a_certificate_is_a_user_name_and_needs_no_password() {
    let (authority, other) = (Authority::new("city"), Authority::new("elsewhere"));
    let files = tempfile::tempdir().unwrap();
    let users = files.path().join("users.toml");
    fs::write(files.path().join("secret"), "long and random").unwrap();
    fs::write(
        &users,
        "[[user]]\nname = 'meters'\npassword_file = 'secret'\n",
    )
    .unwrap();
    let city = City::with(
        &authority,
        &format!("client_ca = \"{}\"", authority.file().display()),
        &format!("users_file = \"{}\"", users.display()),
    );
    let pole = identity(files.path(), &authority, "pole-7", "pole");
    let stranger = identity(files.path(), &other, "pole-7", "stranger");
    let accepted: [(&[String], &[&str]); 4] = [
        (&pole, &[]),
        (&pole, &["-u", "pole-7"]),
        (&pole, &["-V", "mqttv5"]),
        (&[], &["-u", "meters", "-P", "long and random"]),
    ];
    for (identity, more) in accepted {
        let (taken, text) = publish(&city, &authority, identity, more);
        assert!(taken, "{more:?}: {text}");
    }
    let refused: [(&[String], &[&str]); 4] = [
        (&pole, &["-u", "meters", "-P", "long and random"]),
        (&[], &[]),
        (&[], &["-u", "pole-7"]),
        (&stranger, &[]),
    ];
    for (identity, more) in refused {
        let (taken, text) = publish(&city, &authority, identity, more);
        assert!(!taken, "{more:?}: {text}");
    }
    city.settled(4);
    let bad = "citygate_tls_handshakes_total{port=\"mqtt\",outcome=\"bad_certificate\"}";
    city.until_metric(bad, 1.0);
}

#[test]
fn a_required_certificate_is_required_everywhere() {
    let authority = Authority::new("city");
    let ca = authority.file();
    let tls = format!(
        "client_ca = \"{}\"\nclient_cert = \"required\"",
        ca.display()
    );
    let city = City::with(&authority, &tls, "");
    let (taken, text) = publish(&city, &authority, &[], &[]);
    assert!(!taken, "{text}");
    let pole = identity(city.dir.path(), &authority, "pole-7", "pole");
    let (taken, text) = publish(&city, &authority, &pole, &[]);
    assert!(taken, "{text}");
    let target = format!("localhost:{}", city.gateway.ports.grpc);
    let output = python_subscribes(&target, &ca, &[]);
    assert!(!output.status.success(), "{}", said(&output));
    for port in ["mqtt", "grpc"] {
        let refused =
            format!("citygate_tls_handshakes_total{{port=\"{port}\",outcome=\"no_certificate\"}}");
        city.until_metric(&refused, 1.0);
    }
    city.settled(1);
}

/// A gateway that is not what it says: the client turns away, and that is counted, too.
#[test]
fn a_client_that_trusts_another_authority_is_not_served() {
    let (authority, other) = (Authority::new("city"), Authority::new("elsewhere"));
    let city = City::new(&authority);
    let (taken, text) = publish(&city, &other, &[], &[]);
    assert!(!taken, "{text}");
    city.until_metric(
        "citygate_tls_handshakes_total{port=\"mqtt\",outcome=\"refused_by_client\"}",
        1.0,
    );
    city.settled(0);
}
