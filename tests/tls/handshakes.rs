//! Peers that do not finish, and many that do.
use crate::City;
use crate::authority::Authority;
use crate::peers::{mosquitto_pub, s_client, said};
use citygate::tls::{Client, Identity};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

/// Half-open handshakes, half of them with the beginning of a hello.
const HALF_OPEN: usize = 1_500;
/// Devices that publish at a time, and what each sends.
const DEVICES: u64 = 50;
const MESSAGES: u16 = 200;

#[test]
fn half_open_handshakes_stop_nobody() {
    let authority = Authority::new("city");
    let city = City::new(&authority);
    for address in [city.mqtts(), city.grpc()] {
        let open: Vec<TcpStream> = (0..HALF_OPEN)
            .map(|at| {
                let mut peer = TcpStream::connect(address).unwrap();
                if at % 2 == 0 {
                    peer.write_all(b"\x16\x03\x01\x02").unwrap();
                }
                peer
            })
            .collect();
        let start = Instant::now();
        let answer = if address == city.grpc() {
            s_client(address, &authority.file(), &[])
        } else {
            said(&mosquitto_pub(city.mqtts, &authority.file(), &[]))
        };
        let good = ["received PUBACK", "Verify return code: 0 (ok)"];
        assert!(good.iter().any(|good| answer.contains(good)), "{answer}");
        // Less than the ten seconds in which those handshakes end by themselves.
        assert!(
            start.elapsed() < Duration::from_secs(8),
            "{:?}",
            start.elapsed()
        );
        drop(open);
    }
    city.settled(1);
}

/// Everything that is acknowledged is logged, and nothing else is counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_over_tls_is_accounted_for() {
    let authority = Authority::new("city");
    let city = City::new(&authority);
    let identity = Identity {
        ca: Some(authority.file()),
        certificate: None,
    };
    let client = Client::new(&identity, "").unwrap();
    let mut devices = JoinSet::new();
    for device in 0..DEVICES {
        devices.spawn(device_of(client.clone(), city.mqtts, device));
    }
    let acknowledged: u64 = devices.join_all().await.into_iter().sum();
    assert_eq!(acknowledged, DEVICES * u64::from(MESSAGES));
    let counts = city.settled(acknowledged);
    assert_eq!(counts.logged, acknowledged, "{counts:?}");
    let ok = city.metric("citygate_tls_handshakes_total{port=\"mqtt\",outcome=\"ok\"}");
    assert!((ok - 50.0).abs() < 0.5, "{ok}");
}

/// Sends all at once, and counts what is acknowledged.
async fn device_of(client: Client, port: u16, device: u64) -> u64 {
    let stream = client.connect("localhost", port).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let name = format!("meter-{device}");
    let mut out = packet(
        0x10,
        &[&b"\x00\x04MQTT\x04\x02\x00\x3c"[..], &text(&name)].concat(),
    );
    for id in 1..=MESSAGES {
        let topic = text(&format!("city/{name}/json"));
        let payload = format!("{{\"active_energy_import\": {id}}}");
        let body = [&topic[..], &id.to_be_bytes(), payload.as_bytes()].concat();
        out.extend(packet(0x32, &body));
    }
    let write = async {
        writer.write_all(&out).await.unwrap();
        writer.flush().await.unwrap();
    };
    let read = async {
        let mut acks = vec![0; 4 + 4 * usize::from(MESSAGES)];
        reader.read_exact(&mut acks).await.unwrap();
        assert_eq!(acks[..4], [0x20, 2, 0, 0]);
        let ids = acks[4..].chunks_exact(4).zip(1_u16..);
        let right = ids.filter(|(ack, id)| ack[..2] == [0x40, 2] && ack[2..] == id.to_be_bytes());
        right.count() as u64
    };
    tokio::join!(write, read).1
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    assert!(length < 128, "one byte of length");
    [&[first, length][..], body].concat()
}
