//! Why a device is not well, for a person, in English. The page has its own in each language.
use crate::devices::{Code, Reason};

/// One sentence with the value that was found and the limit that it passed, as far as there are any.
pub fn sentence(reason: &Reason) -> String {
    let metric = &*reason.metric;
    let of = |what: &str| match metric {
        "" => what.to_owned(),
        metric => format!("{what} ({metric})"),
    };
    let value = match (reason.code, reason.value.as_str()) {
        (_, "") => String::new(),
        (Code::Restarts, times) => format!("{times} times within a day"),
        (Code::DecodeFailure, share) if share.ends_with('%') => {
            format!("{share} of an hour's uplinks")
        }
        (Code::DecodeFailure, times) => format!("{times} in a row"),
        (_, value) => value.to_owned(),
    };
    let passed = match (value.as_str(), reason.limit.as_str()) {
        ("", "") => String::new(),
        (value, "") => format!(": {value}"),
        ("", limit) => format!(": the limit is {limit}"),
        (value, limit) if reason.code == Code::Frozen => format!(": {value}, {limit} and longer"),
        (value, limit) => format!(": {value}, the limit is {limit}"),
    };
    let what = match reason.code {
        Code::BatteryLow => of("The battery is low"),
        Code::SignalWeak => of("The radio signal is weak"),
        Code::ClockWrong => of("Its clock is wrong"),
        Code::Frozen => of("A value that should vary stays the same"),
        Code::OutOfRange => of("A value is outside what is plausible"),
        Code::Alarm => of("A safety value is beyond its alarm limit"),
        Code::Tamper => of("The device reports tampering or a fault of its own"),
        Code::DecodeFailure => of("Its uplinks are refused"),
        Code::Restarts => of("It restarts too often"),
        Code::Conflict => of("It gave two values for the same time"),
        Code::RegisterRollback => of("Its register shows less than before"),
        Code::ConsumptionImplausible => of("Its register has counted more than can be"),
    };
    what + &passed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Level;
    use crate::model::Timestamp;

    #[test]
    fn a_sentence_has_what_is_known() {
        let reason = |metric: &str, value: &str, limit: &str| Reason {
            code: Code::SignalWeak,
            level: Level::Attention,
            since: Timestamp::EPOCH,
            metric: metric.into(),
            value: value.into(),
            limit: limit.into(),
        };
        for (reason, expected) in [
            (reason("", "", ""), "The radio signal is weak"),
            (
                reason("rsrp", "-121 dBm", "-115 dBm"),
                "The radio signal is weak (rsrp): -121 dBm, the limit is -115 dBm",
            ),
            (
                reason("", "", "-115 dBm"),
                "The radio signal is weak: the limit is -115 dBm",
            ),
            (
                reason("", "-121 dBm", ""),
                "The radio signal is weak: -121 dBm",
            ),
        ] {
            assert_eq!(sentence(&reason), expected);
        }
        for (code, value, limit, expected) in [
            (
                Code::DecodeFailure,
                "4",
                "3",
                "Its uplinks are refused: 4 in a row, the limit is 3",
            ),
            (
                Code::DecodeFailure,
                "7.5 %",
                "5 %",
                "Its uplinks are refused: 7.5 % of an hour's uplinks, the limit is 5 %",
            ),
            (
                Code::Restarts,
                "4",
                "3",
                "It restarts too often: 4 times within a day, the limit is 3",
            ),
            (
                Code::Frozen,
                "21.3 °C",
                "24 ×",
                "A value that should vary stays the same: 21.3 °C, 24 × and longer",
            ),
        ] {
            let reason = Reason {
                code,
                ..reason("", value, limit)
            };
            assert_eq!(sentence(&reason), expected);
        }
        let mut all: Vec<String> = Code::ALL
            .iter()
            .map(|code| {
                sentence(&Reason {
                    code: *code,
                    ..reason("", "", "")
                })
            })
            .collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), Code::ALL.len());
    }
}
