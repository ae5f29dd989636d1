//! Which files a `file` connector may name.

use std::path::{Component, Path};

/// Whether a path stays in the project folder: relative, without `..`, and not in `.vrsky`, where the
/// runtime's credentials and secrets lie.
pub fn stays_inside(path: &str) -> bool {
    Path::new(path).components().all(|component| {
        matches!(component, Component::Normal(name) if name != ".vrsky")
            || component == Component::CurDir
    })
}

#[cfg(test)]
mod tests {
    use super::stays_inside;

    #[test]
    fn paths_stay_in_the_project_folder() {
        for path in ["out/orders.ndjson", "./in", "a/./b", "a..b/c", ".done"] {
            assert!(stays_inside(path), "{path}");
        }
        for path in [
            "/etc/passwd",
            "..",
            "a/../../b",
            "a/..",
            ".vrsky",
            "./.vrsky/keys.json",
        ] {
            assert!(!stays_inside(path), "{path}");
        }
    }
}
