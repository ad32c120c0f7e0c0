//! The size of JSON once it is parsed, which may be a hundred times that of its text.

/// The number of values in a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JsonSize {
    values: usize,
    objects: usize,
}

/// The maximum number of values in a body.
pub(super) const MAX_VALUES: usize = 50_000;

/// The bytes of a value, with a short text on the heap.
const VALUE: usize = 104;

/// The bytes that the smallest object with a field takes: three entries, and their index.
const OBJECT: usize = 440;

impl JsonSize {
    /// Counts the values of a text, which is not parsed: a value follows each comma and each
    /// opening bracket outside of strings. For a text that is not JSON the numbers mean nothing.
    pub(super) fn of(text: &[u8]) -> Self {
        let (mut values, mut objects) = (1, 0);
        let (mut in_string, mut is_escaped) = (false, false);
        for byte in text {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = in_string,
                b'"' => in_string = !in_string,
                b'{' if !in_string => (values, objects) = (values + 1, objects + 1),
                b'[' | b',' if !in_string => values += 1,
                _ => {}
            }
        }
        Self { values, objects }
    }

    /// Returns whether a body may have so many values.
    pub(super) fn is_allowed(self) -> bool {
        self.values <= MAX_VALUES
    }

    /// Returns the bytes of the parsed values, without those of long texts.
    pub(super) fn bytes(self) -> usize {
        self.values * VALUE + self.objects * OBJECT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_outside_strings_are_counted() {
        for (text, values, objects) in [
            ("1", 1, 0),
            (r#"{"a": [1, 2], "b": {}}"#, 6, 2),
            (r#""{[,\"{[,\\""#, 1, 0),
            (r#"["\\", "\"", {}]"#, 5, 1),
            (r#"[{"":0},{"":0}]"#, 5, 2),
        ] {
            assert_eq!(JsonSize::of(text.as_bytes()), JsonSize { values, objects }, "{text}");
        }
    }
}
