//! Who may do what, as a page that is reviewed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use crate::{compare, objects};

/// One rule of a role: where, which resources, which names, which verbs.
type Right = (String, String, String, String);

/// What Helm makes of every option that gives rights.
fn all() -> Vec<Value> {
    let set = "purge=true,webhooks.url=https://a.example,webhooks.ingress.enabled=true,\
               webhooks.httpRoute.enabled=true,webhooks.httpRoute.parentRefs[0].name=a";
    objects(&["--set", set])
}

/// The texts of a list.
fn words(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.map(|it| it.as_str().unwrap()).collect()
}

/// All rules of the roles of `objects`, by the account or by who is meant.
fn rights(objects: &[Value]) -> BTreeMap<String, Vec<Right>> {
    let mut rights: BTreeMap<String, Vec<Right>> = BTreeMap::new();
    for role in objects {
        let place = match role["kind"].as_str() {
            Some("ClusterRole") => "everywhere".to_owned(),
            Some("Role") => format!("in {}", role["metadata"]["namespace"].as_str().unwrap()),
            _ => continue,
        };
        for rule in role["rules"].as_array().unwrap() {
            assert!(rule["nonResourceURLs"].is_null());
            for group in words(&rule["apiGroups"]) {
                for resource in words(&rule["resources"]) {
                    let resource = match group {
                        "" => resource.to_owned(),
                        group => format!("{resource}.{group}"),
                    };
                    let names = words(&rule["resourceNames"]).join(", ");
                    let verbs = words(&rule["verbs"]).join(", ");
                    rights
                        .entry(role["metadata"]["name"].as_str().unwrap().to_owned())
                        .or_default()
                        .push((place.clone(), resource, names, verbs));
                }
            }
        }
    }
    for list in rights.values_mut() {
        list.sort();
    }
    rights
}

#[test]
fn the_page_of_rights_is_the_charts() {
    let found = rights(&all());
    let mut page = "# Rights\n\nGenerated from the chart; `UPDATE=1 cargo test -p vrsky-e2e --test charts` rewrites it. A change of this page is a change of what VRSky may do in a cluster: review it as such.\n".to_owned();
    let about = BTreeMap::from([
        (
            "vrsky-operator",
            "The operator. Admission policies bound it further: to objects with its own names and labels, outside the cluster's namespaces, and to metadata alone in what tenants wrote. `create` with a name holds for server-side apply, which names what it creates. Some it has only where an option asks for it: `create` and `patch` of ingresses with `webhooks.ingress`, of httproutes with `webhooks.httpRoute`.",
        ),
        (
            "vrsky-uninstall",
            "A job before `helm uninstall`; `delete` only with `purge`.",
        ),
        ("vrsky-test", "The pod of `helm test`."),
        (
            "vrsky-view",
            "Included in `view`, and so in `edit` and `admin`.",
        ),
        ("vrsky-edit", "Included in `edit`, and so in `admin`."),
        ("vrsky-admin", "Included in `admin`."),
        (
            "vrsky-platform",
            "For platform administrators, bound by nobody but you.",
        ),
    ]);
    assert_eq!(
        found.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        about.keys().copied().collect()
    );
    for (role, list) in &found {
        let about = about[role.as_str()];
        let _ = write!(
            page,
            "\n## {role}\n\n{about}\n\n| where | resource | names | verbs |\n|---|---|---|---|\n"
        );
        for (place, resource, names, verbs) in list {
            let names = if names.is_empty() { "any" } else { names };
            let _ = writeln!(page, "| {place} | {resource} | {names} | {verbs} |");
        }
    }
    compare("docs/rbac.md", &page);
}

#[test]
fn nobody_gets_a_wildcard_and_secrets_are_named_one_by_one() {
    let found = rights(&all());
    let each = || {
        found
            .iter()
            .flat_map(|(role, list)| list.iter().map(move |it| (role, it)))
    };
    for (role, (_, resource, names, verbs)) in each() {
        let text = format!("{resource} {names} {verbs}");
        assert!(!text.contains('*'), "{role}: {text}");
        for verb in ["escalate", "bind", "impersonate"] {
            assert!(!verbs.contains(verb), "{role}: {text}");
        }
    }
    let secrets: Vec<String> = each()
        .filter(|(_, (_, resource, _, _))| resource == "secrets")
        .map(|(role, (place, _, names, verbs))| format!("{role} {place} [{names}] {verbs}"))
        .collect();
    assert_eq!(
        secrets,
        [
            "vrsky-operator everywhere [vrsky-runtime, vrsky-support] create, patch, delete",
            "vrsky-operator in vrsky-system [] create",
            "vrsky-operator in vrsky-system [vrsky-keys] get, update",
        ]
    );
    let bindings: BTreeSet<String> = all()
        .iter()
        .filter(|it| it["roleRef"].is_object())
        .map(|it| {
            let subjects = it["subjects"].as_array().unwrap();
            let subjects: Vec<&str> = subjects
                .iter()
                .map(|it| it["name"].as_str().unwrap())
                .collect();
            format!(
                "{} -> {}",
                it["roleRef"]["name"].as_str().unwrap(),
                subjects.join(", ")
            )
        })
        .collect();
    let wanted = [
        "vrsky-operator -> vrsky-operator",
        "vrsky-test -> vrsky-test",
        "vrsky-uninstall -> vrsky-uninstall",
    ];
    assert_eq!(bindings, wanted.map(str::to_owned).into());
}
