//! Topic filters (MQTT 5 §4.7, in 3.1.1 the same) and shared subscriptions (§4.8.2). Pure.

/// Longest filter, in bytes.
const LEN_MAX: usize = 256;

/// Why a text is no filter that a link can subscribe to.
pub(super) const RULE: &str = "must be a topic filter of 1 to 256 bytes such as \"city/#\": `+` and `#` fill a level, \
     `#` comes last; no `$share`, for `group` adds it";

/// Can a link subscribe to it?
pub(super) fn is_valid(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    let mut fits = true;
    while let Some(level) = levels.next() {
        let wild = level.contains(['+', '#']);
        fits &= !wild || level == "+" || (level == "#" && levels.peek().is_none());
    }
    fits && (1..=LEN_MAX).contains(&filter.len())
        && !filter.contains(char::is_control)
        && !filter.starts_with("$share/")
}

/// Is there a topic that both match? Brokers may deliver it once for each.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            // `#` matches the level above it, too.
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

/// As it is subscribed to: for the whole group, or for this client alone if `group` is empty.
pub(super) fn shared(group: &str, filter: &str) -> String {
    if group.is_empty() {
        filter.to_owned()
    } else {
        format!("$share/{group}/{filter}")
    }
}

/// Can a group have this name? Empty: no group.
pub(super) fn is_group(name: &str) -> bool {
    name.len() <= 64 && !name.contains(['/', '+', '#']) && !name.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_told_from_what_is_none() {
        for filter in [
            "#",
            "+",
            "city/#",
            "city/+/up",
            "/",
            "+/+/#",
            "a b/c",
            "$SYS/x",
        ] {
            assert!(is_valid(filter), "{filter}");
        }
        let long = "x".repeat(LEN_MAX + 1);
        for wrong in [
            "",
            "a#",
            "#/a",
            "a/#/b",
            "a+/b",
            "++",
            "a\0",
            "$share/g/a",
            &long,
        ] {
            assert!(!is_valid(wrong), "{wrong}");
        }
    }

    #[test]
    fn overlaps_are_seen_both_ways() {
        let cases = [
            ("city/#", "city/a/b", true),
            ("city/#", "city", true),
            ("city/+", "city/a", true),
            ("city/+/x", "city/a/+", true),
            ("+/a", "city/b", false),
            ("city/a", "city/a/b", false),
            ("city/a", "town/a", false),
        ];
        for (one, other, both) in cases {
            assert_eq!(overlap(one, other), both, "{one} {other}");
            assert_eq!(overlap(other, one), both, "{other} {one}");
        }
    }

    #[test]
    fn a_group_shares() {
        assert_eq!(shared("citygate", "city/#"), "$share/citygate/city/#");
        assert_eq!(shared("", "city/#"), "city/#");
        assert!(is_group("") && is_group("a-b") && !is_group("a/b") && !is_group("+"));
    }
}
