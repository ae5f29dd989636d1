//! Scalars that YAML 1.1 (kubectl, kustomize, Helm) and YAML 1.2 read differently.

use granit_parser::ScalarStyle;

use super::Scalar;

/// What other readers of YAML make of a plain scalar that is text or another number here.
pub(crate) fn hardens_on_the_way(scalar: &Scalar) -> Option<&'static str> {
    if scalar.style != ScalarStyle::Plain || scalar.string {
        return None;
    }
    match scalar.text.as_str() {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Some("`true`"),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Some("`false`"),
        _ => {}
    }
    let digits = scalar.text.strip_prefix(['-', '+']).unwrap_or(&scalar.text);
    let octal = digits.len() > 1
        && digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    octal.then_some("an octal number")
}

/// The text in double quotes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}
