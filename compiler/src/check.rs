//! The rules: one file, one code, one page (`docs/codes/`) each.

// Reading.
pub(crate) mod ambiguous_scalar;
pub(crate) mod duplicate_key;
pub(crate) mod eaten_expression;
pub(crate) mod syntax;
pub(crate) mod too_many_aliases;

// Shapes.
pub(crate) mod builtin_by_tenant;
pub(crate) mod duplicate_name;
pub(crate) mod exactly_one;
pub(crate) mod invalid_name;
pub(crate) mod invalid_value;
pub(crate) mod missing_field;
pub(crate) mod unknown_field;
pub(crate) mod unknown_kind;
pub(crate) mod wrong_type;

// The world.
pub(crate) mod compute;
pub(crate) mod cycle;
pub(crate) mod dead_letter_retention;
pub(crate) mod double_namespace;
pub(crate) mod lonely_otherwise;
pub(crate) mod quota;
pub(crate) mod scale;
pub(crate) mod shadowed_builtin;
pub(crate) mod unbound_namespace;
pub(crate) mod unknown_connector;
pub(crate) mod unknown_tenant;
pub(crate) mod unknown_topic;
pub(crate) mod webhook_collision;
pub(crate) mod wrong_side;

// Parameters and secrets.
pub(crate) mod clear_secret;
pub(crate) mod fixed_parameter;
pub(crate) mod foreign_secret;
pub(crate) mod likely_secret;
pub(crate) mod missing_parameter;
pub(crate) mod unknown_parameter;
pub(crate) mod wrong_parameter;

// Payload types and expressions.
pub(crate) mod edge_mismatch;
pub(crate) mod expression;
pub(crate) mod invalid_contract;
pub(crate) mod unproven_edge;

// Sharing.
pub(crate) mod expired_grant;
pub(crate) mod foreign_write;
pub(crate) mod grant_mismatch;
pub(crate) mod grant_to_self;
pub(crate) mod missing_grant;
pub(crate) mod onward_sharing;
pub(crate) mod revoked_grant;

use std::ops::Range;

use crate::path::Path;
use crate::{Code, Severity};

/// A finding in one object, before its places are looked up.
#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) code: Code,
    pub(crate) severity: Severity,
    pub(crate) headline: String,
    /// Where in the object.
    pub(crate) path: Path,
    pub(crate) at: At,
    /// The remark at the place.
    pub(crate) text: String,
    pub(crate) related: Vec<Related>,
    pub(crate) help: Option<String>,
    /// What to write instead, and where: at the place itself if nothing else is said.
    pub(crate) replacement: Option<(Option<At>, String)>,
}

/// What of a path is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// The field's name.
    Key,
    /// Its value.
    Value,
    /// Bytes of its decoded text.
    Inside(Range<usize>),
}

/// Another place that belongs to a finding.
#[derive(Clone, Debug)]
pub(crate) struct Related {
    /// The object, by its index.
    pub(crate) object: usize,
    pub(crate) path: Path,
    pub(crate) at: At,
    pub(crate) text: String,
}

impl Issue {
    /// An error at a value.
    pub(crate) fn new(
        code: Code,
        path: &Path,
        headline: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity: Severity::Error,
            // A key that it quotes may have several lines.
            headline: headline.into().replace('\n', " "),
            path: path.clone(),
            at: At::Value,
            text: text.into(),
            related: Vec::new(),
            help: None,
            replacement: None,
        }
    }

    pub(crate) fn at(mut self, at: At) -> Self {
        self.at = at;
        self
    }

    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    pub(crate) fn replacement(mut self, text: impl Into<String>) -> Self {
        self.replacement = Some((None, text.into()));
        self
    }

    pub(crate) fn related(mut self, object: usize, path: &str, text: impl Into<String>) -> Self {
        self.related.push(Related {
            object,
            path: Path::parse(path),
            at: At::Value,
            text: text.into(),
        });
        self
    }

    /// Suggests the nearest of `known`, where one is near.
    pub(crate) fn suggest<'a>(self, written: &str, known: impl Iterator<Item = &'a str>) -> Self {
        match nearest(written, known) {
            Some(near) => self
                .help(format!("did you mean `{near}`?"))
                .replacement(near),
            None => self,
        }
    }
}

/// The known word that is most like the written one; the first of equals.
pub(crate) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    let mut best: Option<(f64, &str)> = None;
    for candidate in known {
        let likeness = strsim::jaro_winkler(&written.to_lowercase(), &candidate.to_lowercase());
        if likeness > 0.84 && best.is_none_or(|(other, _)| likeness > other) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}
