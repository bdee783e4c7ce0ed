//! New certificates under a running gateway.
use crate::authority::Authority;
use crate::peers::{mosquitto_pub, s_client, said};
use crate::support::BOUND;
use crate::{City, replace};
use citygate::model::proto::SubscribeRequest;
use citygate::model::proto::client::telemetry_service_client::TelemetryServiceClient;
use citygate::model::proto::subscribe_request::Start;
use citygate::tls::{Client, Connector, Identity};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tonic::transport::Endpoint;

/// CONNECT of 3.1.1 with a clean session, and its CONNACK.
const CONNECT: &[u8] = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04hold";
const CONNACK: &[u8] = b"\x20\x02\x00\x00";
/// PUBLISH at QoS 1 with packet id 1, without length, topic and payload; and its PUBACK.
const PUBACK: &[u8] = b"\x40\x02\x00\x01";

fn publish() -> Vec<u8> {
    let (topic, payload) = ("city/meter-7/json", r#"{"voltage": 231}"#);
    let length = u8::try_from(2 + topic.len() + 2 + payload.len()).unwrap();
    let head = [0x32, length, 0, u8::try_from(topic.len()).unwrap()];
    [&head[..], topic.as_bytes(), &[0, 1], payload.as_bytes()].concat()
}

/// The serial number of the certificate that a port shows.
fn serial(city: &City, authority: &Authority) -> String {
    let text = s_client(city.mqtts(), &authority.file(), &["-no_ticket"]);
    let start = text.find("-----BEGIN CERTIFICATE-----").unwrap();
    let end = text.find("-----END CERTIFICATE-----").unwrap();
    text[start..end].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_go_on_and_new_ones_see_the_new_certificate() {
    let authority = Authority::new("city");
    let city = City::new(&authority);
    let identity = Identity {
        ca: Some(authority.file()),
        certificate: None,
    };
    let mqtt = Client::new(&identity, "").unwrap();
    let mut mqtt = mqtt.connect("localhost", city.mqtts).await.unwrap();
    mqtt.write_all(CONNECT).await.unwrap();
    let mut four = [0; 4];
    mqtt.read_exact(&mut four).await.unwrap();
    assert_eq!(four, CONNACK);
    let connector = Connector(Client::new(&identity, "h2").unwrap());
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", city.gateway.ports.grpc));
    let channel = endpoint
        .unwrap()
        .connect_with_connector(connector)
        .await
        .unwrap();
    let request = SubscribeRequest {
        start: Some(Start::Earliest(true)),
        ..SubscribeRequest::default()
    };
    let mut stream = TelemetryServiceClient::new(channel)
        .subscribe(request)
        .await
        .unwrap()
        .into_inner();

    let before = serial(&city, &authority);
    let fresh = authority.sign("gateway", &["localhost"]);
    replace(&city.at("gateway.key"), "broken");
    city.until_metric("citygate_tls_files_stale", 1.0);
    assert_eq!(
        serial(&city, &authority),
        before,
        "a broken key leaves the old certificate"
    );
    replace(&city.at("gateway.pem"), &fresh.certificate);
    replace(&city.at("gateway.key"), &fresh.key);
    city.until_metric("citygate_tls_reloads_total{outcome=\"ok\"}", 1.0);
    assert!(city.metric("citygate_tls_files_stale") < 0.5);
    assert_ne!(serial(&city, &authority), before);
    assert!(
        city.gateway
            .said()
            .contains("cannot be used: the old ones stay")
    );

    // Both old connections: a reading goes in by one and comes out of the other.
    mqtt.write_all(&publish()).await.unwrap();
    mqtt.read_exact(&mut four).await.unwrap();
    assert_eq!(four, PUBACK);
    let reported = async {
        loop {
            let response = stream.message().await.unwrap().expect("the stream goes on");
            if !response.reports.is_empty() {
                return response.reports[0].device_id.clone();
            }
        }
    };
    assert_eq!(timeout(BOUND, reported).await.unwrap(), "meter-7");
}

/// What was agreed under one authority is not resumed under the next: TLS tickets end with it.
#[tokio::test(flavor = "multi_thread")]
async fn no_session_outlives_a_change_of_the_client_authority() {
    let (authority, next) = (Authority::new("city"), Authority::new("next"));
    let clients = tempfile::tempdir().unwrap();
    let ca = clients.path().join("clients.pem");
    std::fs::copy(authority.file(), &ca).unwrap();
    let tls = format!(
        "client_ca = \"{}\"\nclient_cert = \"required\"",
        ca.display()
    );
    let city = City::with(&authority, &tls, "");
    authority.sign("pole-7", &[]).write(clients.path(), "pole");
    let at = |name: &str| clients.path().join(name);
    let identity = Identity {
        ca: Some(authority.file()),
        certificate: Some((at("pole.pem"), at("pole.key"))),
    };
    let client = Client::new(&identity, "").unwrap();
    let greeted = async || {
        let mut mqtt = client.connect("localhost", city.mqtts).await?;
        mqtt.write_all(CONNECT).await?;
        let mut four = [0; 4];
        let read = timeout(Duration::from_secs(20), mqtt.read_exact(&mut four));
        read.await.unwrap()?;
        std::io::Result::Ok(mqtt.get_ref().1.handshake_kind())
    };
    assert_eq!(greeted().await.unwrap(), Some(rustls::HandshakeKind::Full));
    assert_eq!(
        greeted().await.unwrap(),
        Some(rustls::HandshakeKind::Resumed)
    );
    replace(&ca, &std::fs::read_to_string(next.file()).unwrap());
    city.until_metric("citygate_tls_reloads_total{outcome=\"ok\"}", 1.0);
    greeted().await.unwrap_err();
    city.until_metric(
        "citygate_tls_handshakes_total{port=\"mqtt\",outcome=\"bad_certificate\"}",
        1.0,
    );
    let output = mosquitto_pub(city.mqtts, &authority.file(), &[]);
    assert!(!output.status.success(), "{}", said(&output));
}
