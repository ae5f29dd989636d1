//! `kubectl vrsky tap`: messages on their way through a flow, as the tenant's support sees them.

use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::{Event, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use vrsky_broker::transit::{self, Passing};
use vrsky_plan::{EdgeName, FlowId};

use super::support;
use crate::arguments;
use crate::cluster::{Cluster, Found, GROUP_VERSION, Kind, block_on, flow_name, words};
use crate::output::{DIM, Exit, Screen};
use crate::safe;

/// How long to wait where nothing lies at the moment. What is finished is removed ten times a second.
const AGAIN: Duration = Duration::from_millis(50);
/// Who writes the Event.
const COMPONENT: &str = "kubectl-vrsky";

pub(super) fn run(arguments: &arguments::Tap, screen: Screen) -> anyhow::Result<Exit> {
    block_on(tap(arguments, screen))?;
    Ok(Exit::Fine)
}

async fn tap(arguments: &arguments::Tap, screen: Screen) -> anyhow::Result<()> {
    let edge = arguments.edge.as_deref();
    if let Some(edge) = edge {
        EdgeName::new(edge)
            .context("an edge is named as `kubectl vrsky lag` does, such as `in`")?;
    }
    let cluster = Cluster::connect(&arguments.access).await?;
    let name = flow_name(&arguments.flow)?;
    let namespace = safe::line(&cluster.namespace);
    let flow = match cluster.get(Kind::Ours("flows"), name).await? {
        Found::There(flow) => flow,
        Found::Missing => anyhow::bail!("there is no flow {} in {namespace}", safe::line(name)),
        Found::Hidden => anyhow::bail!("you may not see flows in {namespace}"),
    };
    let id = FlowId::new(&cluster.namespace, name)?;
    note(&cluster, &flow, arguments).await?;
    let account = support::in_cluster(&cluster, None).await?;
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut from = 1;
    let mut shown = Vec::new();
    for _ in 0..arguments.count {
        let found = loop {
            let next = transit::next(&account.client, &account.id, &id, edge, from).await?;
            if next.is_some() || Instant::now() >= end {
                break next;
            }
            sleep(AGAIN).await;
        };
        let Some(passing) = found else { break };
        from = passing.sequence + 1;
        let payload = payload(&passing, arguments.reveal);
        if screen.is_document() {
            shown.push(document(&passing, &payload));
        } else {
            screen.say(&line(&passing, &payload));
            shown.push(Value::Null);
        }
    }
    if screen.is_document() {
        return screen.document(&shown);
    }
    if shown.is_empty() {
        screen.note(&format!(
            "nothing was seen in {} seconds",
            arguments.seconds
        ));
    } else if !arguments.reveal {
        screen.note(&format!(
            "{DIM}values are hidden; --reveal shows them{DIM:#}"
        ));
    }
    Ok(())
}

/// Leaves an Event on the flow that says who looks. Before anything is shown: without it nothing is.
async fn note(cluster: &Cluster, flow: &Value, arguments: &arguments::Tap) -> anyhow::Result<()> {
    let reviews: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let who = reviews
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await;
    let who =
        who.map_err(|error| anyhow::anyhow!("cannot find out who you are: {}", words(&error)))?;
    let user = who.status.and_then(|status| status.user_info?.username);
    let user = user.unwrap_or_else(|| "somebody".to_owned());
    let text = |field: &str| flow["metadata"][field].as_str().map(str::to_owned);
    let now = Timestamp::now();
    let event = Event {
        metadata: ObjectMeta {
            generate_name: text("name").map(|name| format!("{name}-tapped-")),
            namespace: text("namespace"),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some(GROUP_VERSION.to_owned()),
            kind: Some("Flow".to_owned()),
            name: text("name"),
            namespace: text("namespace"),
            uid: text("uid"),
            ..ObjectReference::default()
        },
        type_: Some("Normal".to_owned()),
        reason: Some("Tapped".to_owned()),
        action: Some("Tap".to_owned()),
        message: Some(format!(
            "{user} looks at up to {} messages of {}, {}",
            arguments.count,
            match &arguments.edge {
                Some(edge) => format!("the edge {edge}"),
                None => "all edges".to_owned(),
            },
            if arguments.reveal {
                "with their values"
            } else {
                "without their values"
            }
        )),
        reporting_component: Some(COMPONENT.to_owned()),
        reporting_instance: Some(COMPONENT.to_owned()),
        event_time: Some(MicroTime(now)),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        count: Some(1),
        ..Event::default()
    };
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let written = events.create(&PostParams::default(), &event).await;
    written.map(drop).map_err(|error| {
        anyhow::anyhow!(
            "nothing is shown without an Event that says so, and it cannot be written: {}; the role `edit` may",
            words(&error)
        )
    })
}

/// The payload as it is shown: JSON, or how long it is.
fn payload(passing: &Passing, reveal: bool) -> Value {
    match serde_json::from_slice::<Value>(&passing.payload) {
        Ok(payload) if reveal => payload,
        Ok(payload) => shape(payload),
        Err(_) if reveal => json!(String::from_utf8_lossy(&passing.payload)),
        Err(_) => json!(format!("{} bytes, no JSON", passing.payload.len())),
    }
}

/// Names and types without values. Elements of a list that look the same are shown once.
fn shape(value: Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => json!("boolean"),
        Value::Number(number) if number.is_f64() => json!("number"),
        Value::Number(_) => json!("integer"),
        Value::String(_) => json!("string"),
        Value::Array(items) => {
            let mut shapes: Vec<Value> = Vec::new();
            for shape in items.into_iter().map(shape) {
                if !shapes.contains(&shape) {
                    shapes.push(shape);
                }
            }
            Value::Array(shapes)
        }
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(fields.map(|(name, value)| (name, shape(value))).collect())
        }
    }
}

fn document(passing: &Passing, payload: &Value) -> Value {
    json!({
        "sequence": passing.sequence,
        "edge": passing.edge,
        "message": passing.message,
        "time": time(passing),
        "attempts": passing.attempts,
        "size": passing.payload.len(),
        "payload": payload,
    })
}

/// RFC 3339.
fn time(passing: &Passing) -> String {
    let at_ms = i64::try_from(passing.at_ms).unwrap_or_default();
    let time = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    format!("{time:.3}")
}

fn line(passing: &Passing, payload: &Value) -> String {
    let tries = match passing.attempts {
        0 => String::new(),
        tries => format!(", {tries} tries"),
    };
    format!(
        "{DIM}{} {}{tries}{DIM:#} {}  {}",
        time(passing),
        safe::line(&passing.edge),
        safe::line(&passing.message),
        safe::line(&payload.to_string())
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Passing, payload, shape};

    #[test]
    fn no_value_is_left_in_a_shape() {
        let order = json!({
            "id": "K-1", "total": 12.5, "count": 3, "paid": true, "note": null,
            "items": [{"sku": "a"}, {"sku": "b"}, {"sku": "c", "free": false}, 7],
        });
        let hidden = json!({
            "id": "string", "total": "number", "count": "integer", "paid": "boolean", "note": null,
            "items": [{"sku": "string"}, {"sku": "string", "free": "boolean"}, "integer"],
        });
        assert_eq!(shape(order), hidden);
    }

    #[test]
    fn what_is_no_json_shows_its_length_alone() {
        let passing = Passing {
            sequence: 1,
            edge: "in".to_owned(),
            message: "m".to_owned(),
            at_ms: 0,
            attempts: 0,
            payload: "secret".into(),
        };
        assert_eq!(payload(&passing, false), json!("6 bytes, no JSON"));
        assert_eq!(payload(&passing, true), json!("secret"));
    }
}
