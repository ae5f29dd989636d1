//! Between the operator and a nats-server: passes everything on, and knows a write when it sees one.
//!
//! The protocol's frames are lines, and payloads of a length that the line tells (docs.nats.io,
//! "Client protocol"). A write is cut before its frame, or when its answer has come. One that fails is
//! answered as the server does where nobody listens.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::gate::{Gate, Pass};
use crate::lock;

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
                let (port, gate) = lock(&known).clone();
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
        *lock(&self.to) = (port, Arc::clone(gate));
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
    let client = Client {
        to: tokio::sync::Mutex::new(to_client),
        inboxes: Mutex::default(),
        last: Mutex::default(),
    };
    tokio::select! {
        () = there(from_client, to_server, &gate, &client) => {}
        () = back(from_server, &gate, &client) => {}
    }
}

/// The operator's side of a connection.
struct Client {
    to: tokio::sync::Mutex<OwnedWriteHalf>,
    /// Where it takes answers: the subjects, and the subscription.
    inboxes: Mutex<Vec<(String, String)>>,
    /// Where the answer goes that is not to arrive, and what becomes of whoever waits for it.
    last: Mutex<Option<(String, Pass)>>,
}

impl Client {
    async fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        self.to.lock().await.write_all(bytes).await
    }

    /// "No responders": status 503 in a header, and nothing else.
    async fn fail(&self, reply: &str) {
        let takes = |subject: &str| match subject.strip_suffix('*') {
            Some(prefix) => reply.starts_with(prefix),
            None => reply == subject,
        };
        let known = lock(&self.inboxes)
            .iter()
            .find(|(it, _)| takes(it))
            .cloned();
        let (_, subscription) = known.unwrap();
        let header = "NATS/1.0 503\r\n\r\n";
        let length = header.len();
        let frame = format!("HMSG {reply} {subscription} {length} {length}\r\n{header}\r\n");
        let _it_may_be_gone = self.write(frame.as_bytes()).await;
    }
}

/// From the operator. Ends when it is dead, and what is under way with it.
async fn there(from: OwnedReadHalf, mut to: OwnedWriteHalf, gate: &Gate, client: &Client) {
    let mut frames = Frames::new(from);
    while let Some(frame) = frames.next().await {
        lock(&client.inboxes).extend(frame.subscribes());
        let pass = match frame.write() {
            Some(what) => gate.enter(&what),
            None => gate.read(),
        };
        match pass {
            Pass::Go => {}
            // The answer to a last write may still be on its way.
            Pass::Dead => std::future::pending::<()>().await,
            Pass::Failed => {
                client.fail(&frame.reply().unwrap()).await;
                continue;
            }
            Pass::Last | Pass::Unsaid => {
                *lock(&client.last) = frame.reply().map(|reply| (reply, pass));
            }
        }
        if to.write_all(&frame.bytes).await.is_err() {
            return;
        }
    }
}

/// From the server.
async fn back(from: OwnedReadHalf, gate: &Gate, client: &Client) {
    let mut frames = Frames::new(from);
    while let Some(frame) = frames.next().await {
        let arrives = frame.arrives();
        let last = lock(&client.last).take_if(|(reply, _)| arrives.as_ref() == Some(reply));
        match last {
            Some((reply, Pass::Unsaid)) => {
                client.fail(&reply).await;
                continue;
            }
            Some(_) => gate.die(),
            None => {}
        }
        if gate.read() == Pass::Dead {
            continue;
        }
        if client.write(&frame.bytes).await.is_err() {
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

    /// What is subscribed to, as [`Client::inboxes`] has it.
    fn subscribes(&self) -> Option<(String, String)> {
        let subject = self.words.get(1).filter(|_| self.verb() == "SUB")?;
        Some((subject.clone(), self.words.last()?.clone()))
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
