//! A client in another language, with the token in its metadata.
//!
//! `CITYGATE_TEST_PYTHON` names an interpreter with grpcio-tools; the test script makes one.
use crate::city::City;
use crate::oracle::Grant;
use std::process::Command;

const SCRIPT: &str = r#"
import sys, tempfile
import grpc
from grpc_tools import protoc
import grpc_tools, os
proto, target, token = sys.argv[1:4]
out = tempfile.mkdtemp()
well_known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
files = ["citygate/v1/telemetry.proto", "citygate/v1/devices.proto"]
protoc.main(["protoc", "-I" + proto, "-I" + well_known, "--python_out=" + out, "--grpc_python_out=" + out] + files)
sys.path.insert(0, out)
from citygate.v1 import telemetry_pb2, telemetry_pb2_grpc
stub = telemetry_pb2_grpc.TelemetryServiceStub(grpc.insecure_channel(target))
request = telemetry_pb2.QueryRequest()
try:
    list(stub.Query(request, timeout=20))
    print("served without a token")
except grpc.RpcError as error:
    print(error.code().name)
metadata = (("authorization", "Bearer " + token),)
responses = stub.Query(request, timeout=20, metadata=metadata)
print(*sorted({report.device_id for response in responses for report in response.reports}))
"#;

#[test]
fn a_python_client_sends_its_token_as_metadata() {
    let Ok(python) = std::env::var("CITYGATE_TEST_PYTHON") else {
        println!("NOT CHECKED: CITYGATE_TEST_PYTHON is not set");
        return;
    };
    let gas = Grant::new("gas", Some(vec!["meter.gas"]), None, None, false);
    let city = City::peopled(vec![gas]);
    let grant = &city.grants[0];
    let target = format!("127.0.0.1:{}", city.gateway.ports.grpc);
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/proto"))
        .args([&target, &grant.token])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let expected = format!("UNAUTHENTICATED\n{}\n", grant.ids(&city.devices).join(" "));
    assert_eq!(
        said,
        expected,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
