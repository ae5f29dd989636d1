//! What is, in the cluster and in NATS, without what differs between two runs that did the same:
//! times, versions, UIDs and random keys.

use std::collections::BTreeMap;

use async_nats::ConnectOptions;
use serde_json::{Map, Value, json};
use vrsky_broker::Keys;
use vrsky_plan::TenantId;

use crate::lane::{Lane, stored_keys};

/// Everything that is, as text: an object or a key a line.
pub(crate) async fn state(lane: &Lane) -> BTreeMap<String, String> {
    let keys = stored_keys(&lane.model);
    let names = Names::new(&keys);
    let mut state = in_kubernetes(lane, &keys);
    let seeds = json!(keys);
    let tenants: Vec<&TenantId> = keys.tenant_ids().collect();
    let mut accounts = vec![("platform".to_owned(), seeds["platform"].clone())];
    for tenant in tenants {
        let seed = seeds["tenants"][tenant.as_str()]["account"].clone();
        accounts.push((tenant.to_string(), seed));
    }
    on_disk(lane, &mut state);
    for (name, seed) in accounts {
        in_account(lane, &name, seed.as_str().unwrap(), &mut state).await;
    }
    state
        .into_iter()
        .map(|(name, value)| (names.put(&name), names.put(&value.to_string())))
        .collect()
}

/// Public keys, and what to call them.
struct Names(Vec<(String, String)>);

impl Names {
    fn new(keys: &Keys) -> Self {
        let mut names = Vec::new();
        let mut add = |seed: &Value, name: String| {
            let pair = nkeys::KeyPair::from_seed(seed.as_str().unwrap()).unwrap();
            names.push((pair.public_key(), name));
        };
        let stored = json!(keys);
        for name in ["operator", "system", "platform"] {
            add(&stored[name], format!("<{name}>"));
        }
        for (id, tenant) in stored["tenants"].as_object().unwrap() {
            add(&tenant["account"], format!("<account of {id}>"));
            for (role, pair) in tenant["roles"].as_object().unwrap() {
                add(&pair["signing"], format!("<signer of {role} of {id}>"));
                add(&pair["user"], format!("<user {role} of {id}>"));
            }
        }
        Self(names)
    }

    fn put(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (key, name) in &self.0 {
            text = text.replace(key, name);
        }
        text
    }
}

fn in_kubernetes(lane: &Lane, keys: &Keys) -> BTreeMap<String, Value> {
    let mut state = BTreeMap::new();
    for (path, mut object) in lane.model.objects() {
        let kind = path.resource.kind;
        if matches!(kind, "Event" | "Lease") {
            continue;
        }
        strip(&mut object);
        if kind == "Secret" && path.name == "vrsky-keys" {
            let stored = json!(keys);
            let tenants = stored["tenants"].as_object().unwrap().iter();
            let tenants: BTreeMap<&String, Vec<&String>> = tenants
                .map(|(id, tenant)| (id, tenant["roles"].as_object().unwrap().keys().collect()))
                .collect();
            object["data"] = json!(tenants);
        } else if kind == "Secret" {
            object["data"] = json!(whose(&object["data"], keys));
            object["metadata"]["annotations"] = Value::Null;
        }
        state.insert(format!("{kind} {}/{}", path.namespace, path.name), object);
    }
    state
}

/// Whose credentials these are.
fn whose(data: &Value, keys: &Keys) -> String {
    let text = data["nats.creds"].as_str().unwrap_or_default();
    let text = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
    let mut ids = keys.tenant_ids();
    let found = ids.find(|id| {
        let credentials = keys.credentials(id, "runtime");
        credentials.is_ok_and(|it| it.as_bytes() == text)
    });
    found.map_or_else(
        || "nobody's".to_owned(),
        |id| format!("credentials of {id}"),
    )
}

/// Without times and versions.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for field in ["uid", "resourceVersion", "creationTimestamp"] {
                fields.remove(field);
            }
            for field in ["lastTransitionTime", "deletionTimestamp", "at"] {
                if let Some(time) = fields.get_mut(field) {
                    *time = json!("<time>");
                }
            }
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Accounts as the server keeps them, and the folders of streams: those of closed accounts, too.
fn on_disk(lane: &Lane, state: &mut BTreeMap<String, Value>) {
    let accounts = std::fs::read_dir(lane.store().join("accounts")).unwrap();
    for entry in accounts.map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let Some(account) = name.strip_suffix(".jwt") else {
            continue;
        };
        let token = std::fs::read_to_string(entry.path()).unwrap();
        let mut claims = vrsky_broker::jwt::claims(&token).unwrap();
        // In the order of keys that are random.
        if let Some(signers) = claims["nats"]["signing_keys"].as_array_mut() {
            signers.sort_by_key(|it| it["role"].to_string());
        }
        let what = json!({"name": claims["name"], "nats": claims["nats"]});
        state.insert(format!("account {account}"), what);
    }
    let streams = lane.store().join("streams/jetstream");
    for account in std::fs::read_dir(&streams).into_iter().flatten() {
        let account = account.unwrap();
        let folder = account.path().join("streams");
        for stream in std::fs::read_dir(folder).into_iter().flatten() {
            let (account, stream) = (account.file_name(), stream.unwrap().file_name());
            let name = format!("folder {} {}", account.display(), stream.display());
            state.insert(name, Value::Null);
        }
    }
}

/// Streams, consumers and programs, as the server tells its own account.
async fn in_account(lane: &Lane, name: &str, seed: &str, state: &mut BTreeMap<String, Value>) {
    // A closed account lets nobody in.
    let Ok(client) = connect(lane.server().url(), seed).await else {
        return;
    };
    let list = ask(&client, "$JS.API.STREAM.LIST", json!({})).await;
    for stream in list["streams"].as_array().into_iter().flatten() {
        let stream = stream["config"]["name"].as_str().unwrap();
        let subject = format!("$JS.API.STREAM.INFO.{stream}");
        let info = ask(&client, &subject, json!({"subjects_filter": ">"})).await;
        let subjects = info["state"]["subjects"].clone();
        if stream == "KV_programs" {
            programs(&client, &subjects, state).await;
        }
        let is_held = stream != "REPORTS" && stream != "KV_programs";
        let consumers = ask(
            &client,
            &format!("$JS.API.CONSUMER.LIST.{stream}"),
            json!({}),
        )
        .await;
        let consumers = consumers["consumers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let consumers: BTreeMap<String, Value> = consumers
            .into_iter()
            .filter(|_| is_held)
            .map(|it| (it["name"].to_string(), it["config"].clone()))
            .collect();
        let mut config = info["config"].clone();
        for (key, record) in config["metadata"].as_object_mut().into_iter().flatten() {
            // When an import ended.
            if key.starts_with("vrsky.ended.") {
                let text = record.as_str().unwrap();
                *record = json!(text.rsplit_once(' ').unwrap().0);
            }
        }
        let what = json!({
            "config": config,
            "messages": if is_held { subjects } else { Value::Null },
            "consumers": consumers,
        });
        state.insert(format!("stream {name} {stream}"), what);
    }
}

/// What lies under the keys that are not removed.
async fn programs(
    client: &async_nats::Client,
    subjects: &Value,
    state: &mut BTreeMap<String, Value>,
) {
    let none = Map::new();
    for subject in subjects.as_object().unwrap_or(&none).keys() {
        let body = json!({"last_by_subj": subject});
        let found = ask(client, "$JS.API.STREAM.MSG.GET.KV_programs", body).await;
        if found["message"]["hdrs"].is_string()
            && found["message"]["data"]
                .as_str()
                .unwrap_or_default()
                .is_empty()
        {
            continue;
        }
        let data = found["message"]["data"].as_str().unwrap();
        let bytes = data_encoding::BASE64.decode(data.as_bytes()).unwrap();
        state.insert(subject.clone(), serde_json::from_slice(&bytes).unwrap());
    }
}

async fn ask(client: &async_nats::Client, subject: &str, body: Value) -> Value {
    let answer = client
        .request(subject.to_owned(), body.to_string().into())
        .await;
    serde_json::from_slice(&answer.unwrap().payload).unwrap()
}

/// With all rights in an account.
pub(crate) async fn connect(
    url: &str,
    seed: &str,
) -> Result<async_nats::Client, async_nats::ConnectError> {
    let user = nkeys::KeyPair::new_user();
    let signer = nkeys::KeyPair::from_seed(seed).unwrap();
    let claims = json!({
        "name": "test",
        "sub": user.public_key(),
        "nats": {"subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2},
    });
    let token = vrsky_broker::jwt::sign(&claims, 1_700_000_000, &signer).unwrap();
    let credentials = format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    let options = ConnectOptions::with_credentials(&credentials).unwrap();
    options.connect(url).await
}
