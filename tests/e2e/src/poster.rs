//! A webhook's caller: open loop, concurrent, insists until it is told 202.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How to post.
#[derive(Clone, Debug)]
pub struct Poster {
    /// The webhook's address.
    pub url: String,
    /// Posts started per second, whatever becomes of the earlier ones; 0 is as fast as it goes.
    pub rate: u32,
    /// Posts under way at the same time, at most.
    pub concurrency: usize,
    /// How long to insist on one post.
    pub patience: Duration,
}

/// One post.
#[derive(Clone, Debug)]
pub struct Post {
    /// By what the ledger knows it.
    pub id: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// What became of the posts.
#[derive(Debug, Default)]
pub struct Posted {
    /// Answered with 202.
    pub accepted: Vec<String>,
    /// Refused for good (another 4xx), with the status.
    pub refused: BTreeMap<String, u16>,
    /// Not answered with 202 for as long as patience lasted.
    pub given_up: Vec<String>,
    /// Attempts that were not answered with 202: each was made again, and may have been stored.
    pub repeated: u64,
}

enum Fate {
    Accepted,
    Refused(u16),
    GivenUp,
}

impl Poster {
    /// As fast as it goes, 32 at a time, insisting for a minute.
    pub fn to(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            rate: 0,
            concurrency: 32,
            patience: Duration::from_mins(1),
        }
    }

    /// The same, with a rate.
    pub fn at_rate(mut self, rate: u32) -> Self {
        self.rate = rate;
        self
    }

    /// Posts everything.
    pub async fn post(&self, posts: impl IntoIterator<Item = Post>) -> anyhow::Result<Posted> {
        let client = client()?;
        let gate = Arc::new(Semaphore::new(self.concurrency));
        let start = Instant::now();
        let mut running = JoinSet::new();
        let mut posted = Posted::default();
        for (index, post) in posts.into_iter().enumerate() {
            if self.rate > 0 {
                let due = Duration::from_secs_f64(index as f64 / f64::from(self.rate));
                tokio::time::sleep_until((start + due).into()).await;
            }
            let permit = Arc::clone(&gate).acquire_owned().await?;
            let (client, url, patience) = (client.clone(), self.url.clone(), self.patience);
            running.spawn(async move {
                let _permit = permit;
                let (fate, repeated) = insist(&client, &url, &post, patience).await;
                (post.id, fate, repeated)
            });
            while let Some(done) = running.try_join_next() {
                posted.record(done?);
            }
        }
        while let Some(done) = running.join_next().await {
            posted.record(done?);
        }
        Ok(posted)
    }

    /// One post, one answer: its status code.
    pub async fn once(&self, post: &Post) -> anyhow::Result<u16> {
        Ok(send(&client()?, &self.url, post).await?)
    }
}

impl Post {
    /// A JSON body.
    pub fn json(id: impl Into<String>, body: &serde_json::Value) -> Self {
        Self {
            id: id.into(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Bytes::from(body.to_string()),
        }
    }
}

impl Posted {
    fn record(&mut self, (id, fate, repeated): (String, Fate, u64)) {
        self.repeated += repeated;
        match fate {
            Fate::Accepted => self.accepted.push(id),
            Fate::Refused(status) => {
                self.refused.insert(id, status);
            }
            Fate::GivenUp => self.given_up.push(id),
        }
    }
}

async fn insist(
    client: &reqwest::Client,
    url: &str,
    post: &Post,
    patience: Duration,
) -> (Fate, u64) {
    let end = Instant::now() + patience;
    let mut repeated = 0;
    loop {
        match send(client, url, post).await {
            Ok(202) => return (Fate::Accepted, repeated),
            Ok(status) if (400..500).contains(&status) && status != 429 && status != 404 => {
                return (Fate::Refused(status), repeated);
            }
            // 404 is what a runtime says that has just started and does not know the flow yet.
            Ok(_) | Err(_) => repeated += 1,
        }
        if Instant::now() >= end {
            return (Fate::GivenUp, repeated);
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

async fn send(client: &reqwest::Client, url: &str, post: &Post) -> Result<u16, reqwest::Error> {
    let mut request = client.post(url).body(post.body.clone());
    for (name, value) in &post.headers {
        request = request.header(name, value);
    }
    Ok(request.send().await?.status().as_u16())
}

fn client() -> anyhow::Result<reqwest::Client> {
    // The first caller installs it; that it is there already is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()?)
}
