use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;
use vrsky_plan::program::Decode;

use super::Fixture;
use crate::connectors::fixture;
use crate::connectors::webhook::config::Verify;
use crate::connectors::webhook::{Source, signature};

fn verify(kind: &str) -> Verify {
    serde_json::from_value(json!({kind: {"secretRef": {"name": "shop", "key": "signing"}}}))
        .unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

/// From <https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries>.
const GITHUB_SECRET: &str = "It's a Secret to Everybody";
const GITHUB_SIGNATURE: &str =
    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

#[test]
fn the_example_of_github_is_accepted() {
    let check = |secrets: &str, signature: &str, body: &[u8]| {
        let headers = headers(&[("x-hub-signature-256", signature)]);
        signature::check(&verify("github"), secrets, &headers, body, 0)
    };
    let body = b"Hello, World!";
    assert_eq!(check(GITHUB_SECRET, GITHUB_SIGNATURE, body), Ok(()));
    assert_eq!(
        check(&format!("new\n{GITHUB_SECRET}"), GITHUB_SIGNATURE, body),
        Ok(())
    );
    let mismatch = Err("the signature does not match");
    assert_eq!(
        check(GITHUB_SECRET, GITHUB_SIGNATURE, b"Hello, World?"),
        mismatch
    );
    assert_eq!(check("another", GITHUB_SIGNATURE, body), mismatch);
    assert_eq!(check("", GITHUB_SIGNATURE, body), mismatch);
    assert_eq!(
        check(GITHUB_SECRET, &GITHUB_SIGNATURE[..69], body),
        mismatch
    );
    for malformed in ["", "sha256=7", "sha256=zz", "sha1=75", "757107ea"] {
        let malformed = check(GITHUB_SECRET, malformed, body);
        assert!(malformed.is_err());
    }
    let missing = signature::check(&verify("github"), GITHUB_SECRET, &HeaderMap::new(), body, 0);
    assert_eq!(missing, Err("the signature is missing"));
}

/// From the tests of <https://github.com/standard-webhooks/standard-webhooks>.
const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const STANDARD_SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

#[test]
fn the_example_of_standard_webhooks_is_accepted() {
    let check = |secrets: &str, timestamp: &str, signature: &str, now: i64| {
        let headers = headers(&[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", signature),
        ]);
        let body = b"{\"test\": 2432232314}";
        signature::check(&verify("standardWebhooks"), secrets, &headers, body, now)
    };
    let time = "1614265330";
    assert_eq!(
        check(STANDARD_SECRET, time, STANDARD_SIGNATURE, 1_614_265_330),
        Ok(())
    );
    assert_eq!(
        check(
            &STANDARD_SECRET[6..],
            time,
            STANDARD_SIGNATURE,
            1_614_265_330
        ),
        Ok(())
    );
    let several = format!("v1a,x v1,AAAA {STANDARD_SIGNATURE}");
    assert_eq!(
        check(STANDARD_SECRET, time, &several, 1_614_265_330),
        Ok(())
    );
    assert_eq!(
        check(STANDARD_SECRET, time, STANDARD_SIGNATURE, 1_614_265_630),
        Ok(())
    );
    let late = Err("the timestamp is too far from now");
    assert_eq!(
        check(STANDARD_SECRET, time, STANDARD_SIGNATURE, 1_614_265_631),
        late
    );
    assert_eq!(
        check(STANDARD_SECRET, time, STANDARD_SIGNATURE, 1_614_265_029),
        late
    );
    assert!(
        check(
            STANDARD_SECRET,
            "9223372036854775808",
            STANDARD_SIGNATURE,
            0
        )
        .is_err()
    );
    assert_eq!(
        check(
            STANDARD_SECRET,
            "-9223372036854775808",
            STANDARD_SIGNATURE,
            5
        ),
        late
    );
    let mismatch = Err("the signature does not match");
    assert_eq!(
        check(
            STANDARD_SECRET,
            "1614265331",
            STANDARD_SIGNATURE,
            1_614_265_330
        ),
        mismatch
    );
    assert_eq!(
        check("whsec_AAAA", time, STANDARD_SIGNATURE, 1_614_265_330),
        mismatch
    );
    assert_eq!(
        check(
            STANDARD_SECRET,
            time,
            &STANDARD_SIGNATURE[3..],
            1_614_265_330
        ),
        mismatch
    );
}

/// A signature made by the specification's words, not by the code under test.
fn sign(secret: &str, id: &str, timestamp: i64, body: &str) -> String {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn signed() -> Value {
    let key = json!({"secretRef": {"name": "shop", "key": "signing"}});
    json!({"path": "/o", "verify": {"standardWebhooks": key}})
}

#[tokio::test]
async fn only_signed_requests_are_taken_in_and_a_secret_may_change() {
    let fixture = Fixture::new().await;
    let new = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let both = format!("{new}\n{STANDARD_SECRET}\n");
    fixture::secret(fixture.folder.path(), "shop", "signing", &both);
    let _source = fixture.run(signed(), Decode::Json).await;
    let now = Timestamp::now().as_second();
    let send = async |secret: &str, id: &str, timestamp: i64, body: &str| {
        let signature = sign(secret, id, timestamp, "{}");
        let request = fixture.post("/acme/o", body.to_owned());
        let request = request
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp);
        let response = request
            .header("webhook-signature", signature)
            .send()
            .await
            .unwrap();
        response.status().as_u16()
    };
    assert_eq!(send(STANDARD_SECRET, "a", now, "{}").await, 202);
    assert_eq!(send(new, "b", now, "{}").await, 202);
    assert_eq!(send("whsec_BBBB", "c", now, "{}").await, 401);
    assert_eq!(send(new, "d", now, "{} ").await, 401);
    assert_eq!(send(new, "e", now - 1_000, "{}").await, 401);
    assert_eq!(
        fixture.post("/acme/o", "{}").send().await.unwrap().status(),
        401
    );
    let ids: Vec<String> = fixture
        .memory
        .stored()
        .into_iter()
        .map(|stored| stored.id)
        .collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(fixture.memory.notes().len(), 4);
    fixture.end().await;
}

#[tokio::test]
async fn a_missing_or_useless_secret_blocks_the_flow() {
    let fixture = Fixture::new().await;
    let source = Source::open(&signed(), Decode::Json, &fixture.context).unwrap();
    let stop = CancellationToken::new();
    let blocked = source
        .run(fixture.inlet.clone(), stop.clone())
        .await
        .unwrap_err();
    assert_eq!(blocked.reason, "the secret shop has no key signing");
    assert_eq!(
        blocked.path.as_deref(),
        Some("spec.source.with.verify.standardWebhooks.secretRef")
    );
    fixture::secret(fixture.folder.path(), "shop", "signing", "whsec_?\n");
    let blocked = source.run(fixture.inlet.clone(), stop).await.unwrap_err();
    assert_eq!(blocked.reason, "the secret shop has no signing key in it");
    fixture.end().await;
}
