//! Places in a payload as people write them: `.items[3].sku`.

/// Appends a field. A name that is no plain word may be data, such as an address; it is not shown.
pub(crate) fn push_field(path: &mut String, name: &str) {
    path.push('.');
    if is_word(name) {
        path.push_str(name);
    } else {
        path.push('…');
    }
}

/// Appends a position.
pub(crate) fn push_position(path: &mut String, position: usize) {
    path.push('[');
    path.push_str(&position.to_string());
    path.push(']');
}

/// A path, or `.` for the payload itself.
pub(crate) fn or_root(path: String) -> String {
    if path.is_empty() || path.starts_with('[') {
        format!(".{path}")
    } else {
        path
    }
}

fn is_word(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}
