//! Text that looks like a secret where no secret belongs.

use super::Issue;
use crate::path::Path;
use crate::{Code, Severity};

pub(crate) const CODE: Code = Code(312);

const STARTS: [&str; 13] = [
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "whsec_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "-----BEGIN",
    "glpat-",
];

/// A warning, if the text looks like a secret. The text itself is not repeated.
pub(crate) fn check(path: &Path, text: &str) -> Option<Issue> {
    let name = path.last_key().unwrap_or_default().to_lowercase();
    let called = matches!(
        name.as_str(),
        "authorization" | "proxy-authorization" | "x-api-key" | "api-key" | "apikey" | "cookie"
    ) || ["password", "secret", "token"]
        .iter()
        .any(|word| name.ends_with(word));
    let jwt = text.starts_with("eyJ") && text.matches('.').count() == 2;
    let looks =
        jwt || STARTS.iter().any(|start| text.starts_with(start)) || (called && text.len() >= 8);
    looks.then(|| {
        Issue::new(
            CODE,
            path,
            "this looks like a secret in clear text",
            "everyone who reads the manifest reads it",
        )
        .severity(Severity::Warning)
        .help("put it into a Secret; `bearer` and `basic` take `{secretRef: {name, key}}`")
    })
}
