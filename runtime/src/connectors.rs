//! The builtin connectors: what a flow takes in with and delivers with.
//!
//! The engine opens a [`Source`] or [`Sink`] from the program's parameters, shares it, and drops it
//! when the program changes. Each connector lives in its own folder: `config.rs` has the parameters
//! as written in the Flow, `source.rs` or `sink.rs` does the work.

mod duration;
mod failure;
mod file_sink;
mod file_source;
#[cfg(test)]
mod fixture;
mod generate;
mod http;
mod inlet;
mod location;
mod log;
mod records;
mod schedule;
mod webhook;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use vrsky_expression::Message;
use vrsky_plan::program::Decode;
use vrsky_plan::report::Cause;
use vrsky_plan::{FlowId, TenantName};
use vrsky_types::Type;

pub use self::http::client::client as http_client;
pub use self::webhook::listener::Listener;
use crate::intake::Intake;
use crate::secrets::Secrets;

/// What a flow's connectors share with the rest of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Context {
    /// The tenant: the first segment of its webhooks' paths.
    pub tenant: TenantName,
    /// The flow.
    pub flow: FlowId,
    /// The project folder: `file` paths are relative to it and stay inside it.
    pub base: PathBuf,
    /// The secrets of the flow's tenant.
    pub secrets: Secrets,
    /// The process's HTTP client, from [`http_client`].
    pub http: reqwest::Client,
    /// The process's webhook listener.
    pub listener: Listener,
    /// The largest payload in bytes.
    pub max_payload: usize,
}

/// A flow that cannot run as things are: a missing secret, a port in use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Blocked {
    /// One sentence, without secrets.
    pub reason: String,
    /// The field path in the Flow, such as `spec.source.with.verify`.
    pub path: Option<String>,
    /// What kind of thing is in the way.
    pub cause: Cause,
}

/// What became of one attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has acknowledged.
    Delivered,
    /// It may work later.
    Retry {
        /// One line, without payload and secrets.
        reason: String,
        /// The pause that the other side asked for.
        after: Option<Duration>,
    },
    /// It will never work.
    Reject {
        /// One line, without payload and secrets.
        reason: String,
    },
}

/// A source that is ready to run. Dropping it gives its webhook path back.
#[derive(Debug)]
pub struct Source(AnySource);

#[derive(Debug)]
enum AnySource {
    Webhook(webhook::Source),
    Schedule(Box<schedule::Source>),
    Generate(generate::Source),
    File(file_source::Source),
}

/// A sink that is ready to deliver. Shared by concurrent deliveries.
#[derive(Debug)]
pub struct Sink(AnySink);

#[derive(Debug)]
enum AnySink {
    Http(Box<http::Sink>),
    File(file_sink::Sink),
    Log(log::Sink),
}

impl Source {
    /// Reads the parameters. A webhook's path is served from here on, with 503 while [`Source::run`]
    /// is not running: keep the source open while its flow is suspended or blocked.
    pub fn open(
        builtin: &str,
        with: &Value,
        decode: Decode,
        context: &Context,
    ) -> Result<Self, Blocked> {
        let source = match builtin {
            "webhook" => AnySource::Webhook(webhook::Source::open(with, decode, context)?),
            "schedule" => AnySource::Schedule(Box::new(schedule::Source::open(with)?)),
            "generate" => AnySource::Generate(generate::Source::open(with)?),
            "file" => AnySource::File(file_source::Source::open(with, decode, context)?),
            _ => return Err(unknown("source", builtin, "spec.source.connector")),
        };
        Ok(Self(source))
    }

    /// True for sources of which only one may run at a time: the engine holds a lease.
    pub fn singleton(&self) -> bool {
        !matches!(self.0, AnySource::Webhook(_))
    }

    /// Where a webhook is reached, such as `http://127.0.0.1:8080/acme/shop`.
    pub fn url(&self) -> Option<String> {
        match &self.0 {
            AnySource::Webhook(source) => Some(source.url()),
            _ => None,
        }
    }

    /// Runs until `stop`; returns when what was under way is stored, after a few seconds at most. A
    /// source that has nothing more to do (`generate` with a count) waits for `stop` too. Blocked:
    /// run it again later, a secret or folder may have come.
    pub async fn run(&self, intake: Intake, stop: CancellationToken) -> Result<(), Blocked> {
        let inlet = inlet::Inlet::Flow(intake);
        match &self.0 {
            AnySource::Webhook(source) => source.run(inlet, stop).await,
            AnySource::Schedule(source) => source.run(inlet, stop).await,
            AnySource::Generate(source) => source.run(inlet, stop).await,
            AnySource::File(source) => source.run(inlet, stop).await,
        }
    }
}

impl Sink {
    /// Reads the parameters and compiles their expressions against `input`, what arrives at the sink.
    /// `path` is the sink's field path, such as `spec.sinks.erp`.
    pub fn open(
        builtin: &str,
        with: &Value,
        input: &Type,
        context: &Context,
        path: &str,
    ) -> Result<Self, Blocked> {
        let sink = match builtin {
            "http" => AnySink::Http(Box::new(http::Sink::open(with, input, context, path)?)),
            "file" => AnySink::File(file_sink::Sink::open(with, context, path)?),
            "log" => AnySink::Log(log::Sink::open(with, context, path)?),
            _ => return Err(unknown("sink", builtin, &format!("{path}.connector"))),
        };
        Ok(Self(sink))
    }

    /// One attempt. `id` is the message's id (idempotency key). Bounded in time by the sink itself.
    pub async fn deliver(&self, message: &mut Message, id: &str) -> Outcome {
        match &self.0 {
            AnySink::Http(sink) => sink.deliver(message, id).await,
            AnySink::File(sink) => sink.deliver(message).await,
            AnySink::Log(sink) => sink.deliver(message, id).await,
        }
    }
}

impl Blocked {
    fn at(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            path: Some(path.into()),
            cause: Cause::Other,
        }
    }

    /// A secret that is missing, or of no use.
    fn secret(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            cause: Cause::SecretNotFound,
            ..Self::at(path, reason)
        }
    }
}

impl Outcome {
    fn retry(reason: impl Into<String>) -> Self {
        Self::Retry {
            reason: reason.into(),
            after: None,
        }
    }

    fn reject(reason: impl Into<String>) -> Self {
        Self::Reject {
            reason: reason.into(),
        }
    }
}

/// Reads a connector's parameters. They were proved by the compiler: a difference means that the
/// runtime is older or newer than the compiler.
fn parameters<T: serde::de::DeserializeOwned>(
    builtin: &str,
    with: &Value,
    path: &str,
) -> Result<T, Blocked> {
    T::deserialize(with).map_err(|error| {
        Blocked::at(
            path,
            format!("this runtime does not know these parameters of `{builtin}`: {error}"),
        )
    })
}

fn unknown(what: &str, builtin: &str, path: &str) -> Blocked {
    Blocked::at(
        path,
        format!("this runtime has no {what} named `{builtin}`"),
    )
}
