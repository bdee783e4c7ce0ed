//! Help and usage errors.
use super::run;

const COMMANDS: [&[&str]; 10] = [
    &["run"],
    &["demo"],
    &["check"],
    &["decode"],
    &["simulate"],
    &["tap"],
    &["log"],
    &["log", "check"],
    &["log", "stat"],
    &["log", "export"],
];

#[test]
fn help_of_every_command_has_an_example() {
    for command in COMMANDS {
        let help = run(&[command, &["--help"]].concat());
        assert_eq!(help.code, 0, "{command:?}: {}", help.err);
        let example = format!("  citygate {}", command[0]);
        let shown =
            help.out.contains(&example) || help.out.contains(&format!("| {}", example.trim()));
        assert!(
            help.out.contains("Example") && shown,
            "{command:?}: {}",
            help.out
        );
    }
}

#[test]
fn the_help_lists_every_command_and_no_other() {
    let help = run(&["--help"]);
    let listed: Vec<&str> = help
        .out
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(
        listed,
        [
            "run", "demo", "check", "ready", "decode", "simulate", "reload", "tap", "explain",
            "stores", "rejects", "log", "access", "token", "help"
        ]
    );
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for args in [
        &[][..],
        &["nonsense"],
        &["run", "--nonsense"],
        &["check"],
        &["decode", "--profile", "nope", "00"],
        &["decode", "--profile", "json", "0"],
        &["decode", "--profile", "json", "--kind", "metre", "{}"],
        &["simulate", "--to", "http://x"],
        &["simulate", "--mix", "mete=1"],
        &["simulate", "--max", "--rate", "5"],
        &["simulate", "--topic", "city/#"],
        &["simulate", "--loss", "0.1"],
        &["simulate", "--target", "coap://x", "--loss", "0.95"],
        &["simulate", "--target", "coap://x", "--duplicate", "-1"],
        &["simulate", "--target", "coap://x", "--block-size", "100"],
        &["simulate", "--target", "coap://x", "--format", "xml"],
        &[
            "simulate",
            "--csv",
            "-",
            "--time-column",
            "t",
            "--map",
            "v=Volt",
        ],
        &["tap", "--since", "yesterday"],
        &["log"],
        &["log", "check"],
        &["demo", "--for", "soon"],
    ] {
        let done = run(args);
        assert_eq!(done.code, 2, "{args:?}: {}{}", done.out, done.err);
        assert!(done.out.is_empty() && !done.err.is_empty(), "{args:?}");
    }
}

#[test]
fn a_usage_error_names_what_was_meant() {
    let done = run(&["decode", "--profile", "json", "--kind", "meter.gass", "{}"]);
    assert!(done.err.contains("did you mean meter.gas?"), "{}", done.err);
    let done = run(&["simulate", "--mix", "mete=1"]);
    assert!(done.err.contains("meter.electricity"), "{}", done.err);
    let done = run(&["simulate", "--reorder", "0.1"]);
    assert!(
        done.err.contains("--reorder is for CoAP devices"),
        "{}",
        done.err
    );
}
