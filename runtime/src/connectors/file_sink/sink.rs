use std::io;
use std::sync::{Arc, Mutex as BlockingMutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;
use vrsky_expression::Message;

use super::appender::Appender;
use super::config::Config;
use crate::connectors::{Blocked, Context, Outcome, location, parameters};

/// How long one delivery may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Appends lines to one file. Deliveries that come at the same time share one write and one sync.
#[derive(Debug)]
pub(in crate::connectors) struct Sink {
    /// As written in the Flow.
    path: String,
    waiting: Arc<BlockingMutex<Vec<Waiting>>>,
    appender: Arc<Mutex<Appender>>,
}

/// A line on its way to the disk.
#[derive(Debug)]
struct Waiting {
    line: Vec<u8>,
    done: oneshot::Sender<Result<(), String>>,
}

impl Sink {
    pub(in crate::connectors) fn open(
        with: &Value,
        context: &Context,
        path: &str,
    ) -> Result<Self, Blocked> {
        let config: Config = parameters("file", with, &format!("{path}.with"))?;
        let field = format!("{path}.with.path");
        let file = location::inside(&context.base, &config.path, &field)?;
        if file == context.base || config.path.ends_with('/') {
            return Err(Blocked::at(field, format!("{:?} is a folder", config.path)));
        }
        let appender = Appender::new(&context.base, file, config.max_bytes);
        Ok(Self {
            path: config.path,
            waiting: Arc::default(),
            appender: Arc::new(Mutex::new(appender)),
        })
    }

    pub(in crate::connectors) async fn deliver(&self, message: &Message) -> Outcome {
        let Ok(mut line) = serde_json::to_vec(&message.payload) else {
            return Outcome::reject("the message cannot be written as JSON");
        };
        line.push(b'\n');
        match timeout(PATIENCE, self.append(line)).await {
            Ok(Ok(())) => Outcome::Delivered,
            Ok(Err(reason)) => Outcome::retry(format!("{}: {reason}", self.path)),
            Err(_) => Outcome::retry(format!("{}: the disk takes too long", self.path)),
        }
    }

    /// Joins the lines that wait. Whoever gets the file first writes for all.
    async fn append(&self, line: Vec<u8>) -> Result<(), String> {
        let (done, mut result) = oneshot::channel();
        lock(&self.waiting).push(Waiting { line, done });
        let mut appender = tokio::select! {
            biased;
            result = &mut result => return result.unwrap_or_else(|_| Err(LOST.to_owned())),
            appender = self.appender.clone().lock_owned() => appender,
        };
        let waiting = self.waiting.clone();
        // Goes on to its end even if this delivery is given up: others wait for it.
        let task = tokio::task::spawn_blocking(move || {
            let waiting = std::mem::take(&mut *lock(&waiting));
            write(&mut appender, waiting);
        });
        task.await.map_err(|_| LOST.to_owned())?;
        result.await.unwrap_or_else(|_| Err(LOST.to_owned()))
    }
}

/// The text when the process is ending.
const LOST: &str = "writing was given up";

fn write(appender: &mut Appender, waiting: Vec<Waiting>) {
    let (lines, done): (Vec<_>, Vec<_>) = waiting
        .into_iter()
        .map(|waiting| (waiting.line, waiting.done))
        .unzip();
    let result = appender
        .append(&lines)
        .map_err(|error: io::Error| error.to_string());
    for done in done {
        // One that was given up does not listen any more.
        let _given_up = done.send(result.clone());
    }
}

fn lock(waiting: &BlockingMutex<Vec<Waiting>>) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
