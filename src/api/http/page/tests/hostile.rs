//! Names and payloads that anybody may send.
use super::*;
use crate::api::http::page::home::{self, Home};
use crate::api::http::page::installed::{self, Installed, Near, Refused};
use crate::api::http::page::layout::{self, Frame, Place};
use crate::api::http::page::live::Sections;
use crate::api::http::page::timeline::{self, Decoded, Detail};
use crate::devices::Stranger;
use maud::html;

const EVIL: &str =
    "\"><script>alert(1)</script><img src=x onerror=alert(1)> 'x' &amp; \u{202e}\u{0}";

fn stranger(name: &str) -> Stranger {
    Stranger {
        name: name.into(),
        address: None,
        topic: name.into(),
        profile: "".into(),
        first: ago(10),
        last: ago(10),
        rejects: 1,
        reason: name.into(),
        sentence: name.into(),
        sequence: 1,
        known: false,
        device: None,
    }
}

#[track_caller]
fn assert_escaped(html: &str) {
    for bad in ["<script>alert", "<img src", "\"><script>alert"] {
        assert!(!html.contains(bad), "{bad} in {html}");
    }
    assert!(
        !html.contains(" style=") && !html.contains("javascript:"),
        "{html}"
    );
}

#[test]
fn hostile_names_are_texts() {
    for lang in LANGS {
        let view = view(lang);
        let mut evil = device(EVIL, EVIL);
        evil.district = EVIL.into();
        evil.aliases = vec![EVIL.into()];
        evil.parent = EVIL.into();
        evil.state = State::Late;
        evil.parent_silent = Some((State::Offline, ago(60)));
        evil.heard_as = vec![EVIL.into()];
        evil.known_as = Some(EVIL.into());
        evil.listing = Some(Box::new(listing(EVIL)));
        evil.values = vec![value(EVIL, EVIL, 1.0, 60)];
        evil.values[0].labels = vec![(EVIL.into(), EVIL.into())];
        evil.reasons = vec![reason(Code::Alarm, Level::Fault, EVIL, EVIL, EVIL)];
        let shown = crate::api::http::page::device::Shown {
            family: crate::devices::Counts::default(),
            device: &evil,
            children: std::slice::from_ref(&evil),
            rows: &[],
            older: true,
            chart: None,
        };
        assert_escaped(
            &crate::api::http::page::device::sections(&view, &shown)
                .markup()
                .into_string(),
        );
        let home = Home {
            gateway: Some(home::Gateway::default()),
            strangers: Some(vec![stranger(EVIL)]),
            ..Home::default()
        };
        assert_escaped(&home::sections(&view, &home).markup().into_string());
        let known = Installed {
            id: EVIL.to_owned(),
            stranger: Some(stranger(EVIL)),
            refused: Some(Refused {
                reason: EVIL.to_owned(),
                sentence: EVIL.to_owned(),
                part: EVIL.to_owned(),
            }),
            near: vec![Near {
                name: EVIL.to_owned(),
                is_device: false,
            }],
            device: Some(evil),
        };
        assert_escaped(&installed::sections(&view, &known).markup().into_string());
        assert_escaped(&installed::form(&view, EVIL).into_string());
    }
}

#[test]
fn hostile_payloads_are_texts() {
    let detail = Detail {
        raw: Some((EVIL.as_bytes().to_vec(), 1 << 20)),
        fields: vec![Decoded {
            metric: EVIL.to_owned(),
            value: Value::Text(EVIL.into()),
            unit: EVIL.to_owned(),
            quality: Quality::Good,
            observed_at: NOW,
            raw: EVIL.to_owned(),
            labels: vec![(EVIL.to_owned(), EVIL.to_owned())],
            path: EVIL.to_owned(),
        }],
        event: Some((EVIL.to_owned(), vec![(EVIL.to_owned(), EVIL.to_owned())])),
        ..Detail::default()
    };
    let html = timeline::detail(&view(Lang::En), &detail).into_string();
    assert_escaped(&html);
    let pre = html.split("<pre class=\"text\"").nth(1).unwrap();
    let pre = pre.split("</pre>").next().unwrap();
    assert!(
        !pre.contains('\u{202e}') && !pre.contains('\u{0}'),
        "{pre:?}"
    );
}

#[test]
fn the_frame_has_no_inline_code() {
    let frame = Frame {
        title: EVIL,
        place: Place::Devices,
        target: "/?q=%22%3E%3Cscript%3Ealert(1)",
        refresh_secs: Some(5),
        logged_in: true,
    };
    for lang in LANGS {
        let html = layout::document(&view(lang), &frame, &html! { "x" }, &Sections::default());
        assert_escaped(&html);
        assert!(!html.contains("<style"), "{html}");
        assert_eq!(html.matches("<script").count(), 1);
        assert!(html.contains("<html lang=\""), "{html}");
    }
}
