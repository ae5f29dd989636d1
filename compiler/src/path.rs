//! Field paths.

use std::fmt;

/// A field path, such as `spec.steps[0].map`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(Vec<Segment>);

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// A field.
    Key(String),
    /// An item of a list.
    Index(usize),
}

impl Path {
    /// A path of plain field names joined by dots, such as `spec.source`.
    pub(crate) fn of(fields: &str) -> Self {
        Self(
            fields
                .split('.')
                .filter(|field| !field.is_empty())
                .map(|field| Segment::Key(field.to_owned()))
                .collect(),
        )
    }

    /// Reads what [`fmt::Display`] writes.
    pub(crate) fn parse(text: &str) -> Self {
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(quoted) = rest.strip_prefix("[\"") {
                let (key, after) = quoted.split_once("\"]").unwrap_or((quoted, ""));
                segments.push(Segment::Key(key.to_owned()));
                rest = after;
            } else if let Some(index) = rest.strip_prefix('[') {
                let (number, after) = index.split_once(']').unwrap_or((index, ""));
                segments.push(Segment::Index(number.parse().unwrap_or(usize::MAX)));
                rest = after;
            } else {
                rest = rest.strip_prefix('.').unwrap_or(rest);
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                if end == 0 {
                    break;
                }
                segments.push(Segment::Key(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
        Self(segments)
    }

    /// This path and a field below it.
    pub(crate) fn key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Key(key.to_owned()));
        path
    }

    /// This path and an item below it.
    pub(crate) fn index(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Index(index));
        path
    }

    /// Its steps.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The last field's name.
    pub(crate) fn last_key(&self) -> Option<&str> {
        match self.0.last() {
            Some(Segment::Key(key)) => Some(key),
            _ => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if key.is_empty() || key.contains(['.', '[', '"']) => {
                    write!(formatter, "[\"{key}\"]")?;
                }
                Segment::Key(key) if place == 0 => formatter.write_str(key)?,
                Segment::Key(key) => write!(formatter, ".{key}")?,
                Segment::Index(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn a_path_reads_what_it_writes() {
        for text in [
            "spec.steps[0].map",
            "spec.with.headers[\"a.b\"].expr",
            "spec",
        ] {
            assert_eq!(Path::parse(text).to_string(), text);
        }
    }
}
