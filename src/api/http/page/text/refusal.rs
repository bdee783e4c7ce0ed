//! What each reason of a reject means, and what somebody beside the device can do about it.
//!
//! The match is exhaustive: a new reason does not compile without its words.
use super::Text;
use crate::codecs::Reason;

/// Both texts of one reason.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// What was wrong.
    pub what: Text,
    /// What to do.
    pub advice: Text,
}

/// By its code, as rejects carry it; `None` for a code of a later version.
pub fn by_code(code: &str) -> Option<Refusal> {
    let reason = Reason::ALL.iter().find(|reason| reason.as_str() == code)?;
    Some(refusal(*reason))
}

macro_rules! say {
    ($what_en:literal, $what_zh:literal; $advice_en:literal, $advice_zh:literal) => {
        Refusal {
            what: Text {
                en: $what_en,
                zh: $what_zh,
            },
            advice: Text {
                en: $advice_en,
                zh: $advice_zh,
            },
        }
    };
}

/// The words of one reason.
pub const fn refusal(reason: Reason) -> Refusal {
    match reason {
        Reason::TooLarge
        | Reason::NotUtf8
        | Reason::Truncated
        | Reason::BadChecksum
        | Reason::InvalidBcd
        | Reason::UnknownIdentifier
        | Reason::Malformed
        | Reason::NotFinite
        | Reason::NotUnderstood
        | Reason::TooDeep
        | Reason::DuplicateKey
        | Reason::TooManyReadings
        | Reason::NoReadings => payload(reason),
        Reason::WrongType
        | Reason::UnknownWord
        | Reason::TooLong
        | Reason::InvalidLabel
        | Reason::UnknownMetric
        | Reason::UnitMismatch
        | Reason::UnknownUnit
        | Reason::ImplausibleTime => value(reason),
        Reason::InvalidDeviceId => say!(
            "The name is no device id", "名称不符合设备号规则";
            "An id is 1 to 64 of A-Z a-z 0-9 . _ : - ; correct topic or path in the device.",
            "设备号为 1 到 64 个字符，仅限 A-Z a-z 0-9 . _ : - ；请在设备中改正主题或路径。"
        ),
        Reason::UnknownProfile => say!(
            "No profile of this name", "没有这个解析方案";
            "Correct the last part of topic or path, or have the profile added to the gateway.",
            "改正主题或路径的最后一段，或请管理员在网关添加该解析方案。"
        ),
        Reason::NoRoute => say!(
            "Topic or path leads to no device", "主题或路径对应不到设备";
            "Send to city/{device} or city/{device}/{profile} (CoAP: /t/..), or have a route added.",
            "请发往 city/{设备号} 或 city/{设备号}/{方案}（CoAP 为 /t/..），或请管理员添加路由。"
        ),
        Reason::UnsupportedContentFormat => say!(
            "No codec reads this Content-Format", "没有可解析该 Content-Format 的方案";
            "Send JSON (50) or SenML (110, 112), or name the profile in the path: /t/{device}/{profile}.",
            "请发送 JSON（50）或 SenML（110、112），或在路径中写明方案：/t/{设备号}/{方案}。"
        ),
        Reason::StoreRejected => say!(
            "A store has refused the readings", "外部存储拒收该读数";
            "Nothing is wrong with the device; the store's operator finds the reason in the sentence.",
            "设备无异常；请存储系统管理员查看所附说明。"
        ),
        Reason::OtherDevice => say!(
            "The payload names a device that its sender may not report for", "消息中的设备不归发送者上报";
            "Compare topic and payload; a meter behind a concentrator needs it as its parent in the inventory.",
            "核对主题与消息内容；集中器下的表计须在台账中登记其上级设备。"
        ),
        Reason::UnknownDevice => say!(
            "The inventory does not know this device", "台账中没有该设备";
            "Compare the id with the label, then have it entered into the inventory.",
            "核对设备号与标签，然后请管理员录入台账。"
        ),
    }
}

/// Reasons that concern the payload as a whole.
const fn payload(reason: Reason) -> Refusal {
    match reason {
        Reason::TooLarge => say!(
            "The message is too long", "消息过长";
            "Send fewer readings at a time.", "减少每次上报的读数数量。"
        ),
        Reason::NotUtf8 => say!(
            "The bytes are no text (UTF-8)", "内容不是 UTF-8 文本";
            "It probably sends binary: choose the profile that reads it.",
            "设备可能发送的是二进制：请选用对应的解析方案。"
        ),
        Reason::Truncated => say!(
            "The message ends too early", "消息不完整";
            "Check the modem's buffer and length settings.", "检查模组的缓冲区和长度设置。"
        ),
        Reason::BadChecksum => say!(
            "A check sum is wrong: bytes were lost or changed", "校验错误：字节丢失或被改动";
            "Check the bus: wiring, end resistor, baud rate and parity, and whether two masters talk at once.",
            "检查总线：接线、终端电阻、波特率与校验位，以及是否有两个主站同时通信。"
        ),
        Reason::InvalidBcd => say!(
            "A decimal digit of the meter is none", "电表数据中有非十进制数字";
            "Read the meter once more; if it stays so, its memory or its firmware is faulty.",
            "请重新抄读；若仍如此，则电表存储或程序有故障。"
        ),
        Reason::UnknownIdentifier => say!(
            "The meter sent data that nobody reads here", "表计上送了本网关未定义的数据标识";
            "Have the concentrator read the identifiers listed in the README.",
            "请让集中器抄读 README 中列出的数据标识。"
        ),
        Reason::NotFinite => say!(
            "A number is NaN, infinite or too large", "数值为 NaN、无穷或过大";
            "The sensor gives no number: check it and its wiring; send null for no value.",
            "传感器没有给出数值：检查传感器和接线；无值时应发送 null。"
        ),
        Reason::NotUnderstood => say!(
            "It carries a field that must be understood and is not", "含有必须识别但无法识别的字段";
            "Have the device send plain SenML (RFC 8428), without names that end in \"_\".",
            "请让设备发送标准 SenML（RFC 8428），不带以“_”结尾的字段。"
        ),
        Reason::TooDeep => say!(
            "Nested deeper than any known shape", "嵌套层数超出已知格式";
            "Choose the profile that fits this device.", "请选用与该设备匹配的解析方案。"
        ),
        Reason::DuplicateKey => say!(
            "One name stands twice", "同一字段出现两次";
            "Correct the device's template.", "请改正设备的上报模板。"
        ),
        Reason::TooManyReadings => say!(
            "Too many readings in one message", "单条消息读数过多";
            "Split it into several messages.", "请拆分为多条消息。"
        ),
        Reason::NoReadings => say!(
            "There is no reading in it", "消息中没有读数";
            "Check which values the device is set to report.", "检查设备配置了哪些上报量。"
        ),
        _ => say!(
            "The bytes are not of the expected format", "格式不正确";
            "Compare the profile in topic or path with what the device sends.",
            "核对主题或路径中的解析方案与设备实际发送的格式。"
        ),
    }
}

/// Reasons that concern one value.
const fn value(reason: Reason) -> Refusal {
    match reason {
        Reason::WrongType => say!(
            "A value is of another type than its metric", "数值类型与该量不符";
            "Send numbers as numbers, yes and no as true and false.",
            "数字按数字发送，是/否用 true 和 false。"
        ),
        Reason::UnknownWord => say!(
            "The metric does not have this word", "该量没有这个取值";
            "See in detail which words it has.", "可用取值见详细说明。"
        ),
        Reason::TooLong => say!(
            "A text is too long", "文本过长";
            "Shorten it in the device.", "请在设备中缩短。"
        ),
        Reason::InvalidLabel => say!(
            "A label is unknown or unusable", "标签未知或不可用";
            "Labels are phase, tariff, channel, storage and freeze.",
            "标签只有 phase、tariff、channel、storage 和 freeze。"
        ),
        Reason::UnknownMetric => say!(
            "No metric has this name", "没有这个名称的量";
            "Use the catalogue's name (see in detail), or have the metric added.",
            "请使用目录中的名称（见详细说明），或请管理员添加该量。"
        ),
        Reason::UnitMismatch => say!(
            "The unit measures something else", "单位与该量不符";
            "Correct unit or metric in the device; the gateway never guesses.",
            "请在设备中改正单位或量名；网关不会猜测。"
        ),
        Reason::UnknownUnit => say!(
            "Nobody knows this unit", "单位未知";
            "Write it as in UCUM, such as kW.h, Cel, m3.", "请按 UCUM 书写，如 kW.h、Cel、m3。"
        ),
        _ => say!(
            "The times cannot be true", "时间不可信";
            "Set the device's clock.", "请校准设备时钟。"
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_reason_has_words_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for reason in Reason::ALL {
            let refusal = by_code(reason.as_str()).unwrap();
            for text in [refusal.what, refusal.advice] {
                assert!(text.en.is_ascii() && !text.zh.is_ascii(), "{reason}");
                assert!(text.en.len() > 5, "{reason}");
            }
            assert!(
                seen.insert(refusal.what.en),
                "{reason} says what another says"
            );
        }
        assert!(by_code("of_a_later_version").is_none());
    }
}
