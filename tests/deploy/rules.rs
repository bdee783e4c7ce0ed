//! Prometheus rules, by Prometheus's own tool: what they are, and what they do with numbers.
use super::{path, run, said, text};
use std::process::Command;

#[test]
fn rules_are_rules_and_the_configuration_is_one() {
    for (what, file) in [
        ("rules", "deploy/prometheus.rules.yml"),
        ("config", "deploy/prometheus.yml"),
    ] {
        let mut command = Command::new("promtool");
        command.arg("check").arg(what);
        if what == "config" {
            // The token and the rules lie where the container has them.
            command.arg("--syntax-only");
        }
        let Some(checked) = run(command.arg(path(file))) else {
            return;
        };
        assert!(checked.status.success(), "{}", said(&checked));
    }
}

#[test]
fn alerts_are_raised_when_they_should_be_and_not_before() {
    let Some(tested) = run(Command::new("promtool")
        .args(["test", "rules"])
        .arg(path("tests/deploy/alerts.yml")))
    else {
        return;
    };
    assert!(tested.status.success(), "{}", said(&tested));
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_to_do() {
    let rules = text("deploy/prometheus.rules.yml");
    let alerts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        for part in ["severity: ", "summary: ", "description: "] {
            assert!(alert.contains(part), "{name} has no {part}");
        }
    }
}
