//! Peers in processes of their own.
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// One run of `paho_peer.py`: a scenario, which prints a line of JSON per step.
pub struct Paho {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Paho {
    /// Starts a scenario against the gateway at `port`.
    pub fn start(port: u16, scenario: &str, arguments: &[&str]) -> Self {
        let python = std::env::var("CITYGATE_TEST_PYTHON")
            .expect("CITYGATE_TEST_PYTHON names a Python with tests/requirements.txt (scripts/test.sh sets it)");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mqtt/paho_peer.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([&port.to_string(), scenario])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// What the scenario says next.
    #[track_caller]
    pub fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the peer ended: {:?}", self.child.wait());
        serde_json::from_str(&line).unwrap()
    }

    /// Kills the peer: its connection ends without a DISCONNECT.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Paho {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `mosquitto_pub -d`: what it said of the packets is in the output.
pub fn mosquitto_pub(port: u16, arguments: &[&str]) -> Output {
    Command::new("mosquitto_pub")
        .args(["-d", "-h", "127.0.0.1", "-p", &port.to_string()])
        .args(arguments)
        .output()
        .expect("mosquitto-clients is a prerequisite of the tests")
}
