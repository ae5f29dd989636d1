//! What the compiler has to say to people: plain data; the CLI draws it, status stores it.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use vrsky_plan::TenantName;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// Its stable code; [`crate::codes::page`] explains it.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One line, without a full stop.
    pub headline: String,
    /// The tenant that may see it; `None`: the platform's administrators and whoever owns the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<TenantName>,
    /// The object in which it was found, where it could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectName>,
    /// Where.
    pub primary: Label,
    /// What else belongs to it; may lie in other documents, all visible to the audience.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// How to mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<Help>,
}

/// A code such as `VRS0101`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code(pub u16);

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The object's change does not take effect.
    Error,
    /// The reference leads to a tenant that this repository does not hold: neither right nor wrong.
    Unverifiable,
    /// It takes effect, and whether messages fit a contract is found out one by one.
    Unproven,
    /// It takes effect, and is probably not what was meant.
    Warning,
}

/// An object's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectName {
    /// Its kind, such as `Flow`.
    pub kind: String,
    /// Its namespace; empty for a Tenant.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A place in a document, with a remark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Label {
    /// The document's index in [`crate::World::documents`].
    pub document: usize,
    /// The origin to show: the document's own, or the one that Helm (`# Source:`) or kustomize
    /// (`config.kubernetes.io/origin`) gives for the object.
    pub origin: String,
    /// The field path in the object, such as `spec.steps[0].map`; empty for the object itself.
    pub path: String,
    /// Bytes in the document's text.
    pub span: Range<usize>,
    /// The remark, one line; may be empty.
    pub text: String,
}

/// How to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Help {
    /// One line.
    pub text: String,
    /// A change that makes the finding vanish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Patch>,
}

/// A change of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Patch {
    /// The document's index in [`crate::World::documents`].
    pub document: usize,
    /// Bytes to replace.
    pub span: Range<usize>,
    /// What stands there instead.
    pub text: String,
}

impl Diagnostic {
    /// In a World where the documents have other indices.
    pub(crate) fn moved(&mut self, to: impl Fn(usize) -> usize) {
        for label in std::iter::once(&mut self.primary).chain(&mut self.labels) {
            label.document = to(label.document);
        }
        if let Some(patch) = self.help.as_mut().and_then(|help| help.patch.as_mut()) {
            patch.document = to(patch.document);
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VRS{:04}", self.0)
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.to_string()
    }
}

impl TryFrom<String> for Code {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.strip_prefix("VRS")
            .filter(|digits| digits.len() == 4)
            .and_then(|digits| digits.parse().ok())
            .map(Code)
            .ok_or_else(|| format!("{text:?} is not a code such as VRS0101"))
    }
}
