//! What is too long, too slow, or asks for the wrong host.
use crate::City;
use crate::client::{post, send};
use crate::support::BOUND;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Instant;

const OPEN: &str = "/v1/push/open?device=d-1";

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let city = City::with(
        tempfile::tempdir().unwrap(),
        "[intake]\npayload_max = 1024\n",
    );
    let pad = |len: usize| {
        format!(
            r#"{{"water_volume":1,"firmware_version":"{}"}}"#,
            "x".repeat(len)
        )
    };
    assert_eq!(post(city.port(), OPEN, "", &pad(100)).status, 200);
    let long = post(city.port(), OPEN, "", &pad(2000));
    assert_eq!(long.status, 413, "{}", long.body);
    assert_eq!(long.header("connection"), Some("close"));
    // In chunks, nobody says beforehand how long it will be.
    let head =
        format!("POST {OPEN} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("200\r\n{}\r\n", "x".repeat(512));
    let chunked = send(
        city.port(),
        format!("{head}{}0\r\n\r\n", chunk.repeat(3)).as_bytes(),
    );
    assert_eq!(chunked.status, 413, "{}", chunked.body);
    let packed = post(city.port(), OPEN, "content-encoding: gzip\r\n", "x");
    assert_eq!(packed.status, 415);
    let counts = city.settled(1);
    assert_eq!((counts.logged, counts.protocol_errors), (1, 3));
}

#[test]
fn a_slow_body_ends_in_time_and_a_broken_one_is_no_uplink() {
    let city = City::new();
    let head = format!("POST {OPEN} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n");
    let mut slow = TcpStream::connect((Ipv4Addr::LOCALHOST, city.port())).unwrap();
    slow.set_read_timeout(Some(BOUND)).unwrap();
    slow.write_all(head.as_bytes()).unwrap();
    slow.write_all(b"{\"water_vol").unwrap();
    let mut broken = TcpStream::connect((Ipv4Addr::LOCALHOST, city.port())).unwrap();
    broken.write_all(head.as_bytes()).unwrap();
    drop(broken);
    let start = Instant::now();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let took = start.elapsed().as_secs();
    assert!((8..20).contains(&took), "{took} s");
    crate::support::counts::Counts::until(&city.gateway, "http", |counts| {
        counts.protocol_errors >= 1 && counts.received == 0
    });
}

#[test]
fn the_host_and_the_method_are_checked() {
    let city = City::new();
    let request = |start: &str, host: &str| {
        let text = format!(
            "{start} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        send(city.port(), text.as_bytes()).status
    };
    assert_eq!(request("POST /v1/push/open", "evil.example"), 421);
    assert_eq!(request("GET /v1/push/open", "localhost"), 405);
    assert_eq!(request("POST /v1/push/open/d-1", "localhost"), 404);
    assert_eq!(request("POST /v1/push/open?device=a%20b", "localhost"), 400);
    let foreign = post(city.port(), OPEN, "origin: http://evil.example\r\n", "{}");
    assert_eq!(
        foreign.status, 403,
        "a browser's page of somebody else pushes nothing"
    );
    assert_eq!(city.settled(0).logged, 0);
}
