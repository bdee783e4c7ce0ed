//! What to say of a file that is no UTF-8.
use std::fmt::Write;

const GBK: &str = "the file is no UTF-8 but looks like GBK, in which Excel saves in China. In Excel: Save As, \
                   \"CSV UTF-8 (Comma delimited)\", 另存为 \"CSV UTF-8 (逗号分隔)\"; elsewhere: iconv -f GB18030 -t UTF-8";
const UTF_16: &str = "the file is UTF-16, in which spreadsheets save \"Unicode text\". Save it as \"CSV UTF-8 (Comma \
                      delimited)\", 另存为 \"CSV UTF-8 (逗号分隔)\"";
const OTHER: &str = "the file is no UTF-8. Save it as \"CSV UTF-8 (Comma delimited)\"";

/// How to put it right, by a row that is no UTF-8.
pub(super) fn rule(row: &[u8]) -> &'static str {
    if row.starts_with(b"\xff\xfe") || row.starts_with(b"\xfe\xff") {
        UTF_16
    } else if is_gbk(row) {
        GBK
    } else {
        OTHER
    }
}

/// The first bytes, in hex.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut hex = String::from("bytes");
    for byte in bytes.iter().take(4) {
        // Writing to a text cannot fail.
        let _ = write!(hex, " {byte:02X}");
    }
    hex
}

/// Do all bytes above 127 come in pairs as GBK has them?
fn is_gbk(row: &[u8]) -> bool {
    let mut bytes = row.iter().copied();
    while let Some(first) = bytes.next() {
        if first < 0x80 {
            continue;
        }
        let second = bytes.next().unwrap_or(0);
        if !(0x81..=0xfe).contains(&first) || !(0x40..=0xfe).contains(&second) || second == 0x7f {
            return false;
        }
    }
    true
}
