//! The sentence at the top of a story, and what to look at, in both languages.
use super::refusal;
use super::story::Teller;
use crate::api::explain::{Cause, Story, Verdict};

/// Strangers and names that are offered.
const OFFERED_MAX: usize = 3;

/// The whole in one sentence.
pub(super) fn verdict(verdict: &Verdict, t: &Teller<'_>) -> String {
    match verdict {
        Verdict::Hidden => t
            .pick(
                "No device of this name is known here, or this token does not grant it.",
                "没有这个名称的设备，或此令牌无权查看。",
            )
            .to_owned(),
        Verdict::Unknown { since } => t.pick(
            format!("Never heard. No uplink with this name has reached this gateway since {}, as far back as its logs were looked through.", t.clock(*since)),
            format!("从未收到。自 {}（已查日志的最早时间）以来，没有以此名称到达本网关的上报。", t.clock(*since)),
        ),
        Verdict::Never { since, aliases } => {
            let (name, zh) = if *aliases { (" or its aliases", "或别名") } else { ("", "") };
            let since = t.clock(*since);
            t.pick(
                format!("Never heard. No uplink with this name{name} has reached this gateway since {since}, as far back as its logs were looked through."),
                format!("从未收到。自 {since}（已查日志的最早时间）以来，没有以其名称{zh}到达本网关的上报。"),
            )
        }
        Verdict::OnlyRefused { last, times, reason, sentence } => {
            let why = t.reason(reason, sentence);
            t.pick(
                format!("Heard and never accepted: refused {}, last {}: {why}.", count(*times), t.ago(*last)),
                format!("已收到但从未被接收：被拒 {times} 次，最近一次{}：{why}。", t.ago(*last)),
            )
        }
        Verdict::Refused { at, reason, sentence } => {
            let why = t.reason(reason, sentence);
            t.pick(
                format!("Heard {}; its last uplink was refused: {why}.", t.ago(*at)),
                format!("{}收到；最近一条上报被拒：{why}。", t.ago(*at)),
            )
        }
        Verdict::Parts { at, parts, reason, sentence } => {
            let why = t.reason(reason, sentence);
            t.pick(
                format!("Heard {} and accepted, but for {} of its last uplink: {why}.", t.ago(*at), if *parts == 1 { "a part".to_owned() } else { format!("{parts} parts") }),
                format!("{}收到并接收，但最近一条上报中有 {parts} 处被拒：{why}。", t.ago(*at)),
            )
        }
        Verdict::Undelivered { at, store, error, since } => {
            let error = t.error(error, *since);
            t.pick(
                format!("Heard {} and accepted; not yet delivered to {store}{error}.", t.ago(*at)),
                format!("{}收到并接收；尚未送达 {store}{error}。", t.ago(*at)),
            )
        }
        Verdict::Heard { at } => t.pick(
            format!("Heard {}; its last uplink was accepted.", t.ago(*at)),
            format!("{}收到；最近一条上报已接收。", t.ago(*at)),
        ),
        Verdict::Silent { since, every_secs, cause: why } => {
            let every = every_secs.map(|secs| t.every(secs));
            let every = every.map_or_else(String::new, |every| {
                t.pick(format!("; expected every {every}"), format!("，应每 {every}上报一次"))
            });
            t.pick(
                format!("Silent since {}{every}. {}", t.clock(*since), cause(why, t)),
                format!("自 {} 起静默{every}。{}", t.clock(*since), cause(why, t)),
            )
        }
        Verdict::Retired => t
            .pick("Taken out of service by the inventory.", "台账标记为已退役。")
            .to_owned(),
    }
}

fn count(times: u64) -> String {
    match times {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    }
}

/// What the silence goes together with.
fn cause(cause: &Cause, t: &Teller<'_>) -> String {
    match cause {
        Cause::Refusing { why } => t.pick(
            format!("The gateway takes nothing now: {why}."),
            format!("网关现在不接收数据：{why}。"),
        ),
        Cause::Stranger { name, last, reason, sentence } => {
            let why = t.reason(reason, sentence);
            t.pick(
                format!("Uplinks that may be its own are refused under the name {name}, last {}: {why}.", t.ago(*last)),
                format!("以 {name} 之名到达、可能属于它的上报被拒，最近一次{}：{why}。", t.ago(*last)),
            )
        }
        Cause::Parent { id, since, silent, of } => {
            let since = t.clock(*since);
            match of {
                0 | 1 => t.pick(
                    format!("Its concentrator {id} is silent since {since}: look at the concentrator."),
                    format!("其集中器 {id} 自 {since} 起静默：请检查集中器。"),
                ),
                of => t.pick(
                    format!("Its concentrator {id} is silent since {since}, with {silent} of its {of} devices: look at the concentrator."),
                    format!("其集中器 {id} 自 {since} 起静默，其下 {of} 台设备中有 {silent} 台静默：请检查集中器。"),
                ),
            }
        }
        Cause::Bus { id, of } => t.pick(
            format!("Its concentrator {id} is heard, but all {of} devices that it carries are silent: look at the bus between them."),
            format!("其集中器 {id} 在线，但其下 {of} 台设备全部静默：请检查它们之间的总线。"),
        ),
        Cause::Deserted { id, since, of } => {
            let last = since.map_or_else(String::new, |since| {
                let since = t.clock(since);
                t.pick(format!(" (last at {since})"), format!("（最近一次 {since}）"))
            });
            t.pick(
                format!("Its concentrator {id} was not heard since either{last}, and all {of} devices that it carries are silent: look at the concentrator."),
                format!("此后其集中器 {id} 也未收到{last}，其下 {of} 台设备全部静默：请检查集中器。"),
            )
        }
        Cause::Link { name, state, since, error } => {
            let error = t.error(error, None);
            t.pick(
                format!("The link to the broker, {name}, is {state} since {}{error}.", t.clock(*since)),
                format!("到代理的链路 {name} 自 {} 起为 {state}{error}。", t.clock(*since)),
            )
        }
        Cause::Restarted { from, to } => t.pick(
            format!("The gateway was restarted at {}; the last record before is of {}.", t.clock(*to), t.clock(*from)),
            format!("网关于 {} 重新启动；此前最后一条记录为 {}。", t.clock(*to), t.clock(*from)),
        ),
        Cause::Cell { cell, silent } => t.pick(
            format!("All {silent} other devices that reported cell {cell} last are silent, too: look at the radio network."),
            format!("最近上报小区 {cell} 的其他 {silent} 台设备也全部静默：请检查无线网络。"),
        ),
        Cause::Way { source, silent } => t.pick(
            format!("All {silent} other devices that come in by {source} are silent, too: look at what lies between them and the gateway."),
            format!("经 {source} 接入的其他 {silent} 台设备也全部静默：请检查它们与网关之间的网络。"),
        ),
        Cause::Will => t
            .pick(
                "Its connection broke, as its will says.",
                "其连接已中断（遗嘱消息）。",
            )
            .to_owned(),
        Cause::Alone { heard, by } => t.pick(
            format!("Others are heard ({heard} by {by}): look at the device itself, its power, antenna and SIM card."),
            format!("其他设备在线（{by}：{heard} 台）：请检查设备本身的电源、天线和 SIM 卡。"),
        ),
        Cause::Nothing => t
            .pick(
                "Nothing around it is known that goes together with this.",
                "周边没有已知的相关情况。",
            )
            .to_owned(),
    }
}

/// What somebody at the pole can look at.
pub(super) fn checks(story: &Story, t: &Teller<'_>) -> Vec<String> {
    let mut checks = Vec::new();
    let advice = |reason: &str| Some(refusal::by_code(reason)?.advice.of(t.lang).to_owned());
    match &story.verdict {
        Verdict::Refused { reason, .. }
        | Verdict::Parts { reason, .. }
        | Verdict::OnlyRefused { reason, .. }
        | Verdict::Silent {
            cause: Cause::Stranger { reason, .. },
            ..
        } => checks.extend(advice(reason)),
        Verdict::Unknown { .. } | Verdict::Hidden | Verdict::Never { .. } => {
            checks.push(
                t.pick(
                    "Compare the name with the label on the device, letter by letter.",
                    "逐字核对名称与设备标签。",
                )
                .to_owned(),
            );
            checks.push(
                t.pick(
                    "Compare the address and port that the device sends to with this gateway's.",
                    "核对设备的目的地址和端口是否为本网关。",
                )
                .to_owned(),
            );
            checks.push(
                t.pick(
                    "Have the device send once, and look here again.",
                    "让设备发送一次，再查看本页。",
                )
                .to_owned(),
            );
        }
        Verdict::Undelivered { .. }
        | Verdict::Heard { .. }
        | Verdict::Silent { .. }
        | Verdict::Retired => {}
    }
    for near in story.nearest.iter().take(OFFERED_MAX) {
        checks.push(t.pick(format!("Was {near} meant?"), format!("是否为 {near}？")));
    }
    let similar = story
        .strangers
        .iter()
        .filter(|stranger| stranger.by == "similar");
    for stranger in similar.take(OFFERED_MAX) {
        let (name, ago) = (&stranger.name, t.ago(stranger.last));
        let why = t.reason(&stranger.reason, &stranger.sentence);
        checks.push(t.pick(
            format!("Somebody called {name} was refused {ago}: {why}. Is it this device?"),
            format!("{ago}有名为 {name} 的设备被拒：{why}。是否为本设备？"),
        ));
    }
    checks
}
