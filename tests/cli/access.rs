//! Tokens as an operator handles them: made, listed, explained and taken back while a gateway runs.
use super::live::{simulate_to, wait_for};
use super::support::{Gateway, Ports};
use super::{Done, citygate, piped, run};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// One request with its own headers and body; the status, and the whole answer.
fn ask(port: u16, request: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

fn status(port: u16, token: &str) -> u16 {
    let header = format!("Authorization: Bearer {token}\r\n");
    ask(port, "GET /v1/devices", &header, "").0
}

/// A command about the tokens that `dir/citygate.toml` names.
fn about(dir: &Path, args: &[&str]) -> Done {
    let config = dir.join("citygate.toml");
    run(&[args, &["--config", config.to_str().unwrap()]].concat())
}

/// Makes a token; its text.
fn create(dir: &Path, args: &[&str]) -> String {
    let done = about(dir, &[&["token", "create"], args].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    let token = done.out.strip_suffix('\n').unwrap().to_owned();
    assert!(token.starts_with("cg_") && token.len() == 46, "{token}");
    assert!(!done.err.contains(&token), "it is on standard output alone");
    token
}

fn config(dir: &Path, ports: Ports) -> String {
    let tokens = dir.join("tokens.toml");
    let access = format!("[access]\ntokens_file = \"{}\"\n", tokens.display());
    let routes =
        "[[route]]\ntopic = \"gas/{device}\"\nkind = \"meter.gas\"\ndistrict = \"370102\"\n";
    ports.config(&dir.join("data"), &(access + routes))
}

#[test]
fn a_token_is_taken_while_it_is_in_the_file_and_its_stream_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, ports) = (dir.path(), Ports::free());
    let gateway = Gateway::start(dir, ports, &config(dir, ports));
    assert_eq!(status(ports.http, "cg_none"), 401, "nobody has one yet");
    let brain = create(dir, &["brain"]);
    let gas = create(dir, &["gas", "--kind", "meter.gas", "--expires", "90d"]);
    for token in [&brain, &gas] {
        wait_for("token in force", || status(ports.http, token) == 200);
    }
    let url = format!("http://127.0.0.1:{}", ports.http);
    let grpc = format!("http://127.0.0.1:{}", ports.grpc);
    let mut tap = citygate(&["tap", "--earliest", "--grpc", &grpc, "--url", &url]);
    let mut tap = piped(tap.env("CITYGATE_TOKEN", &gas));
    simulate_to(
        &format!("mqtt://127.0.0.1:{}", ports.mqtt),
        &["--topic", "gas/{device}", "--count", "20", "--rate", "200"],
    );
    let mut first = String::new();
    let mut lines = BufReader::new(tap.stdout.take().unwrap());
    lines.read_line(&mut first).unwrap();
    assert!(!first.is_empty(), "the stream is open");
    let device = device(ports.http, &brain);
    // Asked of the gateway, the device is known by kind and district.
    for (grant, code) in [("gas", 0), ("brain", 0), ("water", 1)] {
        if grant == "water" {
            create(dir, &["water", "--kind", "meter.water"]);
        }
        let config = dir.join("citygate.toml");
        let args = ["access", "why", grant, &device, "--url", &url, "--config"];
        let mut why = citygate(&[&args[..], &[config.to_str().unwrap()]].concat());
        let why: Done = why.env("CITYGATE_TOKEN", &brain).output().unwrap().into();
        assert_eq!(why.code, code, "{grant}: {}{}", why.out, why.err);
        assert!(why.out.contains("meter.gas"), "{}", why.out);
    }
    let revoked = Instant::now();
    let done = about(dir, &["token", "revoke", "gas"]);
    assert_eq!(
        (done.code, &*done.out),
        (0, "gas is revoked\n"),
        "{}",
        done.err
    );
    std::io::copy(&mut lines, &mut std::io::sink()).unwrap();
    let ended: Done = tap.wait_with_output().unwrap().into();
    let took = revoked.elapsed();
    assert!(
        took < Duration::from_secs(5),
        "the stream ended after {took:?}"
    );
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert!(ended.err.contains("revoked"), "{}", ended.err);
    let refused = status(ports.http, &gas);
    // This address has shown unknown tokens above, maybe more often than it may.
    assert!(matches!(refused, 401 | 429), "{refused}");
    assert_eq!(
        status(ports.http, &brain),
        200,
        "the right token always enters"
    );
    noted(dir, gateway, &[&brain, &gas]);
}

/// The id of any device.
fn device(port: u16, token: &str) -> String {
    let header = format!("Authorization: Bearer {token}\r\n");
    let mut id = String::new();
    wait_for("device", || {
        let (_, answer) = ask(port, "GET /v1/devices?kind=meter.gas", &header, "");
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        let found: Value = serde_json::from_str(body).unwrap_or_default();
        found["devices"][0]["deviceId"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut id);
        !id.is_empty()
    });
    id
}

/// What the audit log must have after the test above, and must not have ever.
fn noted(dir: &Path, mut gateway: Gateway, tokens: &[&String]) {
    gateway.stop();
    let log = fs::read_to_string(dir.join("data/audit.log")).unwrap();
    for expected in [
        r#""what":"token_created","grant":"gas""#,
        r#""what":"token_revoked","grant":"gas""#,
        r#""what":"reload","grant":"gas","detail":"revoked""#,
        r#""what":"refused","peer":"127.0.0.1""#,
        r#""what":"export","grant":"gas","peer":"127.0.0.1""#,
    ] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    let files = fs::read_to_string(dir.join("tokens.toml")).unwrap() + &log + &gateway.said();
    for token in tokens {
        assert!(!files.contains(&token[3..]), "a token lies around");
    }
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["time"].is_string(), "{line}");
    }
}

#[test]
fn a_link_logs_in_once_though_the_gateway_is_killed_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, ports) = (dir.path(), Ports::free());
    let config = config(dir, ports);
    fs::write(dir.join("citygate.toml"), &config).unwrap();
    create(dir, &["field"]);
    let link = || {
        let done = about(
            dir,
            &["token", "link", "field", "--url", "https://gw.example"],
        );
        assert_eq!(done.code, 0, "{}", done.err);
        let code = done
            .out
            .strip_prefix("https://gw.example/login?code=")
            .unwrap();
        format!("code={}", code.trim_end())
    };
    let mut gateway = Gateway::start(dir, ports, &config);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let post = |body: &str| ask(ports.http, "POST /login", form, body);
    let used = link();
    let mut cookie = String::new();
    wait_for("login", || {
        // The gateway may not have looked at the file yet.
        let (status, answer) = post(&used);
        let set = answer
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        set.and_then(|set| set.split(';').next())
            .unwrap_or_default()
            .clone_into(&mut cookie);
        status == 303
    });
    gateway.kill();
    drop(gateway);
    let mut gateway = Gateway::start(dir, ports, &config);
    assert_eq!(post(&used).0, 401, "used before the kill");
    let logged_in = format!("Cookie: {cookie}\r\n");
    let devices = || ask(ports.http, "GET /v1/devices", &logged_in, "").0;
    assert_eq!(devices(), 200, "the phone stays logged in");
    let shown = about(dir, &["access", "show", "field"]);
    assert!(shown.out.contains("1 logged in"), "{}", shown.out);
    about(dir, &["token", "revoke", "field"]);
    wait_for("end of the session", || devices() == 401);
    assert_eq!(about(dir, &["access", "show", "field"]).code, 1);
    gateway.kill();
}

#[test]
fn mistakes_are_told_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens.toml");
    let file = file.to_str().unwrap();
    let tokens = |args: &[&str]| run(&[args, &["--tokens-file", file]].concat());
    for (args, code, said) in [
        (
            &["token", "create", "a", "--kind", "meter.gaz"][..],
            2,
            "did you mean `meter.gas`?",
        ),
        (
            &["token", "create", "a", "--kind", "unknown"],
            2,
            "unknown kind",
        ),
        (
            &["token", "create", "a", "--metric", "voltagee"],
            2,
            "did you mean `voltage`?",
        ),
        (
            &["token", "create", "a", "--expires", "soon"],
            2,
            "neither a time",
        ),
        (&["token", "create", "a b"], 2, "1 to 64 characters"),
        (&["token", "revoke", "a"], 1, "no token \"a\""),
        (
            &["token", "link", "a", "--url", "http://h"],
            1,
            "no token \"a\"",
        ),
        (&["token", "link", "a"], 2, "--url"),
        (&["access", "show", "a"], 1, "no token \"a\""),
    ] {
        let done = tokens(args);
        assert_eq!(done.code, code, "{args:?}: {}", done.err);
        assert!(done.err.contains(said), "{args:?}: {}", done.err);
        assert!(done.out.is_empty() && !Path::new(file).exists(), "{args:?}");
    }
    assert_eq!(run(&["token", "list"]).code, 2, "which tokens?");
    fs::write(file, "[[token]]\nname = 1\n").unwrap();
    let done = tokens(&["token", "create", "a"]);
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.err.contains("token[0].name"), "{}", done.err);
    assert_eq!(fs::read_to_string(file).unwrap(), "[[token]]\nname = 1\n");
}

#[test]
fn tokens_are_listed_and_explained_without_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens.toml");
    let file = file.to_str().unwrap();
    let tokens = |args: &[&str]| run(&[args, &["--tokens-file", file]].concat());
    let made = tokens(&[
        "token",
        "create",
        "gas",
        "--kind",
        "meter.gas",
        "--district",
        "3701",
        "--purpose",
        "billing",
        "--json",
    ]);
    let made: Value = serde_json::from_str(&made.out).unwrap();
    let token = made["token"].as_str().unwrap();
    let listed = tokens(&["token", "list", "--json"]);
    let row: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(row["kinds"], serde_json::json!(["meter.gas"]));
    assert_eq!(
        (&row["state"], &row["gateway"]),
        (&"good".into(), &false.into())
    );
    assert_eq!(row["sha256Prefix"].as_str().unwrap().len(), 8);
    let shown = tokens(&["access", "show", "gas"]).out;
    for said in [
        "meter.gas, with what is below",
        "3701, with what begins so",
        "billing",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    for (args, code) in [
        (&["--kind", "meter.gas", "--district", "370102"][..], 0),
        (&["--kind", "meter.gas", "--district", "3702"], 1),
        (&["--kind", "pole.light", "--district", "3701"], 1),
        (&["--kind", "meter.gas"], 1),
    ] {
        let why = tokens(&[&["access", "why", "gas", "m-1"], args].concat());
        assert_eq!(why.code, code, "{args:?}: {}", why.out);
    }
    let text = tokens(&["token", "list"]).out + &listed.out + &shown;
    assert!(!text.contains(&token[3..]));
}
