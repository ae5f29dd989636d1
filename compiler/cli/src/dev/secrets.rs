//! Secrets for development: from `.vrsky/secrets.yaml` or the environment, into files for runtimes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use vrsky_plan::Plan;

use super::state::{private_folder, write_private};

/// The start of the names of environment variables: `VRSKY_SECRET_<NAMESPACE>_<NAME>_<KEY>`.
pub(crate) const VARIABLE: &str = "VRSKY_SECRET_";

/// Where a secret lies: namespace, name, key.
pub(crate) type Reference = (String, String, String);

/// Values by reference. Not `Debug`: they are secrets.
pub(crate) type Secrets = BTreeMap<Reference, String>;

/// What the file says, overridden by the environment for the references that the plan makes.
pub(crate) fn collect(
    file: &Path,
    plan: &Plan,
    variable: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Secrets> {
    let mut secrets = read(file)?;
    for reference in references(plan) {
        if let Some(value) = variable(&variable_name(&reference)) {
            secrets.insert(reference, value);
        }
    }
    Ok(secrets)
}

/// Makes the folder hold exactly these secrets; files that are right are not touched.
pub(crate) fn write(folder: &Path, secrets: &Secrets) -> anyhow::Result<()> {
    private_folder(folder)?;
    let mut wanted = BTreeSet::new();
    for ((namespace, name, key), value) in secrets {
        let parent = folder.join(namespace).join(name);
        private_folder(&parent)?;
        let path = parent.join(key);
        if fs::read(&path).ok().as_deref() != Some(value.as_bytes()) {
            write_private(&path, value.as_bytes())?;
        }
        wanted.insert(path);
    }
    sweep(folder, 3, &wanted)
}

/// The variable that overrides a reference: upper case, everything else `_`.
pub(crate) fn variable_name((namespace, name, key): &Reference) -> String {
    let upper = |text: &str| -> String {
        text.chars()
            .map(|it| {
                if it.is_ascii_alphanumeric() {
                    it.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect()
    };
    format!(
        "{VARIABLE}{}_{}_{}",
        upper(namespace),
        upper(name),
        upper(key)
    )
}

/// All references of a plan.
pub(crate) fn references(plan: &Plan) -> BTreeSet<Reference> {
    let programs = plan
        .tenants
        .values()
        .flat_map(|tenant| tenant.programs.values());
    programs
        .flat_map(|program| {
            let namespace = program.flow.namespace();
            let named = program.secrets().into_iter();
            named.map(move |(name, key)| (namespace.to_owned(), name, key))
        })
        .collect()
}

/// Errors say where, never what: the file holds secrets.
fn read(file: &Path) -> anyhow::Result<Secrets> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Secrets::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", file.display()));
        }
    };
    if text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(Secrets::new());
    }
    let shape = "it holds namespace: {name: {key: value}}, each value a quoted string";
    let tree: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>> =
        serde_saphyr::from_str(&text).map_err(|error| {
            let line = error
                .location()
                .map_or_else(String::new, |at| format!(":{}", at.line()));
            anyhow::anyhow!("{}{line} cannot be read: {shape}", file.display())
        })?;
    let mut secrets = Secrets::new();
    for (namespace, names) in tree {
        for (name, keys) in names {
            for (key, value) in keys {
                for part in [&namespace, &name, &key] {
                    anyhow::ensure!(
                        is_file_name(part),
                        "{}: {} is not a name for a secret: letters, digits, `-`, `_`, `.`",
                        file.display(),
                        crate::safe::line(part)
                    );
                }
                secrets.insert((namespace.clone(), name.clone(), key), value);
            }
        }
    }
    Ok(secrets)
}

/// One path segment that leads nowhere else.
fn is_file_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'))
}

/// Removes files that are not wanted, and folders that become empty, `depth` levels down.
fn sweep(folder: &Path, depth: usize, wanted: &BTreeSet<std::path::PathBuf>) -> anyhow::Result<()> {
    let sweeping = || format!("cannot tidy {}", folder.display());
    for entry in fs::read_dir(folder).with_context(sweeping)? {
        let path = entry.with_context(sweeping)?.path();
        if path.is_dir() {
            if depth > 0 {
                sweep(&path, depth - 1, wanted)?;
            }
            let _ = fs::remove_dir(&path);
        } else if !wanted.contains(&path) {
            fs::remove_file(&path).with_context(sweeping)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn reference(namespace: &str, name: &str, key: &str) -> Reference {
        (namespace.to_owned(), name.to_owned(), key.to_owned())
    }

    #[test]
    fn the_folder_holds_exactly_the_secrets_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.yaml");
        fs::write(
            &file,
            "# mine\nacme:\n  shop: {signing: 'one', other: 'two'}\n",
        )
        .unwrap();
        let plan = Plan::empty();
        let run = folder.path().join("run");
        write(&run, &collect(&file, &plan, |_| None).unwrap()).unwrap();
        let path = run.join("acme/shop/signing");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::write(&file, "acme: {shop: {signing: 'three'}}").unwrap();
        write(&run, &collect(&file, &plan, |_| None).unwrap()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        assert!(!run.join("acme/shop/other").exists());
        fs::remove_file(&file).unwrap();
        write(&run, &collect(&file, &plan, |_| None).unwrap()).unwrap();
        assert!(!run.join("acme").exists());
    }

    #[test]
    fn an_error_in_the_file_names_the_line_and_no_value() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.yaml");
        fs::write(&file, "acme:\n  shop:\n    signing: [hunter2]\n").unwrap();
        let error = collect(&file, &Plan::empty(), |_| None).err().unwrap();
        let text = format!("{error:#}");
        assert!(text.contains("secrets.yaml:3"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        fs::write(&file, "acme: {'../up': {key: 'v'}}").unwrap();
        let error = collect(&file, &Plan::empty(), |_| None).err().unwrap();
        assert!(error.to_string().contains("is not a name"), "{error}");
    }

    #[test]
    fn variables_are_named_after_the_reference() {
        assert_eq!(
            variable_name(&reference("acme-eu", "shop.v2", "signing_key")),
            "VRSKY_SECRET_ACME_EU_SHOP_V2_SIGNING_KEY"
        );
    }
}
