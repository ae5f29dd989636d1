//! Between the operator and a nats-server: passes everything on, and knows a write when it sees one.
//!
//! The protocol's frames are lines, and payloads of a length that the line tells (docs.nats.io,
//! "Client protocol"). A write is cut before its frame, or when its answer has come.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::gate::{Gate, Pass};

/// The way to a server. It listens at the same address, whoever the server is and whoever comes.
pub(crate) struct Wire {
    url: String,
    to: Arc<Mutex<(u16, Arc<Gate>)>>,
    task: tokio::task::JoinHandle<()>,
}

impl Wire {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let to: Arc<Mutex<(u16, Arc<Gate>)>> = Arc::default();
        let known = Arc::clone(&to);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (port, gate) = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
                tokio::spawn(join(client, port, gate));
            }
        });
        Self { url, to, task }
    }

    /// Where the operator connects.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Who comes from now on, and to where.
    pub(crate) fn lead(&self, port: u16, gate: &Arc<Gate>) {
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = (port, Arc::clone(gate));
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn join(client: TcpStream, port: u16, gate: Arc<Gate>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    // The operator's requests are small and each waits for its answer.
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let last: Arc<Mutex<Option<String>>> = Arc::default();
    tokio::select! {
        () = there(from_client, to_server, &gate, &last) => {}
        () = back(from_server, to_client, &gate, &last) => {}
    }
}

/// From the operator. Ends when it is dead, and what is under way with it.
async fn there(
    from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    gate: &Gate,
    last: &Mutex<Option<String>>,
) {
    let mut frames = Frames::new(from);
    while let Some(frame) = frames.next().await {
        let pass = match frame.write() {
            Some(what) => gate.enter(&what),
            None => gate.read(),
        };
        if pass == Pass::Dead {
            // The answer to a last write may still be on its way.
            std::future::pending::<()>().await;
        }
        if pass == Pass::Last {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = frame.reply();
        }
        if to.write_all(&frame.bytes).await.is_err() {
            return;
        }
    }
}

/// From the server.
async fn back(
    from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    gate: &Gate,
    last: &Mutex<Option<String>>,
) {
    let mut frames = Frames::new(from);
    while let Some(frame) = frames.next().await {
        let awaited = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if awaited.is_some() && awaited == frame.arrives() {
            gate.die();
        }
        if gate.read() == Pass::Dead {
            continue;
        }
        if to.write_all(&frame.bytes).await.is_err() {
            return;
        }
    }
}

/// One frame.
struct Frame {
    words: Vec<String>,
    bytes: Vec<u8>,
}

impl Frame {
    fn verb(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// What it writes, if it writes anything.
    fn write(&self) -> Option<String> {
        if !matches!(self.verb(), "PUB" | "HPUB") {
            return None;
        }
        let subject = self.words.get(1)?;
        let words: Vec<&str> = subject.split('.').collect();
        let is_write = match words.as_slice() {
            // The operator reads these two by consumers of the moment.
            ["$JS", "API", "CONSUMER", _, "KV_programs" | "REPORTS", ..] => false,
            ["$JS", "API", "STREAM" | "CONSUMER", verb, ..] => {
                matches!(*verb, "CREATE" | "UPDATE" | "DELETE" | "PURGE")
            }
            ["$SYS", "REQ", "CLAIMS", "UPDATE"] | ["$KV", ..] => true,
            _ => false,
        };
        is_write.then(|| subject.clone())
    }

    /// Where the answer goes.
    fn reply(&self) -> Option<String> {
        let numbers = if self.verb() == "HPUB" { 2 } else { 1 };
        (self.words.len() == numbers + 3).then(|| self.words[2].clone())
    }

    /// The subject of what arrives.
    fn arrives(&self) -> Option<String> {
        let is_message = matches!(self.verb(), "MSG" | "HMSG");
        is_message.then(|| self.words.get(1).cloned()).flatten()
    }
}

/// Takes a stream of bytes apart.
struct Frames {
    from: OwnedReadHalf,
    bytes: Vec<u8>,
}

impl Frames {
    fn new(from: OwnedReadHalf) -> Self {
        let bytes = Vec::new();
        Self { from, bytes }
    }

    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.whole() {
                return Some(frame);
            }
            match self.from.read_buf(&mut self.bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    fn whole(&mut self) -> Option<Frame> {
        let end = self.bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
        let line = String::from_utf8_lossy(&self.bytes[..end - 2]).into_owned();
        let words: Vec<String> = line.split_ascii_whitespace().map(str::to_owned).collect();
        let has_payload = words
            .first()
            .is_some_and(|verb| matches!(verb.as_str(), "PUB" | "HPUB" | "MSG" | "HMSG"));
        let payload = words.last().filter(|_| has_payload);
        let length = payload.map_or(0, |it| it.parse::<usize>().unwrap() + 2);
        (self.bytes.len() >= end + length).then(|| Frame {
            words,
            bytes: self.bytes.drain(..end + length).collect(),
        })
    }
}
