//! Lines without control characters and of bounded length.

use super::LogFormat;

/// The maximum length of a line in bytes.
const MAX: usize = 8 * 1024;

/// Returns a line in which control characters are escaped, and which is cut with a mark if it is
/// too long.
///
/// Values from clients are in many lines. Escape characters remain: `tracing-subscriber` uses them
/// for colours and escapes those in values. JSON has no control characters.
pub(super) fn clean(line: &[u8], format: LogFormat) -> Vec<u8> {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let mut cleaned = Vec::with_capacity(text.len().min(MAX) + 64);
    let cut = cut(text);
    match format {
        LogFormat::Json if cut.len() < text.len() => wrap(cut, text.len(), &mut cleaned),
        LogFormat::Json | LogFormat::Text => {
            escape(cut, &mut cleaned);
            if cut.len() < text.len() {
                cleaned.extend_from_slice(format!("… ({} bytes)", text.len()).as_bytes());
            }
        }
    }
    cleaned.push(b'\n');
    cleaned
}

/// Returns the first bytes of a text, up to the end of a character.
fn cut(text: &[u8]) -> &[u8] {
    if text.len() <= MAX {
        return text;
    }
    let mut end = MAX;
    while end > 0 && text[end] & 0b1100_0000 == 0b1000_0000 {
        end -= 1;
    }
    &text[..end]
}

fn escape(text: &[u8], into: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'\n' => into.extend_from_slice(b"\\n"),
            b'\r' => into.extend_from_slice(b"\\r"),
            b'\t' => into.extend_from_slice(b"\\t"),
            0x00..=0x1a | 0x1c..=0x1f | 0x7f => {
                into.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
            }
            byte => into.push(byte),
        }
    }
}

/// Writes an object with the beginning of an object that is too long.
fn wrap(cut: &[u8], bytes: usize, into: &mut Vec<u8>) {
    into.extend_from_slice(br#"{"level":"WARN","target":"recto::log","message":"#);
    into.extend_from_slice(br#""a line was cut","line":""#);
    for &byte in cut {
        match byte {
            b'"' | b'\\' => into.extend_from_slice(&[b'\\', byte]),
            byte => into.push(byte),
        }
    }
    into.extend_from_slice(format!("\",\"bytes\":{bytes}}}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(line: &str, format: LogFormat) -> String {
        String::from_utf8(clean(line.as_bytes(), format)).unwrap()
    }

    #[test]
    fn control_characters_are_escaped() {
        let line = "INFO a=b\nERROR forged\r\t\0\u{7f}\u{1b}[1m é\n";
        let expected = "INFO a=b\\nERROR forged\\r\\t\\x00\\x7f\u{1b}[1m é\n";
        assert_eq!(cleaned(line, LogFormat::Text), expected);
    }

    #[test]
    fn long_line_is_cut_between_characters() {
        let line = format!("{}\n", "é".repeat(MAX));
        let cut = cleaned(&line, LogFormat::Text);
        assert_eq!(cut, format!("{}… ({} bytes)\n", "é".repeat(MAX / 2), 2 * MAX));
        let line = format!("x{line}");
        assert!(
            cleaned(&line, LogFormat::Text).starts_with(&format!("x{}…", "é".repeat(MAX / 2 - 1)))
        );
    }

    #[test]
    fn long_object_stays_json() {
        let object = serde_json::json!({"message": "\"\\\n".repeat(MAX)}).to_string();
        let line: serde_json::Value =
            serde_json::from_str(&cleaned(&format!("{object}\n"), LogFormat::Json)).unwrap();
        assert_eq!(line["bytes"], object.len());
        assert!(object.starts_with(line["line"].as_str().unwrap()));
        let short = "{\"message\":\"short\"}\n";
        assert_eq!(cleaned(short, LogFormat::Json), short);
    }
}
