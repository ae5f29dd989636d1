//! The plan as a tree for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;
use vrsky_compiler::{Compiled, codes};
use vrsky_plan::program::{Action, Condition, Output, Source, Stage, Target};
use vrsky_plan::tenant::{Stream, StreamRole};
use vrsky_plan::{EdgeName, Import, Program, Tenant, TenantName};

use crate::output::{BOLD, DIM};
use crate::safe;

/// A line with lines below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) text: String,
    pub(crate) children: Vec<Node>,
}

/// Outputs whose edges are not proved: `<namespace>/<name>` of the flow, and the field path.
type Unproven = BTreeSet<(String, String)>;

/// The whole plan, with styles. All text from manifests is made safe.
pub(crate) fn tree(compiled: &Compiled) -> String {
    let mut text = String::new();
    let unproven = unproven(compiled);
    for (name, tenant) in &compiled.plan.tenants {
        let node = tenant_node(name, tenant, &unproven);
        let _ = writeln!(text, "{}", node.text);
        draw(&node.children, "", &mut text);
    }
    text.truncate(text.trim_end().len());
    text
}

/// Draws lines below a line.
pub(crate) fn draw(nodes: &[Node], indent: &str, text: &mut String) {
    for (index, node) in nodes.iter().enumerate() {
        let is_last = index + 1 == nodes.len();
        let (branch, below) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let _ = writeln!(text, "{DIM}{indent}{branch}{DIM:#}{}", node.text);
        draw(&node.children, &format!("{indent}{below}"), text);
    }
}

fn unproven(compiled: &Compiled) -> Unproven {
    compiled
        .diagnostics
        .iter()
        .filter(|found| found.code == codes::UNPROVEN_EDGE)
        .filter_map(|found| {
            let flow = found.object.as_ref()?;
            let output = found.primary.path.strip_suffix(".topic")?;
            let flow = format!("{}/{}", flow.namespace, flow.name);
            Some((flow, output.to_owned()))
        })
        .collect()
}

fn leaf(text: String) -> Node {
    Node {
        text,
        children: Vec::new(),
    }
}

fn tenant_node(name: &TenantName, tenant: &Tenant, unproven: &Unproven) -> Node {
    let limits = &tenant.limits;
    let mut children = vec![leaf(format!(
        "account: {} on disk, {} streams, {} consumers, {} connections, messages up to {}",
        bytes(limits.disk_storage),
        limit(limits.streams),
        limit(limits.consumers),
        limit(limits.connections),
        bytes(limits.payload)
    ))];
    children.extend(tenant.streams.iter().map(stream_node));
    children.extend(tenant.imports.iter().map(import_node));
    let programs = tenant.programs.values();
    children.extend(programs.map(|program| program_node(program, unproven)));
    Node {
        text: format!("{BOLD}tenant {name}{BOLD:#} {DIM}({}){DIM:#}", tenant.id),
        children,
    }
}

fn stream_node(stream: &Stream) -> Node {
    let role = match stream.role {
        StreamRole::Transit => "messages in transit",
        StreamRole::DeadLetters => "dead letters",
        StreamRole::Shared => "what it shares",
    };
    leaf(format!(
        "stream {}: {role}, at most {} and {}, {} replica{}",
        stream.name,
        bytes(stream.max_bytes),
        seconds(stream.max_age_seconds),
        stream.replicas,
        if stream.replicas == 1 { "" } else { "s" }
    ))
}

fn import_node(import: &Import) -> Node {
    let expires = import
        .expires
        .as_ref()
        .map(|expires| format!(", until {}", safe::line(expires)))
        .unwrap_or_default();
    let revocation = match import.revocation {
        vrsky_plan::grant::Revocation::Drain => "drains on revocation",
        vrsky_plan::grant::Revocation::Cut => "is cut on revocation",
    };
    leaf(format!(
        "import {}/{} by grant {} for {}: {revocation}{expires}",
        import.owner,
        safe::line(&import.topic),
        safe::line(&import.grant),
        import.flow
    ))
}

fn program_node(program: &Program, unproven: &Unproven) -> Node {
    let suspended = if program.suspended { ", suspended" } else { "" };
    let scale = match program.partitions {
        1 => String::new(),
        partitions => format!(", {partitions} partitions, in no order among them"),
    };
    let mut children = vec![leaf(format!("from {}", source(program)))];
    children.extend(
        program
            .stages
            .iter()
            .map(|(edge, stage)| stage_node(edge, stage, program, unproven)),
    );
    Node {
        text: format!(
            "{BOLD}flow {}{BOLD:#} {DIM}({}{suspended}{scale}){DIM:#}",
            program.flow,
            program.hash.get(..8).unwrap_or(&program.hash)
        ),
        children,
    }
}

fn source(program: &Program) -> String {
    match &program.source {
        Source::Topic { topic } => format!("topic {}", safe::line(topic)),
        Source::Connector { builtin, with, .. } => {
            let builtin = safe::line(builtin);
            let with = with.value();
            let what = ["path", "cron", "folder", "every"]
                .iter()
                .find_map(|field| with.get(*field).and_then(Value::as_str))
                .map(safe::line);
            match what {
                Some(path) if builtin == "webhook" => format!("webhook /{}{path}", program.tenant),
                Some(what) => format!("{builtin} {what}"),
                None => builtin,
            }
        }
    }
}

fn stage_node(edge: &EdgeName, stage: &Stage, program: &Program, unproven: &Unproven) -> Node {
    let mut children: Vec<Node> = steps(&stage.steps);
    children.extend(
        stage
            .outputs
            .iter()
            .map(|(name, output)| output_node(name, output, program, unproven)),
    );
    if !stage.on_error.is_empty() {
        let edges: Vec<&str> = stage
            .on_error
            .iter()
            .map(|it| edge_of(it.as_str()))
            .collect();
        children.push(leaf(format!("on error: edge {}", edges.join(", "))));
    }
    let checked = if stage.input.check {
        ", each message checked against its contract"
    } else {
        ""
    };
    Node {
        text: format!("edge {edge}: durable, at least once{checked}"),
        children,
    }
}

fn steps(steps: &[vrsky_plan::program::Step]) -> Vec<Node> {
    steps
        .iter()
        .map(|step| {
            let (what, expression) = match &step.action {
                Action::Filter(expression) => ("filter", expression),
                Action::Map(expression) => ("map", expression),
            };
            leaf(format!(
                "{} {what} {DIM}{}{DIM:#}",
                safe::line(&step.name),
                short(&expression.source)
            ))
        })
        .collect()
}

fn output_node(name: &str, output: &Output, program: &Program, unproven: &Unproven) -> Node {
    let condition = match &output.condition {
        Condition::Always => String::new(),
        Condition::When(expression) => format!(" when {DIM}{}{DIM:#}", short(&expression.source)),
        Condition::Otherwise => " otherwise".to_owned(),
    };
    let target = match &output.target {
        Target::Edge(subject) => format!("edge {}", edge_of(subject.as_str())),
        Target::Topic { topic, publish, .. } => {
            let readers = match publish.len() {
                0 => "nobody reads it yet".to_owned(),
                1 => "1 reader, at least once".to_owned(),
                count => format!("{count} readers, at least once"),
            };
            let edge = (program.flow.to_string(), output.path.to_string());
            let proof = if unproven.contains(&edge) {
                "; not proved, each message checked against its contract"
            } else {
                ""
            };
            format!("topic {}: {readers}{proof}", safe::line(topic))
        }
        Target::Deliver {
            builtin,
            with,
            retries,
        } => {
            let with = with.value();
            let address = ["url", "path"]
                .iter()
                .find_map(|field| with.get(*field).and_then(Value::as_str))
                .map(|it| format!(" {}", safe::line(it)))
                .unwrap_or_default();
            format!(
                "{}{address}: at least once, {} attempts, then dead letter for {}",
                safe::line(builtin),
                retries.attempts,
                seconds(program.dead_letter_seconds)
            )
        }
    };
    Node {
        text: format!("{}{condition} → {target}", safe::line(name)),
        children: steps(&output.steps),
    }
}

/// The last token of `e.<flow>.<edge>`.
fn edge_of(subject: &str) -> &str {
    subject.rsplit('.').next().unwrap_or(subject)
}

/// The first line of an expression, at most 60 characters.
fn short(source: &str) -> String {
    let mut lines = source.trim().lines();
    let first = lines.next().unwrap_or_default();
    let shown: String = first.chars().take(60).collect();
    let more = shown.len() < first.len() || lines.next().is_some();
    format!("{}{}", safe::line(&shown), if more { " …" } else { "" })
}

fn limit(count: i64) -> String {
    if count < 0 {
        "unlimited".to_owned()
    } else {
        count.to_string()
    }
}

/// A number of bytes in the largest unit that divides it.
pub(crate) fn bytes(count: i64) -> String {
    const UNITS: [(i64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    if count < 0 {
        return "unlimited bytes".to_owned();
    }
    for (size, unit) in UNITS {
        if count >= size && count % size == 0 {
            return format!("{} {unit}", count / size);
        }
    }
    for (size, unit) in UNITS {
        if count >= size {
            return format!("{:.1} {unit}", count as f64 / size as f64);
        }
    }
    format!("{count} bytes")
}

/// A length of time in the largest unit that divides it.
pub(crate) fn seconds(count: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3_600, "h"), (60, "m")];
    for (size, unit) in UNITS {
        if count >= size && count.is_multiple_of(size) {
            return format!("{}{unit}", count / size);
        }
    }
    format!("{count}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(bytes(512 << 10), "512 KiB");
        assert_eq!(bytes((1 << 30) + (1 << 29)), "1536 MiB");
        assert_eq!(bytes(-1), "unlimited bytes");
        assert_eq!(seconds(604_800), "7d");
        assert_eq!(seconds(90), "90s");
    }

    #[test]
    fn the_tree_has_branches() {
        let nodes = [
            Node {
                text: "a".to_owned(),
                children: vec![leaf("b".to_owned())],
            },
            leaf("c".to_owned()),
        ];
        let mut text = String::new();
        draw(&nodes, "", &mut text);
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "├─ a\n│  └─ b\n└─ c\n"
        );
    }
}
