//! Admission as a whole: files on a disk, a clock that is moved by hand.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::audit::Caller;
use super::*;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A gateway's access, its folder, and the texts of its tokens.
struct Site {
    dir: tempfile::TempDir,
    access: Arc<Access>,
}

fn row(name: &str, digest: Digest, more: &str) -> String {
    format!("[[token]]\nname = '{name}'\nsha256 = '{digest}'\n{more}\n")
}

fn link(token: (&str, Digest), digest: Digest, expires: Timestamp) -> String {
    let (name, of) = token;
    format!(
        "[[login]]\ntoken = '{name}'\ntoken_sha256 = '{of}'\nsha256 = '{digest}'\nexpires = '{expires}'\n"
    )
}

fn load(dir: &Path) -> Access {
    let config = Config {
        tokens_file: dir.join("tokens.toml"),
        ..Config::default()
    };
    Access::load(&config, dir, &Catalogue::shipped(), START).unwrap()
}

impl Site {
    fn new(tokens: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("tokens.toml"), tokens).unwrap();
        let access = Arc::new(load(dir.path()));
        Self { dir, access }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("tokens.toml")
    }

    /// The file's new text, taken at once.
    fn now_has(&self, tokens: &str) -> Result<usize, TokensError> {
        fs::write(self.file(), tokens).unwrap();
        self.access.reload(START)
    }

    /// As after kill -9: nothing is closed.
    fn restarted(self) -> Self {
        let access = Arc::new(load(self.dir.path()));
        std::mem::forget(self.access);
        Self {
            dir: self.dir,
            access,
        }
    }

    async fn redeem(&self, code: &str) -> Result<NewSession, Denied> {
        self.access.redeem(code, Caller::default(), START).await
    }
}

fn secs(secs: u64) -> Timestamp {
    START.plus(Duration::from_secs(secs))
}

#[test]
fn only_a_token_of_the_file_is_admitted_and_only_in_its_time() {
    let (token, digest) = new_token().unwrap();
    let (old, old_digest) = new_token().unwrap();
    let expires = format!("kinds = ['meter.gas']\nexpires = '{}'", secs(60));
    let revoked = format!("revoked = '{START}'");
    let site = Site::new(&(row("gas", digest, &expires) + &row("old", old_digest, &revoked)));
    let access = &site.access;
    assert!(!access.is_open());
    let pass = access.admit(Some(token.reveal()), START).unwrap();
    assert_eq!(&*pass.grant().name, "gas");
    assert!(pass.grant().sees_device("meter.gas", "") && !pass.grant().gateway);
    assert_eq!(pass.until(), Some(secs(60)));
    let refused = |token, now| access.admit(token, now).unwrap_err();
    assert_eq!(refused(None, START), Denied::Missing);
    assert_eq!(refused(Some("cg_nobody"), START), Denied::Unknown);
    assert_eq!(refused(Some(""), START), Denied::Unknown);
    assert_eq!(refused(Some(old.reveal()), START), Denied::Revoked);
    assert_eq!(refused(Some(token.reveal()), secs(60)), Denied::Expired);
    // The hash itself, which many may read, opens nothing.
    let digest = digest.to_string();
    assert_eq!(refused(Some(&digest), START), Denied::Unknown);
}

#[test]
fn a_pass_ends_with_its_token_its_time_or_its_grant() {
    let (token, digest) = new_token().unwrap();
    let text = row("gas", digest, "kinds = ['meter.gas']");
    let site = Site::new(&text);
    let admit = || site.access.admit(Some(token.reveal()), START).unwrap();
    let pass = admit();
    let other = row("new", new_token().unwrap().1, "") + "# a comment\n" + &text;
    assert_eq!(site.now_has(&other).unwrap(), 2);
    assert!(!pass.is_ended(), "others' changes do not concern it");
    site.now_has(&row("gas", digest, "kinds = ['meter']"))
        .unwrap();
    assert!(pass.is_ended(), "it sees more now: it must ask again");
    let pass = admit();
    assert!(pass.grant().sees_device("meter.water", ""));
    site.now_has(&row(
        "gas",
        digest,
        "kinds = ['meter']\nrevoked = 2027-01-01T00:00:00Z",
    ))
    .unwrap();
    assert!(pass.is_ended());
    site.now_has(&text).unwrap();
    let pass = admit();
    site.now_has("").unwrap();
    assert!(pass.is_ended(), "no such token any more");
    let expires = format!("expires = '{}'", secs(5));
    site.now_has(&row("gas", digest, &expires)).unwrap();
    let pass = admit();
    let tick = |now| site.access.guarded().unwrap().tick(now);
    tick(secs(4));
    assert!(!pass.is_ended());
    tick(secs(5));
    assert!(pass.is_ended());
    let back = site.access.admit(Some(token.reveal()), START).unwrap_err();
    assert_eq!(back, Denied::Expired, "also if the clock is set back");
}

#[test]
fn a_broken_file_leaves_the_old_one_in_force() {
    let (token, digest) = new_token().unwrap();
    let text = row("gas", digest, "");
    let site = Site::new(&text);
    let pass = site.access.admit(Some(token.reveal()), START).unwrap();
    let stats = || site.access.stats(START).unwrap();
    for broken in [
        "[[token]",
        "[[token]]\nname = 'x'",
        &text.replace("gas", "g s"),
    ] {
        let before = stats().reload_failures;
        assert!(site.now_has(broken).is_err(), "{broken}");
        assert!(!stats().in_force && stats().reload_failures == before + 1);
    }
    fs::remove_file(site.file()).unwrap();
    assert!(site.access.reload(START).unwrap_err().is_missing());
    assert!(!pass.is_ended());
    assert!(site.access.admit(Some(token.reveal()), START).is_ok());
    site.now_has(&text).unwrap();
    assert!(stats().in_force && stats().tokens == 1);
    assert!(!pass.is_ended());
}

#[test]
fn without_a_file_nobody_is_admitted() {
    let dir = tempfile::tempdir().unwrap();
    let access = load(dir.path());
    let refused = access.admit(Some("x"), START).unwrap_err();
    assert_eq!(refused, Denied::Unknown);
}

#[tokio::test]
async fn a_link_logs_in_once_also_over_a_kill() {
    let (_, digest) = new_token().unwrap();
    let (code, code_digest) = new_code().unwrap();
    let (late, late_digest) = new_code().unwrap();
    let text = row("field", digest, "")
        + &link(("field", digest), code_digest, secs(900))
        + &link(("field", digest), late_digest, START);
    let site = Site::new(&text);
    let session = site.redeem(code.reveal()).await.unwrap();
    assert_eq!(&*session.grant, "field");
    assert_eq!(session.expires_at, START.plus(Config::default().session));
    assert_eq!(site.redeem(code.reveal()).await.unwrap_err(), Denied::Used);
    assert_eq!(
        site.redeem(late.reveal()).await.unwrap_err(),
        Denied::Expired
    );
    assert_eq!(site.redeem("guess").await.unwrap_err(), Denied::Unknown);
    let site = site.restarted();
    assert_eq!(site.redeem(code.reveal()).await.unwrap_err(), Denied::Used);
    let pass = site.access.session(session.cookie.reveal(), START).unwrap();
    assert_eq!(&*pass.grant().name, "field");
    // A cookie is no token, and a token no cookie.
    assert!(
        site.access
            .admit(Some(session.cookie.reveal()), START)
            .is_err()
    );
    let over = site
        .access
        .session(session.cookie.reveal(), session.expires_at);
    assert_eq!(over.unwrap_err(), Denied::Expired);
}

#[tokio::test]
async fn a_link_is_for_its_token_and_not_for_the_next_of_its_name() {
    let (digest, next) = (new_token().unwrap().1, new_token().unwrap().1);
    let (code, code_digest) = new_code().unwrap();
    let waiting = link(("field", digest), code_digest, secs(900));
    let revoked = row("field", digest, "revoked = 2027-01-01T00:00:00Z");
    let unbound = waiting.replace("token_sha256", "# token_sha256");
    let renamed = waiting.replace("'field'", "'other'");
    for text in [
        revoked.clone() + &row("field", next, "") + &waiting,
        revoked + &waiting,
        row("field", next, "") + &waiting,
        row("field", next, "") + &unbound,
        row("field", digest, "") + &unbound,
        row("field", digest, "") + &renamed,
    ] {
        let refused = Site::new(&text).redeem(code.reveal()).await;
        assert_eq!(refused.unwrap_err(), Denied::Revoked, "{text}");
    }
    let site = Site::new(&(row("field", digest, "") + &waiting));
    assert!(site.redeem(code.reveal()).await.is_ok());
}

#[tokio::test]
async fn of_many_who_use_one_link_at_once_one_is_logged_in() {
    let (_, digest) = new_token().unwrap();
    let (code, code_digest) = new_code().unwrap();
    let text = row("field", digest, "") + &link(("field", digest), code_digest, secs(900));
    let site = Site::new(&text);
    let tries = (0..16).map(|_| site.redeem(code.reveal()));
    let tries = futures_util::future::join_all(tries).await;
    assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 1);
    assert_eq!(site.access.stats(START).unwrap().sessions, 1);
}

#[tokio::test]
async fn a_session_ends_with_its_token_or_by_logging_out() {
    let (_, digest) = new_token().unwrap();
    let codes: Vec<_> = (0..3).map(|_| new_code().unwrap()).collect();
    let links = codes
        .iter()
        .map(|(_, code)| link(("field", digest), *code, secs(900)));
    let links: String = links.collect();
    let site = Site::new(&(row("field", digest, "") + &links));
    let mut cookies = Vec::new();
    for (code, _) in &codes {
        cookies.push(site.redeem(code.reveal()).await.unwrap().cookie);
    }
    let [one, two, _] = cookies.try_into().unwrap();
    let pass = |cookie: &crate::model::Secret| site.access.session(cookie.reveal(), START);
    let (first, second) = (pass(&one).unwrap(), pass(&two).unwrap());
    let out = site.access.log_out(one.reveal(), Caller::default(), START);
    assert!(out.await.unwrap());
    assert!(first.is_ended() && !second.is_ended());
    assert_eq!(pass(&one).unwrap_err(), Denied::Unknown);
    // Another grant: what is open ends, the phone stays logged in.
    site.now_has(&row("field", digest, "kinds = ['meter']"))
        .unwrap();
    assert!(second.is_ended());
    let second = pass(&two).unwrap();
    assert!(!second.is_ended() && !second.grant().sees_device("pole.light", ""));
    site.now_has("").unwrap();
    assert!(second.is_ended() && pass(&two).is_err());
    site.access.guarded().unwrap().look(START);
    assert_eq!(site.access.stats(START).unwrap().sessions, 0);
}

#[tokio::test]
async fn a_token_that_is_shown_opens_a_session_of_its_own() {
    let (token, digest) = new_token().unwrap();
    let (old, old_digest) = new_token().unwrap();
    let revoked = format!("revoked = '{START}'");
    let site = Site::new(&(row("gas", digest, "") + &row("old", old_digest, &revoked)));
    let log_in = |token| site.access.log_in(token, Caller::default(), START);
    let one = log_in(token.reveal()).await.unwrap();
    let two = log_in(token.reveal()).await.unwrap();
    assert_eq!(&*one.grant, "gas");
    assert!(one.cookie.reveal().starts_with("cs_") && one.cookie.reveal() != two.cookie.reveal());
    let refused = log_in(old.reveal()).await.unwrap_err();
    assert_eq!(refused, Denied::Revoked);
    let pass = |cookie: &str| site.access.session(cookie, START);
    let (first, second) = (
        pass(one.cookie.reveal()).unwrap(),
        pass(two.cookie.reveal()).unwrap(),
    );
    assert!(pass(token.reveal()).is_err(), "a token is no cookie");
    let out = site
        .access
        .log_out(one.cookie.reveal(), Caller::default(), START);
    assert!(out.await.unwrap());
    assert!(first.is_ended() && !second.is_ended());
    assert!(pass(one.cookie.reveal()).is_err());
    let site = site.restarted();
    let pass = |cookie: &str| site.access.session(cookie, START);
    assert!(pass(two.cookie.reveal()).is_ok() && pass(one.cookie.reveal()).is_err());
}

#[tokio::test]
async fn a_session_never_outlives_its_token() {
    let (_, digest) = new_token().unwrap();
    let (code, code_digest) = new_code().unwrap();
    let expires = format!("expires = '{}'", secs(60));
    let text = row("field", digest, &expires) + &link(("field", digest), code_digest, secs(900));
    let site = Site::new(&text);
    let session = site.redeem(code.reveal()).await.unwrap();
    assert_eq!(session.expires_at, secs(60));
    let over = site.access.session(session.cookie.reveal(), secs(60));
    assert_eq!(over.unwrap_err(), Denied::Expired);
}

#[test]
fn whoever_is_wrong_too_often_is_told_so_and_the_right_one_still_enters() {
    let (token, digest) = new_token().unwrap();
    let site = Site::new(&row("gas", digest, ""));
    let caller = Caller {
        peer: Some([192, 0, 2, 1].into()),
        route: "/v1/devices",
    };
    let enter = |credential| site.access.enter(caller, credential, START);
    let too_many = |_: &usize| {
        matches!(
            enter(Credential::Token("cg_wrong")),
            Err(Denied::TooMany { .. })
        )
    };
    assert!((80..100).contains(&(0..100).filter(too_many).count()));
    assert!(enter(Credential::Token(token.reveal())).is_ok());
    assert_eq!(enter(Credential::Nothing).unwrap_err(), Denied::Missing);
    let stats = site.access.stats(START).unwrap();
    assert_eq!(stats.admitted, 1);
    let refused: u64 = stats.refused.iter().map(|(_, count)| count).sum();
    assert_eq!(refused, 101);
}

#[tokio::test]
async fn a_change_of_the_file_is_followed() {
    let (token, digest) = new_token().unwrap();
    let site = Site::new(&row("gas", digest, ""));
    let pass = site.access.admit(Some(token.reveal()), START).unwrap();
    let halt = CancellationToken::new();
    let watch = Arc::clone(&site.access).watch(Clock::manual(START), halt.clone());
    let watch = tokio::spawn(watch);
    fs::write(site.file(), "# nobody").unwrap();
    tokio::time::timeout(Duration::from_secs(5), pass.ended())
        .await
        .unwrap();
    halt.cancel();
    watch.await.unwrap();
}

#[test]
fn open_access_admits_everybody() {
    let access = Access::open();
    assert!(access.is_open() && access.stats(START).is_none());
    let caller = Caller::default();
    let pass = access.enter(caller, Credential::Nothing, START).unwrap();
    assert!(pass.grant().is_unrestricted() && pass.grant().gateway && pass.grant().operate);
}

#[test]
fn what_is_done_is_in_the_audit_log_and_no_token_is() {
    let (token, digest) = new_token().unwrap();
    let site = Site::new("");
    site.now_has(&row("gas", digest, "")).unwrap();
    site.now_has(&row("gas", digest, "kinds = ['meter']"))
        .unwrap();
    let caller = Caller {
        peer: Some([192, 0, 2, 1].into()),
        route: "/v1/devices",
    };
    let wrong = new_token().unwrap().0;
    let cookie = Credential::Cookie(token.reveal());
    for credential in [Credential::Token(wrong.reveal()), cookie] {
        assert!(site.access.enter(caller, credential, START).is_err());
    }
    site.access.close(START);
    let log = fs::read_to_string(site.dir.path().join("audit.log")).unwrap();
    for expected in [
        r#""what":"reload","grant":"gas","detail":"added""#,
        r#""what":"reload","grant":"gas","detail":"changed""#,
        r#""what":"refused","peer":"192.0.2.1","route":"/v1/devices","detail":"unknown""#,
        r#""repeats":1"#,
    ] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    for secret in [token.reveal(), wrong.reveal()] {
        assert!(!log.contains(secret.trim_start_matches("cg_")), "{log}");
    }
}
