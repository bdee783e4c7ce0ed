//! The sentences of a story (`/d/{id}/explain`, `/v1/devices/{id}/explain`, `citygate explain`), in both languages.
//!
//! On the page times are the site's; whatever leaves the gateway has them in UTC, as its other times. Codes and names of devices stay as they are.
use super::refusal;
use crate::api::explain::{
    Cell, Doubt, Expected, Life, Link, Named, Parent, Passage, Refused, Story, Uplink,
};
use crate::api::http::page::lang::Lang;
use crate::api::http::page::words;
use crate::model::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// Whom it is told to, and when.
#[derive(Clone, Copy, Debug)]
pub struct Teller<'a> {
    /// In which language.
    pub lang: Lang,
    /// Now.
    pub now: Timestamp,
    /// The site's zone, in which people read clocks; `None`: whole times in UTC, for programs and terminals.
    pub zone: Option<&'a TimeZone>,
}

/// Puts the sentences into a story.
pub fn tell(story: &mut Story, teller: &Teller<'_>) {
    story.sentence = super::verdict::verdict(&story.verdict, teller);
    story.checks = super::verdict::checks(story, teller);
    for uplink in &mut story.uplinks {
        teller.uplink(uplink);
    }
    if let Some(device) = story.device.as_ref().filter(|device| device.duplicates > 0) {
        story.copies = teller.copies(device.duplicates);
    }
    if let Some(expected) = &mut story.expected {
        expected.say = teller.expected(expected);
    }
    if let Some(parent) = &mut story.parent {
        parent.say = teller.parent(parent);
    }
    if let Some(cell) = &mut story.cell {
        cell.say = teller.cell(cell);
    }
    if let Some(link) = &mut story.link {
        link.say = teller.link(link);
    }
    if let Some(life) = &mut story.gateway {
        life.say = teller.life(life);
    }
}

impl Teller<'_> {
    pub(super) fn pick<T>(&self, en: T, zh: T) -> T {
        match self.lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    pub(super) fn clock(&self, at: Timestamp) -> String {
        match self.zone {
            Some(zone) => words::clock(at, self.now, zone),
            None => Timestamp::from_secs(at.as_secs_nanos().0).to_string(),
        }
    }

    pub(super) fn ago(&self, at: Timestamp) -> String {
        words::ago(at, self.now, self.lang)
    }

    /// "15 min"
    pub(super) fn every(&self, secs: f64) -> String {
        if secs < 2.0 {
            return self.pick(format!("{secs:.1} s"), format!("{secs:.1} 秒"));
        }
        let span = Duration::try_from_secs_f64(secs).unwrap_or_default();
        words::span(span, self.lang)
    }

    /// `unit_mismatch`: its meaning, and this one's own sentence if that may be read.
    pub(super) fn reason(&self, code: &str, sentence: &str) -> String {
        if !sentence.is_empty() {
            return sentence.to_owned();
        }
        refusal::by_code(code).map_or_else(
            || code.to_owned(),
            |known| known.what.of(self.lang).to_owned(),
        )
    }

    fn uplink(&self, uplink: &mut Uplink) {
        uplink.named = uplink
            .named_by
            .as_ref()
            .map_or_else(String::new, |by| self.named(by));
        for reading in &mut uplink.readings {
            reading.why = reading
                .doubt
                .as_ref()
                .map_or_else(String::new, |why| self.doubt(why));
        }
        self.tell_carried(uplink);
        for refused in &mut uplink.refused {
            self.refused(refused);
        }
        for passage in &mut uplink.passages {
            passage.say = self.passage(passage);
        }
    }

    fn named(&self, by: &Named) -> String {
        match by {
            Named::Topic => self.pick("named in the topic", "主题中写明").to_owned(),
            Named::Alias { name } => self.pick(
                format!("named in the topic by another name, {name}"),
                format!("主题中使用别名 {name}"),
            ),
            Named::Token => self
                .pick("named by its access token", "由访问令牌确定")
                .to_owned(),
            Named::Client => self
                .pick("named by the MQTT client id", "由 MQTT 客户端标识确定")
                .to_owned(),
            Named::Payload => self.pick("named in the payload", "报文中写明").to_owned(),
        }
    }

    fn doubt(&self, doubt: &Doubt) -> String {
        let limits = |min: &Option<f64>, max: &Option<f64>| {
            let text =
                |limit: &Option<f64>| limit.map_or_else(|| "..".to_owned(), |l| l.to_string());
            format!("{} – {}", text(min), text(max))
        };
        match doubt {
            Doubt::NoValue => self
                .pick("the device says that it has no value", "设备上报为无值")
                .to_owned(),
            Doubt::OutOfRange { min, max } => self.pick(
                format!("outside what is plausible ({})", limits(min, max)),
                format!("超出合理范围（{}）", limits(min, max)),
            ),
            Doubt::Saturated { max } => self.pick(
                format!(
                    "beyond what such a sensor can measure ({}): counts as alarming",
                    limits(&None, max)
                ),
                format!("超出该类传感器量程（{}）：按报警处理", limits(&None, max)),
            ),
            Doubt::Time => self
                .pick(
                    "the device's time was not believed: the time of reception stands instead",
                    "设备时间不可信：以接收时间代替",
                )
                .to_owned(),
            Doubt::Untold => self
                .pick("the log does not say why", "日志中没有记录原因")
                .to_owned(),
        }
    }

    fn refused(&self, refused: &mut Refused) {
        let Some(known) = refusal::by_code(&refused.reason) else {
            return;
        };
        known.what.of(self.lang).clone_into(&mut refused.what);
        known.advice.of(self.lang).clone_into(&mut refused.advice);
    }

    fn passage(&self, passage: &Passage) -> String {
        let reader = match passage.reader.as_str() {
            "log" => return self.durable(passage.by),
            "history" => self.pick("history", "历史库"),
            "registry" => self.pick("the device registry", "设备登记"),
            "subscribers" => return self.subscribers(passage),
            store => store,
        };
        if !passage.passed {
            let is_store = reader == passage.reader && reader != "history";
            let not = if is_store {
                self.pick(
                    format!("not yet delivered to {reader}"),
                    format!("尚未送达 {reader}"),
                )
            } else {
                self.pick(
                    format!("{reader} is not yet past it"),
                    format!("{reader}尚未读到"),
                )
            };
            return not + &self.error(&passage.error, passage.error_since);
        }
        let what = self.pick(format!("{reader} is past it"), format!("{reader} 已读过"));
        let what = match (passage.before_start, passage.after, passage.by) {
            (Some(start), ..) => self.pick(
                format!(
                    "{what} since before the last start at {}",
                    self.clock(start)
                ),
                format!("{what}，在 {} 上次启动之前", self.clock(start)),
            ),
            (None, Some(after), Some(by)) => {
                let (after, by) = (self.clock(after), self.clock(by));
                self.pick(
                    format!("{what} since a time between {after} and {by}"),
                    format!("{what}，在 {after} 至 {by} 之间"),
                )
            }
            (None, None, Some(by)) => {
                let by = self.clock(by);
                self.pick(format!("{what} since {by}"), format!("{what}，{by}"))
            }
            (None, _, None) => what,
        };
        what + &passage.kept_since.map_or_else(String::new, |since| {
            let since = self.clock(since);
            self.pick(
                format!(", and keeps nothing that was observed before {since}"),
                format!("，不保存 {since} 之前的观测值"),
            )
        })
    }

    fn durable(&self, by: Option<Timestamp>) -> String {
        let by = self.clock(by.unwrap_or_default());
        self.pick(
            format!("durable in the log at {by}"),
            format!("已写入日志，{by}"),
        )
    }

    /// ": connection refused, since 09:40"
    pub(super) fn error(&self, error: &str, since: Option<Timestamp>) -> String {
        if error.is_empty() {
            return String::new();
        }
        let since = since.map_or_else(String::new, |since| {
            self.pick(
                format!(", since {}", self.clock(since)),
                format!("，始于 {}", self.clock(since)),
            )
        });
        self.pick(format!(": {error}{since}"), format!("：{error}{since}"))
    }

    fn subscribers(&self, passage: &Passage) -> String {
        let (past, all) = passage.streams.unwrap_or_default();
        let tokens = match passage.tokens.as_slice() {
            [] => String::new(),
            tokens => format!(" ({})", tokens.join(", ")),
        };
        match all {
            0 => self
                .pick("no open stream has asked for it", "没有打开的订阅流需要它")
                .to_owned(),
            all => self.pick(
                format!("{past} of {all} open streams that ask for it are past it{tokens}"),
                format!("需要它的 {all} 个订阅流中有 {past} 个已读过{tokens}"),
            ),
        }
    }

    fn copies(&self, count: u64) -> String {
        self.pick(
            format!("{count} copies since the gateway's start: copies are counted as signs of life, and not logged, so which uplinks they repeat is not known."),
            format!("网关启动以来有 {count} 条重复：重复只计为在线迹象，不写日志，因此无法得知对应哪条上报。"),
        )
    }

    fn expected(&self, expected: &Expected) -> String {
        let Some(secs) = expected.every_secs else {
            return self
                .pick(
                    "How often it reports is not known yet.",
                    "尚不知道它的上报间隔。",
                )
                .to_owned();
        };
        let from = match expected.from.as_str() {
            "inventory" => self.pick("by the inventory", "依据台账"),
            "profile" => self.pick("by its profile", "依据解析方案"),
            _ => self.pick("learned from its last gaps", "由最近的间隔学得"),
        };
        let mut say = self.pick(
            format!("Every {} ({from})", self.every(secs)),
            format!("每 {}（{from}）", self.every(secs)),
        );
        let times = [
            (expected.next, self.pick("next at", "下次")),
            (expected.late, self.pick("late after", "迟报判定")),
            (expected.offline, self.pick("offline after", "离线判定")),
        ];
        for (at, what) in times {
            if let Some(at) = at {
                say.push_str(self.pick(", ", "，"));
                say.extend([what, " ", &self.clock(at)]);
            }
        }
        say + self.pick(".", "。")
    }

    fn parent(&self, parent: &Parent) -> String {
        let id = &parent.id;
        let heard = match parent.last_heard {
            None => self.pick(format!("{id} was never heard"), format!("{id} 从未收到")),
            Some(at) => self.pick(
                format!(
                    "{id} was last heard {}, at {}",
                    self.ago(at),
                    self.clock(at)
                ),
                format!("{id} 最近收到：{}（{}）", self.ago(at), self.clock(at)),
            ),
        };
        let (silent, of) = (parent.silent, parent.children);
        self.pick(
            format!("{heard}; of the {of} devices that it carries {silent} are silent."),
            format!("{heard}；其下 {of} 台设备中有 {silent} 台静默。"),
        )
    }

    fn cell(&self, cell: &Cell) -> String {
        let (id, others) = (&cell.id, &cell.others);
        let cut = self.cut(others.cut_short);
        self.pick(
            format!("Cell {id}: of the other devices that reported it last, {} are heard and {} silent{cut}.", others.heard, others.silent),
            format!("小区 {id}：最近上报该小区的其他设备中，{} 台在线，{} 台静默{cut}。", others.heard, others.silent),
        )
    }

    fn cut(&self, cut_short: bool) -> &'static str {
        if cut_short {
            self.pick(" (not all devices were looked at)", "（未查看全部设备）")
        } else {
            ""
        }
    }

    fn link(&self, link: &Link) -> String {
        let others = &link.others;
        let cut = self.cut(others.cut_short);
        let mut say = match (link.state.as_str(), link.since) {
            ("", _) => link.name.clone(),
            (state, None) => format!("{}: {state}", link.name),
            (state, Some(since)) => self.pick(
                format!("{}: {state} since {}", link.name, self.clock(since)),
                format!("{}：{state}，始于 {}", link.name, self.clock(since)),
            ),
        };
        if !link.last_error.is_empty() {
            let error = &link.last_error;
            say.push_str(&self.pick(
                format!("; last error {error}"),
                format!("；最近错误 {error}"),
            ));
        }
        if !link.refusing.is_empty() {
            let why = &link.refusing;
            say.push_str(&self.pick(
                format!("; takes nothing now: {why}"),
                format!("；现在不接收：{why}"),
            ));
        }
        let way = if link.counted_by == link.name {
            self.pick("this way", "此")
        } else {
            self.pick("by any broker", "任一代理")
        };
        self.pick(
            format!(
                "{say}. Of the other devices that come in {way}, {} are heard and {} silent{cut}.",
                others.heard, others.silent
            ),
            format!(
                "{say}。经{way}接入的其他设备中，{} 台在线，{} 台静默{cut}。",
                others.heard, others.silent
            ),
        )
    }

    fn life(&self, life: &Life) -> String {
        let started = self.clock(life.started);
        match life.record_before {
            None => self.pick(
                format!("Running since {started}; nothing was recorded before."),
                format!("自 {started} 起运行；此前没有记录。"),
            ),
            Some(at) => self.pick(
                format!(
                    "Running since {started}; the last record before that is of {}.",
                    self.clock(at)
                ),
                format!(
                    "自 {started} 起运行；此前最后一条记录为 {}。",
                    self.clock(at)
                ),
            ),
        }
    }
}
