use serde_json::{Value, json};

use super::Server;
use crate::connectors::{Outcome, fixture};

#[tokio::test]
async fn the_payload_is_posted_as_json_with_the_messages_id() {
    let server = Server::new().await;
    let request = server
        .request(json!({}), json!({"b": 1, "a": [true, null]}))
        .await;
    assert_eq!(request.method, "POST");
    assert_eq!(request.uri, "/");
    assert_eq!(request.headers["idempotency-key"], "m-1");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(
        request.headers["user-agent"],
        concat!("vrsky/", env!("CARGO_PKG_VERSION"))
    );
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, json!({"b": 1, "a": [true, null]}));
}

#[tokio::test]
async fn a_segment_stays_one_segment_whatever_is_in_it() {
    let server = Server::new().await;
    for (text, path) in [
        ("7", "/v1/orders/7"),
        ("a/b", "/v1/orders/a%2Fb"),
        ("..%2f", "/v1/orders/..%252f"),
        ("a\\b", "/v1/orders/a%5Cb"),
        ("a?b#c", "/v1/orders/a%3Fb%23c"),
        ("ü x", "/v1/orders/%C3%BC%20x"),
    ] {
        let with =
            json!({"url": format!("{}/v1/", server.address), "path": ["orders", {"expr": ".ref"}]});
        let request = server.request(with, json!({"ref": text})).await;
        assert_eq!(request.uri.path(), path, "{text}");
    }
}

#[tokio::test]
async fn a_segment_that_leads_elsewhere_is_rejected() {
    let server = Server::new().await;
    let sink = server
        .open(json!({"path": ["orders", {"expr": ".ref"}]}))
        .unwrap();
    let texts = ["", ".", "..", ".\t.", ".\n", "a\tb"].map(Value::from);
    for value in texts.into_iter().chain([json!(null), json!([]), json!({})]) {
        let outcome = sink
            .deliver(&mut fixture::message(json!({"ref": value})), "m-1")
            .await;
        let Outcome::Reject { reason } = outcome else {
            panic!("{value}: {outcome:?}");
        };
        assert!(reason.starts_with("path[1]: "), "{reason}");
    }
    assert!(server.noted.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn query_and_headers_are_computed_and_null_leaves_them_out() {
    let server = Server::new().await;
    let with = json!({
        "method": "PUT",
        "query": {"page": {"expr": ".page"}, "q": {"expr": ".q"}, "none": {"expr": ".none"}},
        "headers": {"X-Ref": {"expr": ".page"}, "X-None": {"expr": ".none"}, "Accept": "text/plain"},
    });
    let request = server
        .request(with, json!({"page": 3, "q": "a&b=c d", "none": null}))
        .await;
    assert_eq!(request.method, "PUT");
    assert_eq!(request.uri.query(), Some("page=3&q=a%26b%3Dc+d"));
    assert_eq!(request.headers["x-ref"], "3");
    assert_eq!(request.headers["accept"], "text/plain");
    assert!(!request.headers.contains_key("x-none"));
}

#[tokio::test]
async fn a_header_never_takes_a_line_break() {
    let server = Server::new().await;
    let sink = server
        .open(json!({"headers": {"X-Ref": {"expr": ".ref"}}}))
        .unwrap();
    let mut message = fixture::message(json!({"ref": "a\r\nX-Evil: 1"}));
    let reason = "header x-ref: only printable ASCII can be sent".to_owned();
    assert_eq!(
        sink.deliver(&mut message, "m-1").await,
        Outcome::Reject { reason }
    );
}

#[tokio::test]
async fn the_body_may_be_computed() {
    let server = Server::new().await;
    let with = json!({"body": {"expr": "{\"text\": .title}"}});
    let request = server.request(with, json!({"title": "Hi"})).await;
    assert_eq!(request.body, "{\"text\":\"Hi\"}");
    let request = server
        .request(json!({"body": {"expr": ".title"}}), json!({"title": "Hi"}))
        .await;
    assert_eq!(request.body, "Hi");
    assert_eq!(request.headers["content-type"], "text/plain; charset=utf-8");
    let request = server
        .request(json!({"method": "GET"}), json!({"title": "Hi"}))
        .await;
    assert_eq!(request.body, "");
}

#[tokio::test]
async fn credentials_come_from_secrets() {
    let server = Server::new().await;
    fixture::secret(server.base.path(), "erp", "token", "t0k3n\n");
    let key = json!({"secretRef": {"name": "erp", "key": "token"}});
    let request = server.request(json!({"bearer": key}), json!({})).await;
    assert_eq!(request.headers["authorization"], "Bearer t0k3n");
    let basic = json!({"username": "ada", "password": key});
    let request = server.request(json!({"basic": basic}), json!({})).await;
    assert_eq!(request.headers["authorization"], "Basic YWRhOnQwazNu");
}

#[tokio::test]
async fn mistakes_in_the_parameters_block_the_flow() {
    let server = Server::new().await;
    let missing = json!({"secretRef": {"name": "erp", "key": "token"}});
    for (with, path) in [
        (json!({"url": "ftp://example.com"}), "url"),
        (json!({"url": "http://ada:pw@example.com"}), "url"),
        (json!({"url": "/relative"}), "url"),
        (json!({"bearer": missing}), "bearer"),
        (json!({"headers": {"Host": "evil"}}), "headers.Host"),
        (json!({"headers": {"a b": "c"}}), "headers.a b"),
        (json!({"path": [{"expr": "((("}]}), "path[0]"),
    ] {
        let blocked = server.open(with.clone()).unwrap_err();
        assert_eq!(
            blocked.path,
            Some(format!("spec.sinks.erp.with.{path}")),
            "{with}"
        );
        assert!(!blocked.reason.contains("pw"), "{}", blocked.reason);
    }
    let blocked = server.open(json!({"bearer": missing})).unwrap_err();
    assert_eq!(blocked.reason, "the secret erp has no key token");
}
