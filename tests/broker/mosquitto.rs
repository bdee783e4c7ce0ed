//! Mosquitto with the configuration that deploy/ ships: other places, otherwise as it is.
use crate::support::{BOUND, free_ports};
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const USER: &str = "gate";
pub const PASSWORD: &str = "s3cret";

/// A broker. Dropped, it is killed.
pub struct Mosquitto {
    child: Child,
    pub port: u16,
    dir: PathBuf,
}

impl Mosquitto {
    /// One message at QoS 1 by `mosquitto_pub`, with these options besides; waits for the PUBACK.
    #[track_caller]
    pub fn publish(&self, options: &[&str]) {
        let sent = Command::new("mosquitto_pub")
            .args(["-p", &self.port.to_string(), "-q", "1"])
            .args(["-u", USER, "-P", PASSWORD])
            .args(options)
            .status();
        assert!(sent.unwrap().success());
    }

    /// On a port of its own, with `more` after the `listener` line; it keeps its store in `dir`.
    pub fn start(dir: &Path, more: &str) -> Self {
        let [port] = free_ports();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/mosquitto.conf");
        let shipped = fs::read_to_string(shipped).unwrap();
        let passwords = dir.join("mosquitto.passwd");
        let store = dir.join("store");
        fs::create_dir_all(&store).unwrap();
        let mut config = String::new();
        let mut replaced = 0;
        for line in shipped.lines() {
            let other = match line.split(' ').next() {
                Some("listener") => Some(format!("listener {port} 127.0.0.1\n{more}\nuser root")),
                Some("password_file") => Some(format!("password_file {}", passwords.display())),
                Some("persistence_location") => {
                    Some(format!("persistence_location {}/", store.display()))
                }
                _ => None,
            };
            replaced += usize::from(other.is_some());
            config += &other.unwrap_or_else(|| line.to_owned());
            config.push('\n');
        }
        assert_eq!(replaced, 3, "deploy/mosquitto.conf has changed");
        fs::write(dir.join("mosquitto.conf"), config).unwrap();
        if !passwords.exists() {
            let made = Command::new("mosquitto_passwd")
                .arg("-b")
                .arg("-c")
                .arg(&passwords)
                .args([USER, PASSWORD])
                .output();
            assert!(made.unwrap().status.success());
        }
        let mut broker = Self {
            child: spawn(dir),
            port,
            dir: dir.to_owned(),
        };
        broker.wait();
        broker
    }

    /// As a crash: what it has not saved is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As an operator stops it: it saves.
    pub fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().unwrap();
    }

    /// Has it save what it has.
    pub fn save(&self) {
        self.signal(rustix::process::Signal::USR1);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = spawn(&self.dir);
        self.wait();
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && start.elapsed() < BOUND,
                "{ended:?}: {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn said(&self) -> String {
        fs::read_to_string(self.dir.join("mosquitto.out")).unwrap_or_default()
    }
}

fn spawn(dir: &Path) -> Child {
    let out = File::options()
        .create(true)
        .append(true)
        .open(dir.join("mosquitto.out"))
        .unwrap();
    Command::new("mosquitto")
        .arg("-c")
        .arg(dir.join("mosquitto.conf"))
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .spawn()
        .expect("mosquitto is a prerequisite of the tests")
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
