#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn parse(text: &str) -> Result<Tokens, Vec<Problem>> {
    Tokens::parse(text, &Catalogue::shipped())
}

fn problems(text: &str) -> Vec<String> {
    let problems = parse(text).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_token_says_what_it_grants() {
    let tokens = parse(&format!(
        "[[token]]\nname = 'gas'\nsha256 = '{HASH}'\nkinds = ['meter.gas']\ndistricts = ['3701']\n\
         metrics = ['gas_volume']\nexpires = 2027-11-25T08:00:00+08:00\npurpose = 'billing'\n\
         [[token]]\nname = 'all'\nsha256 = '{}'\n[[login]]\ntoken = 'all'\nsha256 = '{HASH}'\nexpires = '2026-11-25T08:15:00Z'",
        HASH.replace('b', "c")
    ))
    .unwrap();
    let gas = tokens.named("gas").unwrap();
    assert!(gas.grant.sees_device("meter.gas", "370102") && gas.grant.sees_metric("gas_volume"));
    assert!(!gas.grant.gateway && !gas.grant.operate && &*gas.grant.purpose == "billing");
    assert_eq!(gas.expires.unwrap().to_string(), "2027-11-25T00:00:00Z");
    let all = tokens.named("all").unwrap();
    assert!(all.grant.is_unrestricted() && all.grant.gateway && !all.grant.operate);
    assert_eq!(tokens.logins.len(), 1);
    assert_eq!(parse("# nothing").unwrap(), Tokens::default());
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let shown = problems(&format!(
        "[[token]]\nname = 'a b'\nsha256 = 'cg_secret'\nkinds = ['meter.gaz', 'unknown']\nmetrics = ['voltagee']\n\
         districts = []\ncreated = 'yesterday'\noperate = 'no'\nexpire = 1\n[[token]]\n[[login]]\ntoken = 'a'\nsha256 = '{HASH}'"
    ));
    for expected in [
        "token[0].name = \"a b\": must be 1 to 64",
        "token[0].sha256 = (hidden): must be the 64 hex digits",
        "token[0].kinds = meter.gaz: no such kind; did you mean `meter.gas`?",
        "token[0].kinds = unknown: devices of unknown kind",
        "token[0].metrics = voltagee: no such metric; did you mean `voltage`?",
        "token[0].districts = 0: must have 1 to 256 entries",
        "token[0].created = \"yesterday\": must be a time",
        "token[0].operate = \"no\": must be true or false",
        "token[0].expire = 1: unknown key; did you mean `expires`?",
        "token[1].name = absent",
        "token[1].sha256 = absent",
        "login[0].expires = absent",
    ] {
        let found = shown.iter().any(|problem| problem.starts_with(expected));
        assert!(found, "{expected}: {shown:#?}");
    }
    assert_eq!(shown.len(), 12, "{shown:#?}");
    assert!(!shown.join("\n").contains("cg_secret"));
}

#[test]
fn a_name_is_free_again_once_its_token_is_revoked() {
    let row = |name: &str, hash: &str, more: &str| {
        format!("[[token]]\nname = '{name}'\nsha256 = '{hash}'\n{more}\n")
    };
    let (one, two) = (HASH, &*HASH.replace('b', "c"));
    let revoked = "revoked = '2026-11-25T08:00:00Z'";
    let tokens = parse(&(row("a", one, revoked) + &row("a", two, ""))).unwrap();
    assert_eq!(tokens.named("a").unwrap().digest.to_string(), two);
    assert_eq!(tokens.named("b"), None);
    let twice = problems(&(row("a", one, "") + &row("a", two, "")));
    assert_eq!(twice.len(), 1, "{twice:?}");
    let same = problems(&(row("a", one, revoked) + &row("b", one, "")));
    assert!(same.join("").contains("hash is there twice"), "{same:?}");
}

#[test]
fn text_that_is_no_toml_names_its_line() {
    let shown = problems("# a\n[[token]\n");
    assert!(shown.join("").starts_with("line = 2:"), "{shown:?}");
}
