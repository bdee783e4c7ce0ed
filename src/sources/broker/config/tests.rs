#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::model::settings::Problem;

fn read(text: &str) -> (Vec<Config>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut top = Section::new("", text.parse().expect("TOML"), &mut problems);
    let brokers = Config::read_all(&mut top);
    top.finish();
    (brokers, problems)
}

fn keys(problems: &[Problem]) -> Vec<&str> {
    problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect()
}

#[test]
fn url_and_topics_are_enough() {
    let (brokers, problems) = read("[[broker]]\nurl = 'mqtt://broker.city'\ntopics = ['city/#']");
    assert_eq!(problems, []);
    let [broker] = &brokers[..] else {
        panic!("{brokers:?}")
    };
    assert_eq!((broker.name.as_str(), broker.port), ("broker.city", 1883));
    assert_eq!(
        (broker.version, broker.qos, broker.clients),
        (Version::V5, 1, 1)
    );
    assert_eq!(broker.subscriptions(), ["$share/citygate/city/#"]);
    assert_eq!(broker.url(), "mqtt://broker.city:1883");
}

#[test]
fn urls_are_taken_apart() {
    let place = |host: &str, port, tls| {
        Some(Place {
            host: host.to_owned(),
            port,
            tls,
        })
    };
    for (url, expected) in [
        ("mqtt://b", place("b", 1883, false)),
        ("mqtts://b/", place("b", 8883, true)),
        ("mqtt://10.0.0.1:18", place("10.0.0.1", 18, false)),
        ("mqtt://[::1]", place("[::1]", 1883, false)),
        ("mqtt://[::1]:5", place("[::1]", 5, false)),
        ("http://b", None),
        ("mqtt://", None),
        ("mqtt://user:pass@b", None),
        ("mqtt://b:0", None),
        ("mqtt://b:", None),
        ("mqtt://b:99999", None),
        ("mqtt://b/path", None),
        ("mqtt://[::1]x", None),
        ("mqtt://[b]", None),
        ("b:1883", None),
    ] {
        assert_eq!(parse_url(url), expected, "{url}");
    }
}

#[test]
fn every_mistake_is_a_problem() {
    let (_, problems) = read(
        "[[broker]]\nurl = 'tcp://b'\ntopics = ['a/#/b', 'x/#', 'x/y']\nqos = 2\nclients = 0\nversion = '4'\n\
         group = 'a/b'\nuser = 'u'\ncert = 'c'\nkeep_alive = '1s'\ninflight_max = 70000\ntopic = 'x'",
    );
    let said = keys(&problems);
    for key in [
        "url",
        "topics",
        "qos",
        "clients",
        "version",
        "group",
        "user",
        "cert",
        "keep_alive",
        "inflight_max",
        "topic",
    ] {
        assert!(
            said.contains(&format!("broker[0].{key}").as_str()),
            "{key}: {problems:#?}"
        );
    }
    let topics = problems
        .iter()
        .filter(|problem| problem.key.ends_with(".topics"));
    assert_eq!(topics.count(), 2, "a wrong filter and an overlap");
    let (_, problems) = read("[[broker]]");
    assert_eq!(keys(&problems), ["broker[0].url", "broker[0].topics"]);
    let (_, problems) = read("[[broker]]\nurl = 'mqtt://b'\ntopics = []");
    assert_eq!(keys(&problems), ["broker[0].topics"]);
}

#[test]
fn two_of_a_name_and_two_of_everything_are_refused() {
    let one = "[[broker]]\nurl = 'mqtt://b'\ntopics = ['city/#']\n";
    let (_, problems) = read(&format!("{one}{one}"));
    assert_eq!(keys(&problems), ["broker[1].name"]);
    let (_, problems) = read(&format!("{one}group = ''\nclients = 2"));
    assert_eq!(keys(&problems), ["broker[0].clients"]);
    let many: Vec<String> = (0..17).map(|n| format!("{one}name = 'b{n}'\n")).collect();
    let (_, problems) = read(&many.concat());
    assert_eq!(keys(&problems), ["broker"]);
}

#[test]
fn files_are_read_at_once_and_what_is_wrong_with_them_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    std::fs::write(&password, "s3cret\n").unwrap();
    let text = |url: &str, more: &str| {
        format!(
            "[[broker]]\nurl = '{url}'\ntopics = ['city/#']\nuser = 'gate'\npassword_file = '{}'\n{more}",
            password.display()
        )
    };
    let (brokers, problems) = read(&text("mqtt://b", ""));
    assert_eq!(problems, []);
    let shown = format!("{brokers:?}");
    assert!(
        shown.contains("gate") && !shown.contains("s3cret"),
        "{shown}"
    );

    std::fs::remove_file(&password).unwrap();
    let (_, problems) = read(&text("mqtts://b", "ca = '/nowhere/ca.pem'"));
    assert_eq!(
        keys(&problems),
        ["broker[0].ca, cert, key_file", "broker[0].password_file"]
    );
    assert!(
        problems
            .iter()
            .all(|problem| problem.rule.contains("No such file")),
        "{problems:#?}"
    );
}

#[test]
fn client_ids_are_stable_short_and_apart() {
    let (brokers, _) = read("[[broker]]\nurl = 'mqtt://b'\ntopics = ['city/#']");
    let [broker] = &brokers[..] else {
        panic!("{brokers:?}")
    };
    assert_eq!(broker.client_id("lixia-1", 3), "citygate-lixia-1-b-3");
    let long = "n".repeat(64);
    let (one, other) = (broker.client_id(&long, 1), broker.client_id(&long, 2));
    assert_eq!((one.len(), other.len()), (64, 64));
    assert_ne!(one, other);
}
