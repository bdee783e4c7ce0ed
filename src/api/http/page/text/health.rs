//! Why a device is not well, as sentences.
use super::Text;
use crate::api::http::page::lang::Lang;
use crate::devices::{Code, Reason};

/// What was found, without its numbers.
pub const fn found(code: Code) -> Text {
    match code {
        Code::BatteryLow => Text {
            en: "Battery low",
            zh: "电池电量低",
        },
        Code::SignalWeak => Text {
            en: "Weak signal for 24 h",
            zh: "信号弱已持续 24 小时",
        },
        Code::ClockWrong => Text {
            en: "Its clock is wrong",
            zh: "设备时钟不准",
        },
        Code::Frozen => Text {
            en: "The value has not moved",
            zh: "数值长时间不变",
        },
        Code::OutOfRange => Text {
            en: "A value is outside the plausible range",
            zh: "数值超出合理范围",
        },
        Code::Alarm => Text {
            en: "Alarm limit passed",
            zh: "超过报警限值",
        },
        Code::Tamper => Text {
            en: "The device reports tampering or a fault of its own",
            zh: "设备自报被拆动或自身故障",
        },
        Code::DecodeFailure => Text {
            en: "Its uplinks are being refused",
            zh: "上行数据连续被拒收",
        },
        Code::Restarts => Text {
            en: "It restarts too often",
            zh: "频繁重启",
        },
        Code::Conflict => Text {
            en: "It sent two values for one time",
            zh: "同一时刻上报了两个不同的值",
        },
        Code::RegisterRollback => Text {
            en: "The register shows less than before",
            zh: "表底数比上次小（倒走）",
        },
        Code::ConsumptionImplausible => Text {
            en: "More was counted than can be",
            zh: "用量超出可能的最大值",
        },
    }
}

/// What somebody beside the device can do.
pub const fn advice(code: Code) -> Text {
    match code {
        Code::BatteryLow => Text {
            en: "Plan a battery change.",
            zh: "安排更换电池。",
        },
        Code::SignalWeak => Text {
            en: "Check antenna, position and cover; measure the cell on site.",
            zh: "检查天线、安装位置和箱盖，现场测一下小区信号。",
        },
        Code::ClockWrong => Text {
            en: "Set its clock; a dead clock battery shows like this.",
            zh: "校准时钟；时钟电池没电也会这样。",
        },
        Code::Frozen => Text {
            en: "Check the sensor: stuck, covered or unplugged.",
            zh: "检查传感器是否卡死、被遮盖或脱落。",
        },
        Code::OutOfRange => Text {
            en: "Check sensor and wiring, and the profile's unit and scale.",
            zh: "检查传感器和接线，以及解析方案的单位和倍率。",
        },
        Code::Alarm => Text {
            en: "Treat it as real until measured on site.",
            zh: "现场检测之前一律按真实报警处理。",
        },
        Code::Tamper => Text {
            en: "Inspect cover, seal, valve and magnet contact.",
            zh: "检查箱盖、铅封、阀门和磁感应点。",
        },
        Code::DecodeFailure => Text {
            en: "Open a refused row of the timeline: it says what was wrong.",
            zh: "打开时间线中被拒的一行，里面写明原因。",
        },
        Code::Restarts => Text {
            en: "Check its power supply and connections.",
            zh: "检查供电和接线。",
        },
        Code::Conflict => Text {
            en: "Check for two devices with one id.",
            zh: "检查是否有两台设备使用同一编号。",
        },
        Code::RegisterRollback => Text {
            en: "Was the meter exchanged? Then enter that in the inventory; else compare the register on site.",
            zh: "是否换过表？换过请在台账中登记，否则现场核对表底数。",
        },
        Code::ConsumptionImplausible => Text {
            en: "Compare the register on site, and multiplier and digits in the inventory.",
            zh: "现场核对表底数，并检查台账中的倍率和位数。",
        },
    }
}

/// "Battery low: 12 %, limit 20 %", with the name of the metric concerned in front where there is one.
pub fn sentence(reason: &Reason, metric: &str, lang: Lang) -> String {
    let mut text = String::new();
    let (colon, comma, limit) = match lang {
        Lang::En => (": ", ", ", "limit "),
        Lang::Zh => ("：", "，", "限值 "),
    };
    if !metric.is_empty() {
        text.extend([metric, colon]);
    }
    let found = found(reason.code).of(lang);
    if metric.is_empty() || lang == Lang::Zh {
        text.push_str(found);
    } else {
        // Behind a colon, and English, an initial capital would be wrong.
        let mut letters = found.chars();
        text.extend(letters.next().map(|first| first.to_ascii_lowercase()));
        text.push_str(letters.as_str());
    }
    let numbers = match (reason.value.as_str(), reason.limit.as_str()) {
        ("", "") => return text,
        (value, "") => value.to_owned(),
        ("", most) => format!("{limit}{most}"),
        (value, most) => format!("{value}{comma}{limit}{most}"),
    };
    text.extend([if metric.is_empty() { colon } else { comma }, &numbers]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Level;
    use crate::model::Timestamp;

    #[test]
    fn sentences_carry_value_and_limit() {
        let mut reason = Reason {
            code: Code::BatteryLow,
            level: Level::Attention,
            since: Timestamp::EPOCH,
            metric: "".into(),
            value: "12 %".into(),
            limit: "20 %".into(),
        };
        assert_eq!(
            sentence(&reason, "", Lang::En),
            "Battery low: 12 %, limit 20 %"
        );
        assert_eq!(
            sentence(&reason, "", Lang::Zh),
            "电池电量低：12 %，限值 20 %"
        );
        assert_eq!(
            sentence(&reason, "Battery", Lang::En),
            "Battery: battery low, 12 %, limit 20 %"
        );
        reason.value.clear();
        reason.limit.clear();
        assert_eq!(sentence(&reason, "", Lang::En), "Battery low");
    }

    #[test]
    fn every_code_has_a_sentence_and_an_advice() {
        for code in Code::ALL {
            for text in [found(*code), advice(*code)] {
                assert!(text.en.is_ascii() && !text.zh.is_ascii(), "{code:?}");
            }
        }
    }
}
