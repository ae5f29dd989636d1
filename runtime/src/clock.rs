//! The wall clock, in the formats that reports and headers use.

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// Now, RFC 3339.
pub(crate) fn now_text() -> String {
    jiff::Timestamp::now().to_string()
}

/// `nanoseconds` since 1970 as RFC 3339; the epoch where the figure is out of range.
pub(crate) fn text_of_nanoseconds(nanoseconds: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(nanoseconds))
        .unwrap_or_default()
        .to_string()
}
