#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::access::{Digest, new_code, new_token};
use proptest::prelude::*;
use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn open(path: &Path) -> Editor {
    Editor::open(path, &Catalogue::shipped()).unwrap()
}

fn token(name: &str) -> Token {
    Token {
        digest: new_token().unwrap().1,
        created: Some(NOW),
        expires: None,
        revoked: None,
        grant: Arc::new(Grant {
            operate: false,
            ..Grant::everything(name)
        }),
    }
}

fn login(token: &str, expires: i64) -> Login {
    Login {
        digest: new_code().unwrap().1,
        token: token.into(),
        token_digest: Some(new_token().unwrap().1),
        expires: Timestamp::from_secs(1_800_000_000 + expires),
    }
}

#[test]
fn edits_leave_the_operators_text_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens.toml");
    let hash = new_token().unwrap().1;
    let old = format!(
        "# Ours.\r\n[[token]]   # the gas company\n  name = 'gas' # see contract 7\n  sha256 = \"{hash}\"\n\n\
         # kept by hand:\n[[token]]\nsha256 = '{}'\nname = 'old'\nrevoked = 2026-01-01T00:00:00Z",
        new_token().unwrap().1
    );
    fs::write(&path, &old).unwrap();
    let mut editor = open(&path);
    editor.create(token("brain")).unwrap();
    editor.create(token("old")).unwrap();
    editor.link(login("brain", 900), NOW).unwrap();
    editor.revoke("gas", NOW).unwrap();
    drop(editor);
    let text = fs::read_to_string(&path).unwrap();
    let marked = format!("'gas' # see contract 7\nrevoked = \"{NOW}\"\n  sha256");
    assert!(text.contains(&marked), "{text}");
    let unmarked = text.replace(&format!("revoked = \"{NOW}\"\n"), "");
    assert!(unmarked.starts_with(&old), "{text}");
    let editor = open(&path);
    let names = editor
        .tokens()
        .tokens
        .iter()
        .map(|token| &*token.grant.name);
    assert_eq!(names.collect::<Vec<_>>(), ["gas", "old", "brain", "old"]);
    assert_eq!(editor.tokens().named("gas").unwrap().revoked, Some(NOW));
    assert_eq!(editor.tokens().named("old").unwrap().revoked, None);
}

#[test]
fn a_new_file_is_its_owners_and_an_old_one_keeps_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens.toml");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    open(&path).create(token("a")).unwrap();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    open(&path).create(token("b")).unwrap();
    assert_eq!(mode(), 0o640);
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    fs::create_dir(&real).unwrap();
    let path = dir.path().join("tokens.toml");
    fs::write(real.join("x.toml"), "# there\n").unwrap();
    std::os::unix::fs::symlink(real.join("x.toml"), &path).unwrap();
    open(&path).create(token("a")).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    let text = fs::read_to_string(real.join("x.toml")).unwrap();
    assert!(text.starts_with("# there\n") && text.contains("\"a\""));
}

#[test]
fn what_cannot_be_is_refused_with_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens.toml");
    let mut editor = open(&path);
    editor.create(token("brain")).unwrap();
    let taken = editor.create(token("brain")).unwrap_err();
    assert!(matches!(taken, EditError::Taken { .. }), "{taken}");
    let absent = editor.revoke("brian", NOW).unwrap_err();
    let said = absent.to_string();
    assert_eq!(said, "there is no token \"brian\"; did you mean \"brain\"?");
    editor.revoke("brain", NOW).unwrap();
    let twice = editor.revoke("brain", NOW).unwrap_err();
    assert!(matches!(twice, EditError::Revoked { .. }), "{twice}");
    assert!(editor.live("brain", NOW).is_err());
    // Valid, but not in tables: nothing is changed.
    let inline = format!(
        "token = [{{name = 'a', sha256 = '{}'}}]\n",
        new_token().unwrap().1
    );
    drop(editor);
    fs::write(&path, &inline).unwrap();
    let mut editor = open(&path);
    for refused in [
        editor.revoke("a", NOW).map(|_| ()),
        editor.create(token("b")),
    ] {
        assert!(
            matches!(refused, Err(EditError::Shape { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), inline);
}

#[test]
fn links_that_are_over_are_taken_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens.toml");
    let mut editor = open(&path);
    editor.create(token("field")).unwrap();
    let before = fs::read_to_string(&path).unwrap();
    for at in 0..5 {
        let now = Timestamp::from_secs(1_800_000_000 + at * 1_000);
        editor.link(login("field", at * 1_000 + 900), now).unwrap();
        assert_eq!(editor.tokens().logins.len(), 1);
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with(&before) && text.lines().count() == before.lines().count() + 6);
}

#[test]
fn a_revoked_token_takes_its_links_along() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens.toml");
    let mut editor = open(&path);
    for name in ["field", "office"] {
        editor.create(token(name)).unwrap();
        editor.link(login(name, 900), NOW).unwrap();
        editor.link(login(name, 900), NOW).unwrap();
    }
    editor.revoke("field", NOW).unwrap();
    editor.create(token("field")).unwrap();
    drop(editor);
    let editor = open(&path);
    let left = editor.tokens().logins.iter().map(|login| &*login.token);
    assert_eq!(left.collect::<Vec<_>>(), ["office", "office"]);
}

#[test]
fn commands_wait_for_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = &dir.path().join("tokens.toml");
    std::thread::scope(|scope| {
        for at in 0..8 {
            scope.spawn(move || open(path).create(token(&format!("t{at}"))).unwrap());
        }
    });
    assert_eq!(open(path).tokens().tokens.len(), 8);
}

fn scope<T: std::fmt::Debug + Clone>(
    items: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = Scope<Vec<T>>> {
    proptest::option::of(items).prop_map(|items| items.map_or(Scope::All, Scope::Only))
}

prop_compose! {
    fn any_token()(
        name in "[A-Za-z0-9._:-]{1,64}",
        purpose in "[^\\p{Cc}]{0,50}",
        bytes in any::<[u8; 8]>(),
        times in any::<[Option<u32>; 3]>(),
        kinds in scope(proptest::sample::subsequence(vec!["meter", "meter.gas", "pole.light"], 1..=3)),
        districts in scope(proptest::collection::vec("[^\\p{Cc}]{1,16}", 1..4)),
        metrics in scope(proptest::sample::subsequence(vec!["voltage", "gas_volume", "current"], 1..=3)),
        gateway in any::<bool>(),
        operate in any::<bool>(),
    ) -> Token {
        let time = |at: usize| times.get(at).copied().flatten().map(|secs| Timestamp::from_secs(i64::from(secs)));
        let boxed = |list: Vec<&str>| list.into_iter().map(Box::from).collect::<Vec<Box<str>>>();
        Token {
            digest: Digest::of(&format!("{bytes:?}")).unwrap(),
            created: time(0),
            expires: time(1),
            revoked: time(2),
            grant: Arc::new(Grant {
                name: name.into(),
                purpose: purpose.into(),
                kinds: match kinds { Scope::All => Scope::All, Scope::Only(list) => Scope::Only(boxed(list)) },
                districts: match districts {
                    Scope::All => Scope::All,
                    Scope::Only(list) => Scope::Only(list.into_iter().map(Into::into).collect()),
                },
                metrics: match metrics {
                    Scope::All => Scope::All,
                    Scope::Only(list) => Scope::Only(boxed(list).into_iter().collect::<HashSet<_>>()),
                },
                gateway,
                operate,
            }),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_is_what_is_read(token in any_token()) {
        let text = token_text(&token);
        let read = Tokens::parse(&text, &Catalogue::shipped());
        prop_assert_eq!(read.map(|read| read.tokens), Ok(vec![token]), "{}", text);
    }

    #[test]
    fn a_file_of_any_tokens_is_edited_without_a_loss(tokens in proptest::collection::vec(any_token(), 1..6), at in any::<proptest::sample::Index>()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.toml");
        let mut editor = open(&path);
        let mut expected = Vec::new();
        for token in tokens {
            let known = |old: &Token| old.digest == token.digest || old.grant.name == token.grant.name;
            if !expected.iter().any(known) {
                editor.create(token.clone()).unwrap();
                expected.push(token);
            }
        }
        let at = at.index(expected.len());
        let token = expected.get_mut(at).unwrap();
        if token.revoked.is_none() {
            editor.revoke(&token.grant.name, NOW).unwrap();
            token.revoked = Some(NOW);
        }
        drop(editor);
        let editor = open(&path);
        prop_assert_eq!(&editor.tokens().tokens, &expected);
    }
}
