//! Headings, labels and sentences without a value in them.
use super::texts;

texts! {
    // The frame.
    DEVICES: "Devices", "设备";
    JUST_INSTALLED: "Just installed", "新装确认";
    TUNNEL: "Tunnel", "管廊";
    LOG_IN: "Log in", "登录";
    LOG_OUT: "Log out", "退出登录";
    LOGIN_LEAD: "This gateway shows its devices to whoever has a token.", "本网关仅向持有令牌者显示设备。";
    LOGIN_LABEL: "Code of a login link, or a token", "登录链接的验证码或令牌";
    LOGIN_HINT: "Whoever runs the gateway makes a link for you: citygate token link.", "请向网关管理员索取登录链接（citygate token link）。";
    LOGIN_ONCE: "The link works once. Log in on this device?", "此链接只能使用一次。要在此设备上登录吗？";
    LOGIN_STAYS: "It stays logged in for a month, or until you log out.", "登录状态保持一个月，或直至退出登录。";
    LOGIN_UNKNOWN: "This code or token is not known here. It may have been revoked.", "此验证码或令牌无效，可能已被撤销。";
    LOGIN_OVER: "This code or token has expired.", "此验证码或令牌已过期。";
    LOGIN_USED: "This link has been used already. Ask for another.", "此链接已被使用，请索取新的链接。";
    LOGIN_TOO_MANY: "Too many attempts. Wait a minute and try again.", "尝试次数过多，请稍后再试。";
    LOGIN_UNAVAILABLE: "Nobody can be logged in now.", "目前无法登录。";
    OTHER_LANGUAGE: "中文", "English";
    SKIP: "Skip to content", "跳到正文";
    NO_CONNECTION_SINCE: "No connection since", "连接中断，自";
    TRYING: "Trying again.", "正在重试。";
    UPDATED: "Updated", "更新于";
    AS_OF: "As of", "截至";
    TIMES_IN: "times in", "时区";
    ALSO: "Machine-readable:", "数据接口：";

    // A pasted payload.
    DECODE_TITLE: "Decode a payload", "解析一条消息";
    DECODE_LEAD: "See what a message would become. Nothing is taken, and nothing is kept.", "查看一条消息会得到什么读数。不会入库，也不会保存。";
    DECODE_PAYLOAD: "Payload: JSON, or hexadecimal digits", "消息内容：JSON 或十六进制";
    DECODE_PROFILE: "Profile", "解析方案";
    DECODE_DEVICE: "Device (optional)", "设备（可选）";
    DECODE_GO: "Decode", "解析";
    DECODE_SENDER: "The payload says that it is from", "消息中写明的设备";
    DECODE_EVENTS: "Events", "事件";
    DECODE_DEVICES: "In the inventory", "台账中的设备";
    DECODE_PIECES: "Piece by piece", "逐项解析";
    DECODE_PLACE: "Where", "位置";
    DECODE_SENT: "Sent", "原值";
    DECODE_BECAME: "Became", "结果";
    DECODE_IGNORED: "ignored", "未使用";
    DECODE_BYTE: "byte", "字节";
    DECODE_TOO_LONG: "This is too long for a form; use citygate decode.", "内容过长，请使用 citygate decode 命令。";
    DECODE_NOTHING: "Nothing would be taken of it.", "没有可接收的内容。";

    // Search and lists.
    SEARCH_LABEL: "Device id, alias or last digits", "设备号、别名或末几位";
    SEARCH: "Search", "查找";
    BY_STATE: "By state", "按状态";
    BY_HEALTH: "By health", "按健康";
    ALL_DEVICES: "All devices", "全部设备";
    NOTHING_FOUND: "No device matches.", "没有符合条件的设备。";
    NOTHING_FOUND_HINT: "Was it just installed? See whether it was heard.", "刚装上？看看网关是否收到过它。";
    NEXT_PAGE: "Next page", "下一页";
    FIRST_PAGE: "First page", "第一页";
    CLEAR: "Clear filter", "清除筛选";
    LAST_HEARD: "last heard", "最近收到";
    NEVER_HEARD: "never heard", "从未收到";

    // What was refused.
    REFUSED_UPLINKS: "Refused uplinks", "被拒收的消息";
    REJECTS_LEAD: "They are kept with their bytes. Once their cause is mended, they can be taken with their own times.", "被拒收的消息连同原始内容一并保存。排除原因后可按原接收时间重新入库。";
    REJECTS_RECOVERED: "recovered", "已恢复";
    REJECTS_BEFORE: "there already", "已存在";
    REJECTS_AGAIN: "refused again", "再次拒收";
    REJECTS_CANNOT: "cannot be retried", "无法重试";
    REJECTS_MORE: "There are more: press again.", "还有更多，请再次点击。";
    REJECTS_RETRY: "Take these once more", "重新入库";
    REJECTS_COUNTED: "By reason and device", "按原因和设备统计";
    REJECTS_NEWEST: "Newest", "最新";
    REJECTS_NONE: "Nothing was refused.", "没有被拒收的消息。";

    // First page.
    NEEDS_ATTENTION: "Needs attention", "需要处理";
    NOBODY_NEEDS: "Nothing is known that needs somebody.", "目前没有已知的待处理项。";
    MORE_OF_THESE: "All of them", "查看全部";
    STRANGERS: "Heard in the last 15 minutes, not accepted", "近 15 分钟收到但未接收";
    NO_STRANGERS: "Nobody unknown knocked.", "没有陌生设备发来数据。";
    NAMELESS: "without a name", "未报名称";
    GATEWAY: "Gateway", "网关";
    RATE: "uplinks/s", "上行/秒";
    ACK_P99: "ack p99", "应答 p99";
    READERS_LAG: "readers behind", "读取滞后";
    DISK_FREE: "disk free", "磁盘剩余";
    INVENTORY_READ: "in the inventory, read at", "台账设备数，读取于";
    FILES_WRONG: "A new file is wrong; the one before works on.", "新文件有误，仍使用之前的版本。";
    REFUSING: "refusing data: devices keep their messages and come back", "暂停接收：设备会保留消息并重发";

    // A device.
    NO_SUCH_DEVICE: "No device of this name", "没有这个名称的设备";
    NO_SUCH_DEVICE_HINT: "Nothing of this name was accepted, and no inventory names it.", "从未接收过该名称的数据，台账中也没有它。";
    LIKE_THIS: "Did you mean", "是否要找";
    STATE: "State", "状态";
    WHY: "Why?", "依据";
    VALUES: "Values now", "当前值";
    OLDER_VALUES: "Older values, not current", "旧值（非当前）";
    NO_VALUES_NOW: "No current value.", "没有当前值。";
    NO_VALUES: "No value was ever received.", "从未收到过数值。";
    METRIC: "Metric", "量";
    VALUE: "Value", "值";
    AGE: "Age", "距今";
    QUALITY_UNCERTAIN: "uncertain", "存疑";
    QUALITY_BAD: "implausible", "不可信";
    NO_VALUE: "no value (the device says so)", "无值（设备上报）";
    YES: "yes", "是";
    NO: "no", "否";
    HISTORY: "History", "历史曲线";
    H24: "24 h", "24 小时";
    D7: "7 d", "7 天";
    D30: "30 d", "30 天";
    NO_POINTS: "No points in this time.", "该时段没有数据。";
    CUT_SHORT: "More points than are read at once: the newest part is missing.", "数据点过多，未能读到最新部分。";
    HISTORY_UNREADABLE: "History cannot be read now.", "暂时无法读取历史。";
    TIMELINE: "Timeline", "时间线";
    NOTHING_YET: "Nothing yet.", "暂无记录。";
    OLDER: "Older", "更早";
    OPEN_RAW: "Raw bytes and decode", "原始数据与解析";
    CHILDREN: "Carries", "下挂设备";
    PARENT: "Carried by", "上级设备";
    FACTS: "About this device", "设备信息";
    ID: "Id", "设备号";
    ALIASES: "Also called", "别名";
    KIND: "Kind", "类型";
    DISTRICT: "District", "区域";
    PROFILE: "Profile", "解析方案";
    SOURCE: "Came in by", "接入方式";
    ADDRESS: "From address", "来源地址";
    INTERVAL: "Interval", "上报间隔";
    NOT_LEARNED: "not learned yet", "尚未学到";
    FIRST_SEEN: "First heard", "首次收到";
    LAST_REPORT: "Last accepted", "最近接收";
    LAST_REJECT: "Last refused", "最近拒收";
    REPORTS: "Reports", "接收条数";
    REJECTS: "Refused", "拒收条数";
    PLACE: "Place", "位置";
    OPEN_MAP: "Open in the map", "在地图中打开";
    ASSET: "Asset code", "资产编码";
    METERING_POINT: "Metering point", "计量点";
    MULTIPLIER: "Multiplier (CT x PT)", "倍率（CT×PT）";
    DIGITS: "Digits of its register", "表底位数";
    VALID_FROM: "In service from", "启用时间";
    VALID_TO: "In service to", "停用时间";
    ZONE: "Zone of its clock", "设备时钟时区";
    INVENTORY: "Inventory", "台账";
    NOT_LISTED: "does not name it", "无此设备";
    KNOWN_AS: "The inventory means another device by this name:", "台账中此名称属于另一台设备：";
    KNOWN_AS_WHY: "What was heard under it before stays here.", "此前以该名称收到的数据仍保留在此。";
    ALSO_HEARD_AS: "Before the inventory knew it, it was heard as:", "列入台账之前曾以此名称收到：";
    IS_LISTED: "The inventory names it:", "台账中有此设备：";
    NOT_IN_INVENTORY: "The inventory does not name it. If it is one of yours, add this row to the inventory (the columns in the order of your file) and retry its rejects:", "台账中没有它。若确为本单位设备，请在台账中添加此行（列顺序以您的文件为准），然后重试其被拒数据：";
    DUPLICATES: "Duplicates", "重复条数";
    SUMMARY: "Summary", "摘要";
    COPY: "Copy", "复制";
    COPIED: "Copied", "已复制";
    HEARD_NOT_ACCEPTED: "Heard, not accepted", "收到但未接收";
    HEARD_NOT_ACCEPTED_WHY: "It sends, and what it sent last was refused.", "设备在发送，但最近的数据被拒收。";
    SLEEPY: "out of reach between its reports", "两次上报之间不可达";

    // Its story.
    EXPLAIN: "What became of its uplinks", "上报去向";
    AROUND: "What is expected, and around it", "应有情况与周边";
    CELL: "Cell", "小区";
    ROUTE: "Route", "路由";
    TAKEN: "Accepted", "已接收";
    ALIKE: "Refused, and perhaps this device", "被拒且可能是本设备";

    // One row of the timeline.
    RAW_BYTES: "Raw bytes", "原始数据";
    AS_TEXT: "As text", "文本";
    AS_HEX: "As hex", "十六进制";
    BYTES_CUT: "only the first bytes are kept", "仅保留开头部分";
    RAW_NOT_KEPT: "The bytes of this uplink are no longer kept.", "该消息的原始数据已不再保留。";
    DECODE: "Decode", "解析结果";
    AS_SENT: "as sent", "原值";
    REFUSED: "Refused", "拒收";
    WHAT_TO_DO: "What to do", "怎么办";
    TECHNICAL: "In detail", "详细说明";
    ACCEPTED_READINGS: "readings", "个读数";
    OBSERVED: "Observed", "观测时间";
    RECEIVED: "Received", "接收时间";
    TOPIC: "Topic or path", "主题或路径";
    CLIENT: "Client", "客户端";
    BACK_TO_DEVICE: "Back to the device", "返回设备";
    GONE: "This entry is no longer kept.", "该条记录已不再保留。";

    // Just installed.
    NEW_LEAD: "Type or paste the id on the label, switch the device on, and watch it arrive.", "输入或粘贴标签上的设备号，给设备上电，看它是否接入。";
    NEW_LABEL: "Id on the device", "设备上的编号";
    CHECK: "Check", "检查";
    CHECK_AGAIN: "Check again", "再查一次";
    STEP_HEARD: "Heard", "收到";
    STEP_DECODED: "Decoded", "解析";
    STEP_ACCEPTED: "Accepted", "接收";
    NOT_HEARD: "Nothing of this name yet.", "尚未收到该名称的数据。";
    NOT_HEARD_TODO: "Is it on, and has it signal? Does it send to this gateway's address and port? Is the id in its topic or path written like this?", "是否已上电、有信号？是否发往本网关的地址和端口？主题或路径中的编号是否与此一致？";
    HEARD_AS: "Perhaps heard as", "可能以这些名称收到";
    WAITS_FOR_FIRST: "waits for the step before", "等待上一步";
    ALL_THREE: "Heard, decoded and accepted.", "已收到、解析并接收。";
    REFUSED_LAST: "The last uplink was refused", "最近一条被拒收";
    ACCEPTED_BUT: "Accepted; parts of it were refused", "已接收，但有部分被拒";
    WATCHING: "This page looks again by itself.", "本页会自动刷新。";
    TO_DEVICE: "Open the device", "打开设备页";

    // Tunnel.
    TUNNEL_TITLE: "Tunnel sections", "管廊分区";
    NOT_INSTEAD: "Remote values do not replace detection on site before entry.", "远程数据不能代替进入前的现场气体检测。";
    GASES: "Gases", "气体";
    ALARM: "ALARM", "报警";
    SATURATED: "beyond the sensor's range", "超出传感器量程";
    MISSING: "no value", "无数据";
    STALE: "stale", "已过时";
    NO_DISTRICT: "No section given", "未标分区";
    NO_TUNNEL: "No device of a tunnel kind is known.", "没有管廊类设备。";
}
