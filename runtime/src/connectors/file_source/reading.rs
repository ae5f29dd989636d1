//! One file: its identity, its messages, and their way into the flow.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use vrsky_plan::program::Decode;

use super::found::Stamp;
use crate::connectors::inlet::Inlet;
use crate::connectors::records::{Record, Records};
use crate::intake::Refused;

/// How many messages wait for their acknowledgement at a time.
const IN_FLIGHT: usize = 256;
/// The pause before a refused message is offered again.
const PAUSE: Duration = Duration::from_millis(250);

/// A file that is being taken in.
#[derive(Debug)]
pub(super) struct Reading {
    /// What the ids of its messages begin with.
    pub id: String,
    /// Its name.
    pub name: String,
    pub decode: Decode,
    /// The largest payload in bytes.
    pub limit: usize,
}

/// How far it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Messages that are stored or refused for good, from the first on.
    pub messages: usize,
    /// Whether the file's end was reached.
    pub whole: bool,
}

/// The identity of a file: a hash over its name, its time and its content. The same file gives the same
/// ids after a crash; a file that is put there again later gives others. Reads the file once.
pub(super) fn identity(name: &OsStr, stamp: &Stamp, file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    hash.update(name.as_encoded_bytes());
    let (seconds, nanoseconds) = stamp.modified();
    hash.update(format!("/{seconds}.{nanoseconds}/"));
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    file.rewind()?;
    let mut id = String::from("file-");
    for byte in &hash.finalize()[..16] {
        write!(id, "{byte:02x}").expect("a string takes all that is written");
    }
    Ok(id)
}

impl Reading {
    /// Stores the file's messages but the first `skip`. After `stop`, only what is under way is stored.
    pub(super) async fn take_in(
        &self,
        file: File,
        skip: usize,
        inlet: &Inlet,
        stop: &CancellationToken,
    ) -> io::Result<Taken> {
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        let (decode, limit) = (self.decode, self.limit);
        let reader = tokio::task::spawn_blocking(move || read(decode, file, limit, skip, &sender));
        let records = stream::unfold(receiver, |mut receiver| async {
            let record: Record = receiver.recv().await?;
            Some((record, receiver))
        });
        let mut messages = skip;
        let mut complete = true;
        // The stream ends here: a reader that waits for room sees it, and ends too.
        records
            .take_until(stop.cancelled())
            .map(|record| self.store(record, inlet, stop))
            .buffered(IN_FLIGHT)
            .for_each(|taken| {
                complete &= taken;
                messages += usize::from(complete);
                std::future::ready(())
            })
            .await;
        let whole = reader.await.map_err(io::Error::other)?? && complete;
        Ok(Taken { messages, whole })
    }

    /// Offers one message until it is taken. False: it was not when `stop` came.
    async fn store(&self, record: Record, inlet: &Inlet, stop: &CancellationToken) -> bool {
        let Some(payload) = record.payload else {
            let (name, line, limit) = (&self.name, record.line, self.limit);
            inlet.refused(&format!("{name}, line {line}: more than {limit} bytes"));
            return true;
        };
        let id = format!("{}-{}", self.id, record.line);
        let metadata = self.metadata(&id, record.line);
        loop {
            match inlet.store(&id, &metadata, payload.clone()).await {
                Ok(()) => return true,
                Err(refused @ Refused::TooLarge { .. }) => {
                    inlet.refused(&format!("{}, line {}: {refused}", self.name, record.line));
                    return true;
                }
                Err(Refused::Full | Refused::Unavailable) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = sleep(PAUSE) => {}
            }
        }
    }

    fn metadata(&self, id: &str, line: u64) -> Value {
        let time = Timestamp::now().to_string();
        match self.decode {
            Decode::Json => json!({"id": id, "time": time, "file": self.name}),
            Decode::Ndjson | Decode::Csv => {
                json!({"id": id, "time": time, "file": self.name, "line": line})
            }
        }
    }
}

/// Reads on a thread of its own, no further ahead than the channel is long. True: to the file's end.
fn read(
    decode: Decode,
    file: File,
    limit: usize,
    skip: usize,
    sender: &mpsc::Sender<Record>,
) -> io::Result<bool> {
    for record in Records::new(decode, file, limit).skip(skip) {
        if sender.blocking_send(record?).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}
