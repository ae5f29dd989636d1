//! The servers' store of accounts: look up, push, read back.

use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use futures_util::StreamExt;
use nkeys::KeyPair;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use crate::keys::now_seconds;
use crate::{Error, Seed, jwt};

/// How long the servers may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Reads and writes accounts, as the system account.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    system: Client,
    operator: Seed,
}

impl Resolver {
    pub(crate) fn new(system: Client, operator: Seed) -> Self {
        Self { system, operator }
    }

    /// The claims that the servers hold for an account; `None` if they know none.
    pub(crate) async fn look_up(&self, account: &str) -> Result<Option<Value>, Error> {
        let subject = format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP");
        let doing = || format!("looking up account {account}");
        let answer = timeout(ANSWER, self.system.request(subject, Bytes::new()))
            .await
            .map_err(|error| Error::no_answer(doing(), error))?
            .map_err(|error| Error::no_answer(doing(), error))?;
        Ok(std::str::from_utf8(&answer.payload)
            .ok()
            .and_then(jwt::claims))
    }

    /// Makes the servers hold `wanted`; true if that needed a push. `held` is what they hold now.
    /// Returns only after every server has taken it and it reads back as written.
    pub(crate) async fn make(&self, wanted: &Value, held: Option<&Value>) -> Result<bool, Error> {
        if held.is_some_and(|held| jwt::same(held, wanted)) {
            return Ok(false);
        }
        // Servers take an older token for newer when it is pushed, but not when they gossip.
        let issued_at = now_seconds().max(held.map_or(0, |held| jwt::issued_at(held) + 1));
        let pair: KeyPair = self.operator.pair()?;
        let token = jwt::sign(wanted, issued_at, &pair)?;
        let account = wanted["sub"].as_str().unwrap_or_default();
        self.push(account, token).await?;
        match self.look_up(account).await? {
            Some(held) if jwt::same(&held, wanted) => Ok(true),
            _ => Err(Error::NotVerified {
                what: format!("account {account}"),
            }),
        }
    }

    /// One answer per server, all of them good.
    async fn push(&self, account: &str, token: String) -> Result<(), Error> {
        let doing = || format!("pushing account {account}");
        let servers = self.servers().await?;
        let inbox = self.system.new_inbox();
        let mut answers = self
            .system
            .subscribe(inbox.clone())
            .await
            .map_err(|error| Error::no_answer(doing(), error))?;
        self.system
            .publish_with_reply("$SYS.REQ.CLAIMS.UPDATE", inbox, token.into())
            .await
            .map_err(|error| Error::no_answer(doing(), error))?;
        let deadline = Instant::now() + ANSWER;
        for _ in 0..servers {
            let answer = timeout_at(deadline, answers.next())
                .await
                .map_err(|error| Error::no_answer(doing(), error))?
                .ok_or_else(|| Error::no_answer(doing(), "the connection closed"))?;
            let answer: Value =
                serde_json::from_slice(&answer.payload).map_err(|source| Error::Unreadable {
                    what: "the answer to a push".to_owned(),
                    source,
                })?;
            if answer["data"]["code"] != 200 {
                return Err(Error::Refused {
                    doing: doing(),
                    code: answer["error"]["code"].as_u64().unwrap_or(0),
                    text: answer["error"]["description"]
                        .as_str()
                        .unwrap_or("no reason given")
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    /// How many servers there are, by the word of one of them.
    pub(crate) async fn servers(&self) -> Result<u64, Error> {
        let doing = "counting servers";
        let request = self.system.request("$SYS.REQ.SERVER.PING", Bytes::new());
        let answer = timeout(ANSWER, request)
            .await
            .map_err(|error| Error::no_answer(doing, error))?
            .map_err(|error| Error::no_answer(doing, error))?;
        let answer: Value =
            serde_json::from_slice(&answer.payload).map_err(|source| Error::Unreadable {
                what: "the answer to a ping".to_owned(),
                source,
            })?;
        Ok(answer["statsz"]["active_servers"]
            .as_u64()
            .unwrap_or(1)
            .max(1))
    }
}
