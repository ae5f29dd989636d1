use bytes::Bytes;
use futures_util::stream;
use reqwest::{Body, Method};
use serde_json::json;
use vrsky_plan::FlowId;
use vrsky_plan::program::Decode;

use super::{Fixture, read};
use crate::connectors::Context;
use crate::connectors::webhook::Source;
use crate::intake::Refused;

#[tokio::test]
async fn a_request_is_accepted_once_it_is_stored() {
    let fixture = Fixture::new().await;
    let source = fixture.run(json!({"path": "/orders"}), Decode::Json).await;
    let address = fixture.context.listener.address();
    assert_eq!(source.url(), format!("http://{address}/acme/orders"));
    let request = fixture
        .post("/acme/orders?page=1", "{\"a\": 1}")
        .header("X-Kind", "order");
    let (status, _, body) = read(request.send().await.unwrap()).await;
    let stored = fixture.memory.stored();
    assert_eq!((status, stored.len()), (202, 1));
    assert_eq!(body, json!({"id": stored[0].id}));
    assert_eq!(stored[0].payload, "{\"a\": 1}");
    assert_eq!(stored[0].metadata["id"], stored[0].id);
    assert_eq!(stored[0].metadata["headers"]["x-kind"], "order");
    assert!(stored[0].metadata["time"].is_string());
    fixture.end().await;
}

#[tokio::test]
async fn the_senders_id_makes_a_repeated_request_one_message() {
    let fixture = Fixture::new().await;
    let _source = fixture.run(json!({"path": "/orders"}), Decode::Json).await;
    for _ in 0..2 {
        let request = fixture
            .post("/acme/orders", "1")
            .header("webhook-id", "msg_1");
        assert_eq!(
            read(request.send().await.unwrap()).await.2,
            json!({"id": "msg_1"})
        );
    }
    assert_eq!(fixture.memory.stored().len(), 1);
    fixture.end().await;
}

#[tokio::test]
async fn a_full_or_lost_flow_asks_to_come_again() {
    let fixture = Fixture::new().await;
    let _source = fixture.run(json!({"path": "/orders"}), Decode::Json).await;
    fixture.memory.refuse([
        Refused::Full,
        Refused::Unavailable,
        Refused::TooLarge { limit: 9 },
    ]);
    for (status, after) in [(503, Some("2")), (503, Some("1")), (413, None), (202, None)] {
        let answer = read(fixture.post("/acme/orders", "1").send().await.unwrap()).await;
        assert_eq!((answer.0, answer.1.as_deref()), (status, after));
    }
    assert_eq!(fixture.memory.stored().len(), 1);
    fixture.end().await;
}

#[tokio::test]
async fn a_flow_that_does_not_run_asks_to_come_again() {
    let fixture = Fixture::new().await;
    let source = Source::open(&json!({"path": "/orders"}), Decode::Json, &fixture.context).unwrap();
    let answer = read(fixture.post("/acme/orders", "1").send().await.unwrap()).await;
    assert_eq!((answer.0, answer.1.as_deref()), (503, Some("10")));
    drop(source);
    assert_eq!(
        read(fixture.post("/acme/orders", "1").send().await.unwrap())
            .await
            .0,
        404
    );
    fixture.end().await;
}

#[tokio::test]
async fn what_does_not_exist_is_answered_alike_everywhere() {
    let fixture = Fixture::new().await;
    let _source = fixture.run(json!({"path": "/orders"}), Decode::Json).await;
    for path in [
        "/",
        "/acme",
        "/acme/",
        "/acme/order",
        "/acme/orders/",
        "/acmeorders",
        "/globex/orders",
    ] {
        for method in [Method::POST, Method::GET] {
            let answer = read(fixture.request(method, path).send().await.unwrap()).await;
            assert_eq!(answer, (404, None, json!({"error": "not found"})), "{path}");
        }
    }
    fixture.end().await;
}

#[tokio::test]
async fn another_method_is_told_the_right_one() {
    let fixture = Fixture::new().await;
    let _source = fixture
        .run(json!({"path": "/o", "method": "PUT"}), Decode::Json)
        .await;
    let response = fixture.post("/acme/o", "1").send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "PUT");
    let put = fixture.request(Method::PUT, "/acme/o").body("1");
    assert_eq!(put.send().await.unwrap().status(), 202);
    fixture.end().await;
}

#[tokio::test]
async fn a_large_body_is_refused_with_and_without_a_length() {
    let fixture = Fixture::new().await;
    let _source = fixture
        .run(json!({"path": "/o", "maxBytes": 10}), Decode::Json)
        .await;
    let send = async |body: Body| fixture.post("/acme/o", body).send().await.unwrap().status();
    let streamed = |bytes: usize| {
        let chunk = |_| Ok::<_, std::io::Error>(Bytes::from_static(b"1"));
        Body::wrap_stream(stream::iter((0..bytes).map(chunk)))
    };
    assert_eq!(send("1234567890".into()).await, 202);
    assert_eq!(send("12345678901".into()).await, 413);
    assert_eq!(send(vec![b' '; 500_000].into()).await, 413);
    assert_eq!(send(streamed(10)).await, 202);
    assert_eq!(send(streamed(11)).await, 413);
    assert_eq!(fixture.memory.stored().len(), 2);
    assert_eq!(fixture.memory.notes().len(), 3);
    fixture.end().await;
}

#[tokio::test]
async fn a_compressed_or_empty_body_is_refused() {
    let fixture = Fixture::new().await;
    let _source = fixture.run(json!({"path": "/o"}), Decode::Json).await;
    let compressed = fixture
        .post("/acme/o", "1")
        .header("content-encoding", "gzip");
    assert_eq!(compressed.send().await.unwrap().status(), 415);
    let plain = fixture
        .post("/acme/o", "1")
        .header("content-encoding", "identity");
    assert_eq!(plain.send().await.unwrap().status(), 202);
    assert_eq!(
        fixture
            .post("/acme/o", " \n")
            .send()
            .await
            .unwrap()
            .status(),
        400
    );
    assert_eq!(fixture.memory.stored().len(), 1);
    fixture.end().await;
}

#[tokio::test]
async fn lines_become_messages_with_ids_of_their_own() {
    let fixture = Fixture::new().await;
    let _source = fixture
        .run(json!({"path": "/o", "maxBytes": 5_000}), Decode::Ndjson)
        .await;
    let request = fixture
        .post("/acme/o", "{\"a\":1}\n\n{\"a\":2}\n")
        .header("webhook-id", "m");
    assert_eq!(
        read(request.send().await.unwrap()).await.2,
        json!({"id": "m"})
    );
    let stored = fixture.memory.stored();
    let seen: Vec<_> = stored
        .iter()
        .map(|message| {
            (
                message.id.as_str(),
                &message.payload[..],
                &message.metadata["line"],
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("m-1", &b"{\"a\":1}"[..], &json!(1)),
            ("m-2", &b"{\"a\":2}"[..], &json!(3))
        ]
    );
    let long = format!("1\n\"{}\"\n", "x".repeat(2_000));
    assert_eq!(
        fixture.post("/acme/o", long).send().await.unwrap().status(),
        413
    );
    assert_eq!(fixture.memory.stored().len(), 2);
    fixture.end().await;
}

#[tokio::test]
async fn a_path_belongs_to_one_flow() {
    let fixture = Fixture::new().await;
    let source = fixture.run(json!({"path": "/o"}), Decode::Json).await;
    let flow = FlowId::new("acme", "other").unwrap();
    let other = Context {
        flow,
        ..fixture.context.clone()
    };
    let blocked = Source::open(&json!({"path": "/o"}), Decode::Json, &other).unwrap_err();
    assert_eq!(blocked.reason, "the flow acme/shop already serves /o");
    assert_eq!(blocked.path.as_deref(), Some("spec.source.with.path"));
    // The flow's next program takes over without a gap: the old one answers until the new one runs.
    let next = Source::open(&json!({"path": "/o"}), Decode::Json, &fixture.context).unwrap();
    assert_eq!(
        fixture.post("/acme/o", "1").send().await.unwrap().status(),
        202
    );
    drop(next);
    assert_eq!(
        fixture.post("/acme/o", "2").send().await.unwrap().status(),
        202
    );
    drop(source);
    fixture.end().await;
}

#[tokio::test]
async fn a_stopped_listener_takes_no_connections() {
    let fixture = Fixture::new().await;
    let _source = fixture.run(json!({"path": "/o"}), Decode::Json).await;
    assert_eq!(
        fixture.post("/acme/o", "1").send().await.unwrap().status(),
        202
    );
    let request = fixture.post("/acme/o", "1");
    fixture.stop.cancel();
    fixture.tasks.close();
    fixture.tasks.wait().await;
    drop(fixture);
    assert!(request.send().await.is_err());
}
