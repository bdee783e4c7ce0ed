//! README, "Your device in five minutes": each step printed what it says there.
use super::live::wait_for;
use super::run;
use super::snapshot::City;
use std::fs;

/// The section, up to the next.
fn section() -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, behind) = readme
        .split_once("## Your device in five minutes\n")
        .unwrap();
    behind.split_once("\n## ").unwrap().0.to_owned()
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let (_, behind) = text.split_once(start).unwrap();
    behind.split_once(end).unwrap().0
}

/// What a command printed: up to the next command or the end of the block.
fn printed<'t>(section: &'t str, command: &str, nth: usize) -> Vec<&'t str> {
    let line = format!("$ citygate {command}");
    let behind = section.split(&line).nth(nth + 1).unwrap();
    behind
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with("$ ") && !line.starts_with("```"))
        .collect()
}

/// Times, sequences and ports are other ones each time.
fn masked(line: &str) -> String {
    let mut out = String::new();
    for letter in line.chars() {
        if !letter.is_ascii_digit() {
            out.push(letter);
        } else if !out.ends_with('#') {
            out.push('#');
        }
    }
    out
}

#[track_caller]
fn same(expected: &[&str], got: &str) {
    let expected: Vec<String> = expected.iter().map(|line| masked(line)).collect();
    let got: Vec<String> = got.lines().map(masked).collect();
    assert_eq!(got, expected);
}

#[test]
fn a_device_that_nobody_knows_is_brought_in_as_the_readme_says() {
    let section = section();
    let payload = between(&section, "-m '", "'\n");
    let profile = between(&section, "```toml\n", "```");
    let row = between(&section, "$ echo '", "' >> devices.csv");

    let devices = "id,kind,profile,district,place\npole-1,pole.light,json,370102,Jingshi Road 1\n";
    let city = City::new(devices);
    let url = format!("http://127.0.0.1:{}", city.gateway.ports.http);
    let ask = |args: &[&str]| run(&[args, &["--url", &url]].concat());

    city.publish("city/KL2-0417", payload);
    let list = ask(&["rejects", "list"]);
    same(&printed(&section, "rejects list", 0), &list.out);

    let file = city.at("profiles/kunlun-kl200.toml");
    let path = file.display().to_string();
    let check = || {
        let done = run(&["check", "--profiles", &path]);
        (
            done.code,
            done.out.replace(&path, "profiles/kunlun-kl200.toml"),
        )
    };
    city.write("profiles/kunlun-kl200.toml", profile);
    let (code, said) = check();
    assert_eq!(
        (code, said.lines().collect::<Vec<_>>()),
        (1, printed(&section, "check", 0))
    );
    let mended = profile.replace("scale = 0.1\n", "scale = 0.01\n");
    city.write("profiles/kunlun-kl200.toml", &mended);
    let (code, said) = check();
    assert_eq!(
        (code, said.lines().collect::<Vec<_>>()),
        (0, printed(&section, "check", 1))
    );
    let decoded = run(&["decode", "--profile", &path, payload]);
    same(&printed(&section, "decode", 0), &decoded.out);

    city.write("devices.csv", &format!("{devices}{row}\n"));
    wait_for("the row and the profile", || {
        let reloaded = ask(&["reload"]);
        assert_eq!(reloaded.code, 0, "{}", reloaded.out);
        city.metric("citygate_inventory_devices") > 1.5
    });
    let retried = ask(&["rejects", "retry", "--device", "KL2-0417"]);
    same(&printed(&section, "rejects retry", 0), &retried.out);
    let again = ask(&["rejects", "retry", "--device", "KL2-0417"]);
    assert!(again.out.starts_with("0 recovered"), "{}", again.out);

    let explained = ask(&["explain", "KL2-0417"]);
    assert_eq!(explained.code, 0, "{}", explained.out);
    for line in printed(&section, "explain", 0) {
        // An address, how long ago it is, what is left out, and what comes a moment later.
        let other = ["  arrived", "KL2-0417: Heard", "..", "  ..", "expected"];
        if other.iter().any(|start| line.starts_with(start)) || line.contains("history") {
            continue;
        }
        let wanted = masked(line);
        let found = explained.out.lines().any(|got| masked(got) == wanted);
        assert!(found, "{line}\n{}", explained.out);
    }
    // Whole times, in UTC, everywhere; and what was refused has become this report.
    for word in explained.out.split_whitespace() {
        let is_clock =
            word.matches(':').count() == 2 && word.starts_with(|c: char| c.is_ascii_digit());
        let whole = word.trim_end_matches(['.', ',', ';']).ends_with('Z') && word.contains('T');
        assert!(!is_clock || whole, "{word}: {}", explained.out);
    }
    assert!(
        explained.out.contains("recovered as report "),
        "{}",
        explained.out
    );
}
