//! Browsers: the page that asks, the link, the cookie, and other people's pages.
use crate::city::City;
use crate::http::{get_with, post};
use crate::oracle::Grant;

const HTML: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

fn cookie_of(answer: &crate::http::Answer) -> String {
    let set = answer.header("set-cookie").unwrap();
    set.split(';').next().unwrap().to_owned()
}

#[test]
fn a_browser_without_a_cookie_is_asked_to_log_in() {
    let city = City::new(Vec::new());
    let port = city.gateway.ports.http;
    for path in ["/", "/d/x", "/tunnel", "/v1/devices"] {
        let page = get_with(port, path, HTML);
        assert_eq!(page.status, 401, "{path}");
        assert_eq!(
            page.header("www-authenticate"),
            Some("Bearer realm=\"citygate\"")
        );
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'self'"), "{policy}");
        assert!(
            page.body.contains("action=\"/login\" method=\"post\""),
            "{}",
            page.body
        );
    }
    let chinese = get_with(port, "/", &format!("{HTML}Accept-Language: zh-CN\r\n"));
    assert!(chinese.body.contains("登录"), "{}", chinese.body);
    let live = get_with(port, "/?live=1", "Accept: */*\r\n");
    live.problem(401);
}

#[test]
fn a_token_that_is_pasted_logs_in_and_out() {
    let gas = Grant::new("gas", Some(vec!["meter.gas"]), None, None, false);
    let mut city = City::peopled(vec![gas.clone()]);
    let port = city.gateway.ports.http;
    let wrong = post(port, "/login", "", "code=cg_nothing");
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("set-cookie").is_none());
    assert!(wrong.body.contains("not known here"), "{}", wrong.body);
    let form = format!("code={}", gas.token);
    let entered = post(port, "/login", "", &form);
    assert_eq!(
        (entered.status, entered.header("location")),
        (303, Some("/"))
    );
    let set = entered.header("set-cookie").unwrap();
    assert!(
        set.contains("; HttpOnly; SameSite=Lax") && !set.contains("Secure"),
        "{set}"
    );
    assert!(set.starts_with("citygate_session=cs_"), "no token: {set}");
    let token = format!("Cookie: citygate_session={}\r\n", gas.token);
    assert_eq!(get_with(port, "/v1/devices", &token).status, 401);
    let proxied = post(port, "/login", "X-Forwarded-Proto: https\r\n", &form);
    assert!(proxied.header("set-cookie").unwrap().ends_with("; Secure"));
    let cookie = format!("Cookie: lang=en; {}\r\n", cookie_of(&entered));
    let home = get_with(port, "/?all=1", &cookie);
    assert_eq!(home.status, 200);
    assert!(home.body.contains("zq-g2-x") && home.body.contains("action=\"/logout\""));
    city.grants[0].assert_clean(&city.devices, "", &home.body);
    let left = post(port, "/logout", &cookie, "");
    assert_eq!(left.status, 303);
    assert!(left.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(get_with(port, "/", &cookie).status, 401, "it ended here");
    let again = post(port, "/login", "", &form);
    let cookie = format!("Cookie: {}\r\n", cookie_of(&again));
    assert_eq!(get_with(port, "/", &cookie).status, 200);
    city.rewrite(vec![Grant {
        revoked: true,
        ..gas
    }]);
    let start = std::time::Instant::now();
    while get_with(port, "/", &cookie).status != 401 {
        assert!(start.elapsed() < crate::support::BOUND);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn pages_of_others_change_nothing() {
    let city = City::new(Vec::new());
    let port = city.gateway.ports.http;
    let form = format!("code={}", city.admin.token);
    for headers in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        let refused = post(port, "/login", headers, &form);
        refused.problem(403);
        assert!(refused.header("set-cookie").is_none());
        assert_eq!(post(port, "/logout", headers, "").status, 403);
    }
    let own = format!("Origin: http://localhost:{port}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(post(port, "/login", &own, &form).status, 303);
    let long = format!("code={}", "x".repeat(5_000));
    post(port, "/login", "", &long).problem(413);
}

#[test]
fn a_link_logs_in_once_and_not_by_being_looked_at() {
    let gas = Grant::new("gas", Some(vec!["meter.gas"]), None, None, false);
    let city = City::peopled(vec![gas.clone()]);
    let port = city.gateway.ports.http;
    let code = city.link(&gas);
    let link = format!("/login?code={code}");
    for _ in 0..3 {
        let seen = get_with(port, &link, HTML);
        assert_eq!(seen.status, 200);
        assert!(
            seen.body.contains(&format!("value=\"{code}\"")),
            "{}",
            seen.body
        );
        assert!(seen.header("set-cookie").is_none());
        assert_eq!(seen.header("cache-control"), Some("no-store"));
    }
    city.wait_for_link();
    let form = format!("code={code}");
    let entered = post(port, "/login", "", &form);
    assert_eq!(entered.status, 303, "{}", entered.body);
    let cookie = format!("Cookie: {}\r\n", cookie_of(&entered));
    let again = post(port, "/login", "", &form);
    assert_eq!(again.status, 401);
    assert!(again.body.contains("used already"), "{}", again.body);
    let list = get_with(port, "/v1/devices", &cookie);
    assert_eq!(list.status, 200);
    city.grants[0].assert_clean(&city.devices, "", &list.body);
    get_with(port, "/v1/gateway", &cookie).problem(403);
    let readings = get_with(port, "/v1/devices/zq-g2-x/readings?limit=9", &cookie);
    assert_eq!(readings.status, 200);
    assert_eq!(post(port, "/logout", &cookie, "").status, 303);
    get_with(port, "/v1/devices", &cookie).problem(401);
    let start = std::time::Instant::now();
    let noted = |word: &str| {
        let audit = city.audit();
        let found = audit.lines().any(|line| line.contains(word));
        assert!(
            !audit.contains(&code) && !audit.contains("cs_"),
            "no secret: {audit}"
        );
        found
    };
    for word in [
        "\"what\":\"login\",\"grant\":\"gas\",\"peer\":\"127.0.0.1\"",
        "\"what\":\"refused\",\"grant\":\"gas\",\"peer\":\"127.0.0.1\",\"route\":\"/v1/gateway\"",
        "\"what\":\"export\",\"grant\":\"gas\",\"peer\":\"127.0.0.1\",\"route\":\"/v1/devices/{id}/readings\",\"detail\":\"/v1/devices/zq-g2-x/readings?limit=9\"",
        "\"what\":\"logout\"",
    ] {
        while !noted(word) {
            assert!(
                start.elapsed() < crate::support::BOUND,
                "{word}: {}",
                city.audit()
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// In Chromium at the width of a phone, with script and without. What it needs is installed by
/// `scripts/test.sh`.
#[test]
fn a_phone_logs_in_by_a_link() {
    let gas = Grant::new("gas", Some(vec!["meter.gas"]), None, None, false);
    let city = City::peopled(vec![gas.clone()]);
    let port = city.gateway.ports.http;
    let code = city.link(&gas);
    city.wait_for_link();
    let shots = std::env::temp_dir().join("citygate-page-login");
    std::fs::create_dir_all(&shots).unwrap();
    println!("screenshots: {}", shots.display());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/login.mjs");
    let output = std::process::Command::new("node")
        .arg(script)
        .env("CITYGATE_PAGE", format!("http://127.0.0.1:{port}"))
        .env("CITYGATE_LINK", format!("/login?code={code}"))
        .env("CITYGATE_PASTED", &gas.token)
        .env("CITYGATE_SHOTS", &shots)
        .output()
        .expect("node is installed by scripts/test.sh");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
