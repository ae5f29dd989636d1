use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use vrsky_expression::Message;

use super::config::{Config, Level};
use crate::connectors::{Blocked, Context, Outcome, parameters};

/// How long one line may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Prints one line a message.
#[derive(Debug)]
pub(in crate::connectors) struct Sink {
    level: Level,
    flow: String,
    name: String,
    fields: Vec<String>,
}

/// The line. The payload is not in it, save the fields that the Flow names.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: Level,
    flow: &'a str,
    sink: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<&'a str, Value>,
}

impl Sink {
    pub(in crate::connectors) fn open(
        with: &Value,
        context: &Context,
        path: &str,
    ) -> Result<Self, Blocked> {
        let config: Config = parameters("log", with, &format!("{path}.with"))?;
        Ok(Self {
            level: config.level,
            flow: context.flow.to_string(),
            name: path.rsplit('.').next().unwrap_or(path).to_owned(),
            fields: config.fields,
        })
    }

    pub(in crate::connectors) async fn deliver(&self, message: &Message, id: &str) -> Outcome {
        let mut line = self.line(message, id);
        line.push('\n');
        // Whoever reads the output may be slow: that must hold up no other flow.
        let writing = spawn_blocking(move || {
            let mut output = io::stdout().lock();
            output.write_all(line.as_bytes())?;
            output.flush()
        });
        match timeout(PATIENCE, writing).await {
            Ok(Ok(Ok(()))) => Outcome::Delivered,
            Ok(Ok(Err(error))) => Outcome::retry(format!("standard output: {error}")),
            Ok(Err(_)) => Outcome::retry("the process is ending"),
            Err(_) => Outcome::retry("nobody reads standard output"),
        }
    }

    pub(super) fn line(&self, message: &Message, id: &str) -> String {
        let payload = message.payload.as_object();
        let mut fields = BTreeMap::new();
        for name in &self.fields {
            if let Some(value) = payload.and_then(|payload| payload.get(name.as_str())) {
                fields.insert(
                    name.as_str(),
                    serde_json::to_value(value).unwrap_or_default(),
                );
            }
        }
        let line = Line {
            time: Timestamp::now().to_string(),
            level: self.level,
            flow: &self.flow,
            sink: &self.name,
            message: id,
            fields,
        };
        printable(&serde_json::to_string(&line).unwrap_or_default())
    }
}

/// JSON escapes only the older control characters; a terminal obeys some others, and text that changes
/// direction can hide what it says.
fn printable(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                write!(safe, "\\u{:04x}", u32::from(char))
                    .expect("a string takes all that is written");
            }
            _ => safe.push(char),
        }
    }
    safe
}
