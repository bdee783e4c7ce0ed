//! Peers in processes of their own.
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// `mosquitto_pub -d` over TLS, one message at QoS 1.
pub fn mosquitto_pub(port: u16, ca: &Path, arguments: &[&str]) -> Output {
    Command::new("mosquitto_pub")
        .args(["-d", "-h", "localhost", "-p", &port.to_string(), "-q", "1"])
        .args(["-t", "city/meter-7/json", "-m", r#"{"voltage": 230.5}"#])
        .arg("--cafile")
        .arg(ca)
        .args(arguments)
        .output()
        .expect("mosquitto-clients is a prerequisite of the tests")
}

/// What a peer said, both ways.
pub fn said(output: &Output) -> String {
    let both = [&output.stdout[..], b"\n", &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// `openssl s_client`: the whole of what it says about one handshake.
pub fn s_client(address: SocketAddr, ca: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &address.to_string(),
            "-servername",
            "localhost",
        ])
        .arg("-CAfile")
        .arg(ca)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is a prerequisite of the tests");
    said(&output)
}

/// grpcio with a channel over TLS: ends when `Subscribe` has brought a report of meter-7.
const SUBSCRIBE: &str = r#"
import json, sys, grpc
ca = open(sys.argv[2], "rb").read()
channel = grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials(ca))
method = "/citygate.v1.TelemetryService/Subscribe"
same = lambda data: data
call = channel.unary_stream(method, request_serializer=same, response_deserializer=same)
for response in call(bytes(json.loads(sys.argv[3])), timeout=30):
    if b"meter-7" in response:
        print("found")
        break
"#;

/// Runs it with an encoded request.
pub fn python_subscribes(target: &str, ca: &Path, request: &[u8]) -> Output {
    let python = std::env::var("CITYGATE_TEST_PYTHON").expect(
        "CITYGATE_TEST_PYTHON names a Python with tests/requirements.txt (scripts/test.sh sets it)",
    );
    let request = serde_json::to_string(request).unwrap();
    Command::new(python)
        .args(["-c", SUBSCRIBE, target])
        .arg(ca)
        .arg(request)
        .output()
        .expect("Python starts")
}
