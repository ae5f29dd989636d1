use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Server;
use crate::connectors::{Outcome, fixture};

fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Retry { reason, .. } | Outcome::Reject { reason } => reason,
        Outcome::Delivered => panic!("delivered"),
    }
}

#[tokio::test]
async fn the_status_decides() {
    let server = Server::new().await;
    for status in [200, 201, 202, 204, 299] {
        assert_eq!(
            server.outcome(status, &[]).await,
            Outcome::Delivered,
            "{status}"
        );
    }
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let outcome = server.outcome(status, &[]).await;
        assert!(
            matches!(outcome, Outcome::Retry { after: None, .. }),
            "{outcome:?}"
        );
        // Neither payload nor query, only where it went.
        assert_eq!(
            reason(&outcome),
            format!("POST {} answered {status}", server.address)
        );
    }
    for status in [400, 401, 403, 404, 409, 422] {
        let outcome = server.outcome(status, &[]).await;
        assert!(matches!(outcome, Outcome::Reject { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = Server::new().await;
    let elsewhere = format!("{}/elsewhere", server.address);
    let outcome = server.outcome(307, &[("location", &elsewhere)]).await;
    assert!(matches!(outcome, Outcome::Reject { .. }), "{outcome:?}");
    assert!(reason(&outcome).ends_with("answered 307; redirects are not followed"));
    assert_eq!(server.noted.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_other_side_may_ask_for_a_pause() {
    let server = Server::new().await;
    let after = async |text: &str| match server.outcome(503, &[("retry-after", text)]).await {
        Outcome::Retry { after, .. } => after,
        outcome => panic!("{outcome:?}"),
    };
    assert_eq!(after("120").await, Some(Duration::from_mins(2)));
    assert_eq!(after("99999999999").await, Some(Duration::from_hours(24)));
    assert_eq!(after("soon").await, None);
    assert_eq!(after("-5").await, None);
    assert_eq!(
        after("Sun, 06 Nov 1994 08:49:37 GMT").await,
        Some(Duration::ZERO)
    );
    let date = (Timestamp::now() + SignedDuration::from_mins(10)).strftime("%a, %d %b %Y %T GMT");
    let pause = after(&date.to_string()).await.unwrap();
    assert!(
        pause > Duration::from_mins(5) && pause <= Duration::from_mins(10),
        "{pause:?}"
    );
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    let server = Server::new().await;
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/path?key=hidden", socket.local_addr().unwrap());
    drop(socket);
    let sink = server.open(json!({"url": url})).unwrap();
    let outcome = sink.deliver(&mut fixture::message(json!({})), "m-1").await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    let origin = url.split("/path").next().unwrap();
    assert!(
        reason(&outcome).starts_with(&format!("POST {origin}: ")),
        "{}",
        reason(&outcome)
    );
    assert!(!reason(&outcome).contains("hidden"));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let server = Server::new().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let sink = server.open(json!({"url": url, "timeout": "50ms"})).unwrap();
    let outcome = sink.deliver(&mut fixture::message(json!({})), "m-1").await;
    assert_eq!(
        outcome,
        Outcome::retry(format!("POST {url}: no answer in 50ms"))
    );
}

#[tokio::test]
async fn a_secret_that_vanished_is_waited_for() {
    let server = Server::new().await;
    fixture::secret(server.base.path(), "erp", "token", "a\nb");
    let key = json!({"secretRef": {"name": "erp", "key": "token"}});
    let blocked = server.open(json!({"bearer": key})).unwrap_err();
    assert_eq!(
        blocked.reason,
        "the key token of the secret erp cannot be sent"
    );
    fixture::secret(server.base.path(), "erp2", "token", "good");
    let key = json!({"secretRef": {"name": "erp2", "key": "token"}});
    let sink = server.open(json!({"bearer": key})).unwrap();
    std::fs::remove_dir_all(server.base.path().join(".vrsky/secrets/acme/erp2")).unwrap();
    // The last answer is used for a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let outcome = sink.deliver(&mut fixture::message(json!({})), "m-1").await;
    assert_eq!(outcome, Outcome::retry("the secret erp2 has no key token"));
}
