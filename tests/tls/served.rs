//! What is served over TLS, and to whom.
use crate::authority::Authority;
use crate::peers::{mosquitto_pub, python_subscribes, s_client, said};
use crate::support::{BOUND, Gateway, Ports, free_ports, http_get};
use crate::{City, config};
use citygate::model::proto::SubscribeRequest;
use citygate::model::proto::subscribe_request::Start;
use prost::Message;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn a_reading_goes_in_by_mosquitto_and_out_to_python_both_over_tls() {
    let authority = Authority::new("city");
    let city = City::new(&authority);
    for version in ["mqttv311", "mqttv5"] {
        let output = mosquitto_pub(city.mqtts, &authority.file(), &["-V", version]);
        let text = said(&output);
        assert!(
            output.status.success() && text.contains("received PUBACK"),
            "{text}"
        );
    }
    city.settled(2);
    let request = SubscribeRequest {
        start: Some(Start::Earliest(true)),
        ..SubscribeRequest::default()
    };
    let target = format!("localhost:{}", city.gateway.ports.grpc);
    let output = python_subscribes(&target, &authority.file(), &request.encode_to_vec());
    assert_eq!(said(&output).trim(), "found");
    let (_, sources) = city.gateway.get("/v1/sources").unwrap();
    assert!(
        sources.contains(&format!("\"tls_bind\":\"127.0.0.1:{}\"", city.mqtts)),
        "{sources}"
    );
    let expires = city.metric("citygate_tls_certificate_expires_seconds");
    assert!(expires > 4e9, "rcgen's certificates end in 4096: {expires}");
}

#[test]
fn both_versions_are_spoken_and_older_ones_are_not() {
    let authority = Authority::new("city");
    let city = City::new(&authority);
    for (port, protocol) in [(city.grpc(), "h2"), (city.mqtts(), "")] {
        for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let mut arguments = vec![version];
            if !protocol.is_empty() {
                arguments.extend(["-alpn", protocol]);
            }
            let text = s_client(port, &authority.file(), &arguments);
            assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
            assert!(text.contains(name), "{text}");
            assert!(
                protocol.is_empty() || text.contains("ALPN protocol: h2"),
                "{text}"
            );
        }
    }
    let old = s_client(
        city.grpc(),
        &authority.file(),
        &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
    );
    assert!(
        !old.contains("Verify return code: 0 (ok)\n---\nread"),
        "{old}"
    );
    city.until_metric(
        "citygate_tls_handshakes_total{port=\"grpc\",outcome=\"incompatible\"}",
        1.0,
    );
}

/// HTTP over TLS, by reqwest; and words for whoever forgets the s of https.
#[tokio::test]
async fn http_is_served_over_tls_and_plain_requests_are_told() {
    citygate::tls::provider();
    let authority = Authority::new("city");
    let dir = tempfile::tempdir().unwrap();
    authority
        .sign("gateway", &["localhost"])
        .write(dir.path(), "gateway");
    let ports = Ports::free();
    let [mqtts] = free_ports();
    let config = config(dir.path(), ports, mqtts, "", "");
    let gateway = Gateway::spawn(dir.path(), ports, &config, |_| {});
    let ca = std::fs::read(authority.file()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/readyz", ports.http);
    let start = Instant::now();
    loop {
        match client.get(&url).send().await {
            Ok(answer) if answer.status().is_success() => break,
            answer => assert!(start.elapsed() < BOUND, "{answer:?}\n{}", gateway.said()),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for port in [ports.http, ports.grpc] {
        let (status, body) = http_get(port, "/").unwrap();
        assert_eq!(
            (status, body.as_str()),
            (400, "this port speaks TLS: use https://\n")
        );
    }
    let page = client.get(format!("https://localhost:{}/", ports.http));
    let page = page.send().await.unwrap();
    assert!(page.status().is_success());
    assert!(!page.headers().contains_key("strict-transport-security"));
}

#[test]
fn check_names_every_mistake_and_the_end_of_a_certificate() {
    let authority = Authority::new("city");
    let dir = tempfile::tempdir().unwrap();
    authority
        .sign("gateway", &["localhost"])
        .write(dir.path(), "gateway");
    authority
        .sign("other", &["localhost"])
        .write(dir.path(), "other");
    let ports = Ports::free();
    let check = |text: &str| {
        let file = dir.path().join("citygate.toml");
        std::fs::write(&file, text).unwrap();
        let command = Command::new(env!("CARGO_BIN_EXE_citygate"))
            .arg("check")
            .arg("--config")
            .arg(file)
            .output()
            .unwrap();
        (command.status.code().unwrap(), said(&command))
    };
    let good = config(dir.path(), ports, 8883, "", "");
    let (code, text) = check(&good);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("and with TLS on 127.0.0.1:8883") && text.contains("with TLS, HTTP"),
        "{text}"
    );
    let (code, text) = check(&good.replace("gateway.key", "other.key"));
    assert_eq!(code, 1);
    assert!(
        text.contains("tls.key_file = ") && text.contains("does not belong"),
        "{text}"
    );
    let (code, text) = check(&good.replace("gateway.pem", "none.pem"));
    assert_eq!(code, 1);
    assert!(
        text.contains("tls.cert = ") && text.contains("cannot be read"),
        "{text}"
    );
    let (code, text) = check("[grpc]\ntls = true\n[mqtt]\ntls_bind = '127.0.0.1:1'\n");
    assert_eq!(code, 1);
    assert_eq!(text.matches("needs [tls]").count(), 2, "{text}");
}
