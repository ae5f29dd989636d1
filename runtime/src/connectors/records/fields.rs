//! The fields of one CSV row.

/// Splits a row. None: it is no UTF-8, a quote is not closed, or text follows a closing quote.
pub(super) fn split(row: &[u8]) -> Option<Vec<String>> {
    let mut rest = std::str::from_utf8(row).ok()?;
    let mut fields = Vec::new();
    loop {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            unquote(quoted)?
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (rest[..end].to_owned(), &rest[end..])
        };
        fields.push(field);
        if after.is_empty() {
            return Some(fields);
        }
        rest = after.strip_prefix(',')?;
    }
}

/// The text up to the closing quote, with doubled quotes halved, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Some((field, after)),
        }
    }
}
