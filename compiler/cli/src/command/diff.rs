//! `vrsky diff`: what applying manifests would change, and what becomes of pending messages.
//!
//! The API server computes it (a dry run), so that defaults, rules of admission and
//! the user's rights count, and nothing is written.

mod effects;

use anyhow::Context as _;
use kube::api::{Patch, PatchParams};
use serde::Serialize;
use serde_json::{Value, json};

use crate::arguments;
use crate::cluster::{Cluster, Found, Kind, block_on, words};
use crate::output::{BOLD, DIM, Exit, GOOD, Screen, WARN};
use crate::{files, safe};

/// Who asks; a dry run leaves no trace of it.
const MANAGER: &str = "vrsky-diff";

/// What would happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Verb {
    Create,
    Change,
    Nothing,
}

/// One object.
#[derive(Debug, Serialize)]
struct Difference {
    object: String,
    /// As kubectl names it.
    #[serde(skip)]
    name: String,
    verb: Verb,
    /// Paths with what is there and what would be.
    fields: Vec<effects::Field>,
    /// What it means for messages.
    effects: Vec<String>,
}

pub(super) fn run(arguments: &arguments::Diff, screen: Screen) -> anyhow::Result<Exit> {
    let (files, unreadable) = files::read(&arguments.paths)?;
    if let Some(file) = unreadable.first() {
        anyhow::bail!("{}: {}", safe::line(&file.name), safe::line(&file.reason));
    }
    let mut objects = Vec::new();
    for file in &files {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&file.text)
            .with_context(|| format!("{} is no YAML; next: vrsky check", safe::line(&file.name)))?;
        objects.extend(documents.into_iter().filter(is_ours));
    }
    let differences = block_on(async {
        let cluster = Cluster::connect(&arguments.access).await?;
        let mut all = Vec::new();
        for object in &objects {
            all.push(difference(&cluster, object).await?);
        }
        Ok(all)
    })?;
    if screen.is_document() {
        screen.document(&differences)?;
    } else if screen.is_name() {
        let differ = differences.iter().filter(|one| one.verb != Verb::Nothing);
        differ.for_each(|one| screen.say(&safe::line(&one.name)));
    } else {
        for difference in &differences {
            show(difference, screen);
        }
        if objects.is_empty() {
            screen.say("no object of VRSky is in these files");
        }
    }
    let is_same = differences.iter().all(|one| one.verb == Verb::Nothing);
    Ok(if is_same { Exit::Fine } else { Exit::Findings })
}

fn is_ours(document: &Value) -> bool {
    let version = document["apiVersion"].as_str();
    version.is_some_and(|version| version.starts_with("vrsky.io/"))
}

async fn difference(cluster: &Cluster, object: &Value) -> anyhow::Result<Difference> {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    let word = text("/kind").context("an object of vrsky.io without a kind; next: vrsky check")?;
    let name = text("/metadata/name")
        .with_context(|| format!("a {} without a name; next: vrsky check", safe::line(word)))?;
    let kind = Kind::named(word)
        .with_context(|| format!("there is no kind {}; next: vrsky check", safe::line(word)))?;
    let is_tenant = matches!(kind, Kind::Ours("tenants"));
    let own = text("/metadata/namespace").unwrap_or(&cluster.namespace);
    let namespace = (!is_tenant).then_some(own);
    let what = match namespace {
        Some(namespace) => format!("{}/{name} in {namespace}", word.to_lowercase()),
        None => format!("{}/{name}", word.to_lowercase()),
    };
    let full_name = format!("{}.vrsky.io/{name}", word.to_lowercase());
    let before = match cluster.get_in(kind, namespace, name).await? {
        Found::There(object) => Some(object),
        Found::Missing => None,
        Found::Hidden => anyhow::bail!("you may not read {}", safe::line(&what)),
    };
    let (asked, patch) = match &before {
        None => (
            PatchParams::apply(MANAGER).force(),
            Patch::Apply(object.clone()),
        ),
        // What an earlier file said and this one does not is gone: apply knows that by who owns a
        // field, and nobody owns one on behalf of whoever asks here.
        Some(before) => (
            PatchParams::apply(MANAGER).validation_strict(),
            Patch::Merge(json!({"spec": effects::turning(&before["spec"], &object["spec"])})),
        ),
    };
    let after = cluster
        .api(kind, namespace)
        .patch(name, &asked.dry_run(), &patch)
        .await
        .map_err(|error| anyhow::anyhow!(words(&error)))
        .with_context(|| format!("the cluster would refuse {}", safe::line(&what)))?;
    let after = serde_json::to_value(after)?;
    let Some(before) = before else {
        return Ok(Difference {
            object: what,
            name: full_name,
            verb: Verb::Create,
            fields: Vec::new(),
            effects: Vec::new(),
        });
    };
    let fields = effects::fields(&before["spec"], &after["spec"]);
    let effects = if word == "Flow" {
        effects::of_flow(&before["spec"], &after["spec"])
    } else {
        Vec::new()
    };
    Ok(Difference {
        object: what,
        name: full_name,
        verb: if fields.is_empty() {
            Verb::Nothing
        } else {
            Verb::Change
        },
        fields,
        effects,
    })
}

fn show(difference: &Difference, screen: Screen) {
    let object = safe::line(&difference.object);
    match difference.verb {
        Verb::Create => screen.say(&format!("{GOOD}+ {object}{GOOD:#}")),
        Verb::Change => screen.say(&format!("{WARN}~ {object}{WARN:#}")),
        Verb::Nothing => screen.say(&format!("{DIM}= {object}{DIM:#}")),
    }
    for field in &difference.fields {
        let (before, after) = (safe::line(&field.before), safe::line(&field.after));
        screen.say(&format!(
            "    {}: {before} → {after}",
            safe::line(&field.path)
        ));
    }
    for effect in &difference.effects {
        screen.say(&format!("    {BOLD}{}{BOLD:#}", safe::line(effect)));
    }
}
