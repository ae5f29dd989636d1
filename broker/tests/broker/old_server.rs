//! A server that lets accounts reach into each other is not used.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use vrsky_broker::{Broker, Error, Keys};

/// Greets as a server of this version does, and answers the first PING.
fn pretend(version: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let greeting = format!(
            "INFO {{\"server_id\":\"old\",\"version\":\"{version}\",\"proto\":1,\"headers\":true,\
             \"host\":\"127.0.0.1\",\"port\":{},\"max_payload\":1048576,\"nonce\":\"none\"}}\r\n",
            address.port()
        );
        client.write_all(greeting.as_bytes()).unwrap();
        let lines = BufReader::new(client.try_clone().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            if line.starts_with("PING") {
                let _ = client.write_all(b"PONG\r\n");
            }
        }
    });
    format!("nats://{address}")
}

#[tokio::test]
async fn it_is_refused_before_anything_is_written() {
    let keys = Keys::generate().unwrap();
    let url = pretend("2.14.3");
    let refused = Broker::connect(&url, &keys).await.unwrap_err();
    assert!(matches!(&refused, Error::TooOld { found } if found == "2.14.3"));
    assert_eq!(refused.reason(), "BrokerTooOld");
    let said = refused.to_string();
    assert!(
        said.contains("nats-server 2.14.3 is too old: 2.15.1"),
        "{said}"
    );
}
