//! Commands that talk to a gateway over TLS.
use crate::authority::Authority;
use crate::peers::said;
use crate::support::{BOUND, Gateway, Ports, free_ports};
use crate::{City, config};
use std::process::{Command, Output};
use std::time::Instant;

fn citygate(ca: &Authority, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_citygate"))
        .args(arguments)
        .env("CITYGATE_CA", ca.file())
        .output()
        .unwrap()
}

#[test]
fn simulate_publishes_over_tls_and_all_is_accounted_for() {
    let authority = Authority::new("city");
    let city = City::new(&authority);
    let target = format!("mqtts://localhost:{}", city.mqtts);
    let arguments = [
        "simulate",
        "--target",
        &target,
        "--max",
        "--connections",
        "8",
        "--count",
        "20000",
        "--json",
    ];
    let output = citygate(&authority, &arguments);
    assert!(output.status.success(), "{}", said(&output));
    let counts = city.settled(20_000);
    assert_eq!(counts.logged, 20_000, "{counts:?}");
    let output = citygate(
        &Authority::new("elsewhere"),
        &[&arguments[..], &["--patience", "1s"]].concat(),
    );
    assert!(!output.status.success(), "{}", said(&output));
}

#[test]
fn tap_and_access_ask_over_tls() {
    let authority = Authority::new("city");
    let dir = tempfile::tempdir().unwrap();
    authority
        .sign("gateway", &["localhost"])
        .write(dir.path(), "gateway");
    let ports = Ports::free();
    let [mqtts] = free_ports();
    let gateway = Gateway::spawn(
        dir.path(),
        ports,
        &config(dir.path(), ports, mqtts, "", ""),
        |_| {},
    );
    let (grpc, http) = (
        format!("https://localhost:{}", ports.grpc),
        format!("https://localhost:{}", ports.http),
    );
    let target = format!("mqtts://localhost:{mqtts}");
    let simulate = [
        "simulate",
        "--target",
        &target,
        "--max",
        "--connections",
        "1",
        "--count",
        "10",
        "--seed",
        "7",
    ];
    let start = Instant::now();
    loop {
        let output = citygate(&authority, &simulate);
        if output.status.success() {
            break;
        }
        assert!(
            start.elapsed() < BOUND,
            "{}\n{}",
            said(&output),
            gateway.said()
        );
    }
    let tap = [
        "tap",
        "--grpc",
        &grpc,
        "--url",
        &http,
        "--device",
        "em-7-00000",
        "--earliest",
        "--count",
        "1",
        "--json",
    ];
    let output = citygate(&authority, &tap);
    let text = said(&output);
    assert!(
        output.status.success() && text.contains("em-7-00000"),
        "{text}"
    );
    assert!(!text.contains("no rejects and states"), "{text}");
    let output = citygate(&Authority::new("elsewhere"), &tap);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
}
