//! Names of states, levels, sources, events and labels.
use super::Text;
use crate::devices::{Level, State};

macro_rules! text {
    ($en:literal, $zh:literal) => {
        Text { en: $en, zh: $zh }
    };
}

/// A state, as a label.
pub const fn state(state: State) -> Text {
    match state {
        State::Never => text!("No data yet", "尚无数据"),
        State::Online => text!("Online", "在线"),
        State::Sleeping => text!("Sleeping", "休眠"),
        State::Late => text!("Late", "迟报"),
        State::Offline => text!("Offline", "离线"),
        State::Retired => text!("Retired", "退役"),
    }
}

/// A level of health. Never "ok": that nothing is known against a device does not make a place safe.
pub const fn level(level: Level) -> Text {
    match level {
        Level::Ok => text!("No findings", "无告警"),
        Level::Attention => text!("Attention", "需关注"),
        Level::Fault => text!("Fault", "故障"),
    }
}

/// An event of the log, `None` for one that this version does not know.
pub fn event(name: &str) -> Option<Text> {
    Some(match name {
        "retired_device_heard" => text!("It is out of service, and reports", "已退役，但仍在上报"),
        "clock_wrong" => text!("Its clock is wrong", "设备时钟不准"),
        "will" => text!("Its connection broke (will)", "连接中断（遗嘱消息）"),
        "gap" => text!("Gap in the log", "日志有缺口"),
        "conflict" => text!("One time, two values", "同一时刻两个值"),
        "restart" => text!("It restarted", "设备重启"),
        "tamper" => text!("Tampered with", "疑似被动过"),
        "meter_error" => text!("The meter answers with an error", "表计返回错误应答"),
        "meter_answer" => text!("The meter confirms a command", "表计已应答命令"),
        "meter_request" => text!("A request to the meter was heard", "收到发往表计的请求"),
        "meter_alarm" => text!("The meter reports alarms", "表计上报告警"),
        "meter_exchanged" => text!("The meter was exchanged", "已换表"),
        "register_rollover" => text!("The register went through zero", "表底数过零（翻转）"),
        "register_rollback" => text!("The register went back", "表底数倒走"),
        "register_restarted" => text!(
            "The register goes on from another value",
            "表底数从新值重新起计"
        ),
        "register_not_advancing" => text!("The register stands still", "表底数长期不变"),
        "register_conflict" => text!("One time, two register values", "同一时刻两个表底数"),
        "consumption_implausible" => text!("More was counted than can be", "用量超出可能的最大值"),
        _ => return None,
    })
}

/// A gas of a tunnel, with its formula.
pub fn gas(metric: &str) -> Option<Text> {
    Some(match metric {
        "oxygen" => text!("Oxygen O₂", "氧气 O₂"),
        "methane_lel" => text!("Methane CH₄", "甲烷 CH₄"),
        "hydrogen_sulfide" => text!("Hydrogen sulphide H₂S", "硫化氢 H₂S"),
        "carbon_monoxide" => text!("Carbon monoxide CO", "一氧化碳 CO"),
        _ => return None,
    })
}

/// A label's value or name, `None` where it is shown as it is.
pub fn label(name: &str) -> Option<Text> {
    Some(match name {
        "phase" => text!("phase", "相"),
        "tariff" => text!("tariff", "费率"),
        "channel" => text!("channel", "通道"),
        "storage" => text!("storage", "存储"),
        "freeze" => text!("freeze", "冻结"),
        _ => return None,
    })
}

/// A word that a metric of words can have, `None` where it is shown as it is.
pub fn word(word: &str) -> Option<Text> {
    Some(match word {
        "open" => text!("open", "开"),
        "closed" => text!("closed", "关"),
        "fault" => text!("fault", "故障"),
        "idle" => text!("idle", "空闲"),
        "plugged" => text!("plugged", "已插枪"),
        "charging" => text!("charging", "充电中"),
        "offline" => text!("offline", "离线"),
        _ => return None,
    })
}
