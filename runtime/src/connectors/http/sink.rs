use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::{Client, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use vrsky_expression::Message;
use vrsky_types::Type;

use super::config::{Basic, Config, Key};
use super::request::{Parts, Template};
use crate::connectors::{Blocked, Context, Outcome, failure, parameters};
use crate::secrets::{SecretRef, Secrets};

/// How much of an answer is read, so that its connection can be used again.
const DISCARD: usize = 64 * 1024;
/// The longest pause that another side may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// Sends requests to one address.
#[derive(Debug)]
pub(in crate::connectors) struct Sink {
    client: Client,
    template: Template,
    credentials: Option<Credentials>,
    secrets: Secrets,
    namespace: String,
    timeout: Duration,
}

#[derive(Debug)]
enum Credentials {
    Bearer(SecretRef),
    Basic {
        username: String,
        password: SecretRef,
    },
}

impl Sink {
    /// Blocked while a secret is missing.
    pub(in crate::connectors) fn open(
        with: &Value,
        input: &Type,
        context: &Context,
        path: &str,
    ) -> Result<Self, Blocked> {
        let path = format!("{path}.with");
        let mut config: Config = parameters("http", with, &path)?;
        let timeout = config.timeout;
        let (field, credentials) = match (config.bearer.take(), config.basic.take()) {
            (Some(_), Some(_)) => {
                return Err(Blocked::at(path, "either bearer or basic, not both"));
            }
            (Some(Key { secret_ref }), None) => ("bearer", Some(Credentials::Bearer(secret_ref))),
            (None, Some(Basic { username, password })) => {
                let password = password.secret_ref;
                ("basic", Some(Credentials::Basic { username, password }))
            }
            (None, None) => ("", None),
        };
        let sink = Self {
            client: context.http.clone(),
            template: Template::open(config, input, &path)?,
            credentials,
            secrets: context.secrets.clone(),
            namespace: context.flow.namespace().to_owned(),
            timeout,
        };
        sink.authorization()
            .map_err(|reason| Blocked::secret(format!("{path}.{field}"), reason))?;
        Ok(sink)
    }

    pub(in crate::connectors) async fn deliver(&self, message: &mut Message, id: &str) -> Outcome {
        let parts = match self.template.parts(message) {
            Ok(parts) => parts,
            Err(reason) => return Outcome::reject(reason),
        };
        let authorization = match self.authorization() {
            Ok(authorization) => authorization,
            Err(reason) => return Outcome::retry(reason),
        };
        match timeout(self.timeout, self.send(parts, authorization, id)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::retry(format!("{}: no answer in {:?}", self.line(), self.timeout)),
        }
    }

    async fn send(&self, parts: Parts, authorization: Option<HeaderValue>, id: &str) -> Outcome {
        let Parts {
            url,
            mut headers,
            body,
        } = parts;
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        headers.insert("idempotency-key", idempotency_key(id));
        let request = self
            .client
            .request(self.template.method.clone(), url)
            .headers(headers)
            .body(body);
        match request.send().await {
            Ok(response) => {
                let (status, after) = (response.status(), retry_after(response.headers()));
                discard(response).await;
                self.outcome(status, after)
            }
            Err(error) => {
                let reason = failure::innermost(&error.without_url());
                Outcome::retry(format!("{}: {reason}", self.line()))
            }
        }
    }

    fn outcome(&self, status: StatusCode, after: Option<Duration>) -> Outcome {
        let reason = format!("{} answered {}", self.line(), status.as_u16());
        match status.as_u16() {
            200..=299 => Outcome::Delivered,
            408 | 425 | 429 | 500..=599 => Outcome::Retry { reason, after },
            300..=399 => Outcome::reject(format!("{reason}; redirects are not followed")),
            _ => Outcome::reject(reason),
        }
    }

    /// `POST https://erp.acme.example`: no path and no query, they may hold the payload's values.
    fn line(&self) -> String {
        format!("{} {}", self.template.method, self.template.origin())
    }

    /// Read for every request: the secret may have changed.
    fn authorization(&self) -> Result<Option<HeaderValue>, String> {
        let Some(credentials) = &self.credentials else {
            return Ok(None);
        };
        let (Credentials::Bearer(reference)
        | Credentials::Basic {
            password: reference,
            ..
        }) = credentials;
        let secret = self
            .secrets
            .read(&self.namespace, reference)
            .map_err(|error| error.to_string())?;
        let text = match credentials {
            Credentials::Bearer(_) => format!("Bearer {}", secret.expose()),
            Credentials::Basic { username, .. } => {
                let pair = format!("{username}:{}", secret.expose());
                format!("Basic {}", STANDARD.encode(pair))
            }
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            format!(
                "the key {} of the secret {} cannot be sent",
                reference.key, reference.name
            )
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// The message's id; its hash if it has characters that no header takes.
fn idempotency_key(id: &str) -> HeaderValue {
    HeaderValue::from_str(id).unwrap_or_else(|_| {
        let hash = Sha256::digest(id.as_bytes());
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash);
        HeaderValue::from_str(&text).expect("base64 is printable ASCII")
    })
}

/// The pause that the answer asks for: in seconds, or as a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let date = rfc2822::parse(text).ok()?.timestamp();
        Duration::try_from(date.duration_since(Timestamp::now())).unwrap_or_default()
    };
    Some(pause.min(LONGEST_PAUSE))
}

/// Reads what is left of an answer, within bounds. The status has decided already.
async fn discard(mut response: Response) {
    let mut left = DISCARD;
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                return;
            }
        }
    };
    let _given_up = timeout(Duration::from_secs(1), reading).await;
}
