//! Three servers: accounts on each of them, replicated streams, leaders that die.

use std::time::Duration;

use serde_json::{Value, json};
use vrsky_broker::server::Cluster;
use vrsky_broker::{Broker, Keys, Server, ServerConfig, Verb};
use vrsky_plan::Plan;
use vrsky_plan::grant::Revocation;

use crate::grants::granted;
use crate::plans::{Plans, id};
use crate::support::{SOON, World, eventually_within};

const INTO: &str = "e.globex_fulfil.in";
/// Elections and recovery on a busy machine.
const SETTLED: Duration = Duration::from_secs(30);

/// A cluster: the world's own server, and two more.
struct Three {
    world: World,
    others: Vec<Option<Server>>,
    configs: Vec<ServerConfig>,
}

impl Three {
    async fn with(plan: &Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = Keys::generate().unwrap();
        keys.provide(plan).unwrap();
        let ports: Vec<u16> = free_ports();
        let configs: Vec<ServerConfig> = (0..3)
            .map(|n| ServerConfig {
                cluster: Some(Cluster {
                    name: "test".to_owned(),
                    server: format!("server-{n}"),
                    port: ports[n],
                    routes: ports[..3]
                        .iter()
                        .map(|port| format!("nats://127.0.0.1:{port}"))
                        .collect(),
                }),
                port: Some(ports[n + 3]),
                ..ServerConfig::local(folder.path().join(format!("nats-{n}")))
            })
            .collect();
        let mut servers = Vec::new();
        for config in &configs {
            servers.push(Some(Server::start(config, &keys).await.unwrap()));
        }
        let server = servers.remove(0).unwrap();
        let mut broker = None;
        let ready = eventually_within(SETTLED, || async {
            Broker::connect(server.url(), &keys).await.is_ok()
        });
        if ready.await {
            broker = Some(Broker::connect(server.url(), &keys).await.unwrap());
        }
        let mut world = World {
            keys,
            broker: broker.expect("the cluster elects a leader"),
            server,
            folder,
        };
        world.apply(plan).await;
        Self {
            world,
            others: servers,
            configs,
        }
    }

    /// Kills the server of this name and starts it again.
    async fn crash(&mut self, name: &str) {
        let n = usize::from(name == "server-2");
        self.others[n].take().unwrap().kill();
        let config = &self.configs[n + 1];
        let again = Server::start(config, &self.world.keys).await.unwrap();
        self.others[n] = Some(again);
    }

    /// Whether what a stream's server says of it is so before long.
    async fn is(&self, tenant: &str, stream: &str, check: impl Fn(&Value) -> bool) -> bool {
        let admin = self.world.admin(tenant).await;
        let request = format!("STREAM.INFO.{stream}");
        let is_so = eventually_within(SETTLED, || async {
            let info = admin.api(&request, json!({})).await;
            check(&info.unwrap_or_default())
        });
        is_so.await
    }

    /// The leader of a stream; one that can be crashed: the server that clients were told of is asked
    /// to step down.
    async fn leader(&self, tenant: &str, stream: &str) -> String {
        let admin = self.world.admin(tenant).await;
        let leader = std::cell::RefCell::new(String::new());
        let is_another = eventually_within(SETTLED, || async {
            let info = admin.api(&format!("STREAM.INFO.{stream}"), json!({})).await;
            let info = info.unwrap_or_default();
            let found = info["cluster"]["leader"].as_str().unwrap_or_default();
            found.clone_into(&mut leader.borrow_mut());
            if found == "server-0" {
                let step_down = format!("STREAM.LEADER.STEPDOWN.{stream}");
                let _asked = admin.api(&step_down, json!({})).await;
            }
            !["", "server-0"].contains(&found)
        });
        assert!(is_another.await, "{stream} has no leader but the first");
        leader.into_inner()
    }
}

/// Ports that are free now. Somebody else may take one before the server does; then its start fails
/// and says so.
fn free_ports() -> Vec<u16> {
    let sockets: Vec<std::net::TcpListener> = (0..6)
        .map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    sockets
        .iter()
        .map(|socket| socket.local_addr().unwrap().port())
        .collect()
}

fn replicated() -> Plans {
    let replicate = |tenant: &mut vrsky_plan::Tenant| {
        tenant.limits.disk_storage = 4 << 30;
        for stream in &mut tenant.streams {
            stream.replicas = 3;
        }
    };
    granted(Revocation::Drain)
        .change("acme", replicate)
        .change("globex", replicate)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_holds_an_account_when_its_push_returns() {
    let three = Three::with(&replicated().0).await;
    let stored = json!(three.world.keys);
    for name in ["acme", "globex"] {
        let seed = stored["tenants"][id(name).as_str()]["account"]
            .as_str()
            .unwrap();
        let account = nkeys::KeyPair::from_seed(seed).unwrap().public_key();
        for config in &three.configs {
            let file = config
                .store_dir
                .join("accounts")
                .join(format!("{account}.jwt"));
            assert!(file.is_file(), "{name} on {}", config.store_dir.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_that_die_lose_nothing_that_was_acknowledged_and_revocation_still_holds() {
    let mut three = Three::with(&replicated().0).await;
    let acme = three.world.runtime("acme").await;
    let shared = id("acme").shared_stream();
    let transit = id("globex").transit_stream();
    let mut accepted = Vec::new();
    for round in 0..4 {
        for n in 0..50 {
            let order = format!("{round} {n}");
            // Refused while there is no leader: the publisher tries again, as runtimes do.
            let stored = eventually_within(SETTLED, || async {
                acme.publish("x.orders", &order).await.is_ok()
            });
            assert!(stored.await, "{order}");
            accepted.push(order);
        }
        let leader = if round % 2 == 0 {
            three.leader("acme", shared.as_str()).await
        } else {
            three.leader("globex", transit.as_str()).await
        };
        three.crash(&leader).await;
    }
    let ready = eventually_within(SETTLED, || async {
        acme.publish("x.orders", "last").await.is_ok()
    });
    assert!(ready.await);
    let globex = three.world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    let mut got = std::collections::BTreeSet::new();
    while !got.contains("last") {
        let next = edge.take(1, SETTLED).await;
        assert!(
            !next.is_empty(),
            "so far {} of {}",
            got.len(),
            accepted.len()
        );
        got.extend(next);
        got.extend(edge.take(1000, Duration::from_millis(300)).await);
    }
    let lost: Vec<&String> = accepted
        .iter()
        .filter(|order| !got.contains(*order))
        .collect();
    assert_eq!(lost, [""; 0]);
    let without = replicated().revoked("globex");
    // A server that died a moment ago may keep the first attempts from reading everything back.
    let ended = std::cell::Cell::new(false);
    let revoked = eventually_within(SETTLED, || async {
        let applied = three
            .world
            .broker
            .apply(&without.0, &three.world.keys)
            .await;
        applied.is_ok_and(|applied| {
            let deleted = applied
                .actions
                .iter()
                .any(|it| it.verb == Verb::DeleteConsumer);
            ended.set(ended.get() || deleted || !applied.revoked.is_empty());
            applied.failed.is_empty()
        })
    });
    assert!(revoked.await);
    assert!(ended.get(), "the grant was ended by an apply");
    acme.publish("x.orders", "late").await.unwrap();
    let late = edge.take(1, SOON / 5).await;
    assert_eq!(late, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_becomes_three_in_place() {
    let before = granted(Revocation::Drain);
    let mut three = Three::with(&before.0).await;
    let acme = three.world.runtime("acme").await;
    for n in 0..50 {
        acme.publish("x.orders", &n.to_string()).await.unwrap();
    }
    let shared = id("acme").shared_stream();
    let transit = id("globex").transit_stream();
    let streams = [("acme", shared.as_str()), ("globex", transit.as_str())];
    // A stream that gets more replicas while it is new may have no leader for most of a minute.
    for (tenant, stream) in streams {
        let holds_all = three.is(tenant, stream, |info| info["state"]["messages"] == 50);
        assert!(holds_all.await, "{stream}");
    }
    let wanted = replicated();
    let applied = three.world.broker.apply(&wanted.0, &three.world.keys).await;
    assert_eq!(applied.unwrap().failed.len(), 0);
    for (tenant, stream) in streams {
        let has_copies = three.is(tenant, stream, |info| {
            let replicas = info["cluster"]["replicas"].as_array();
            let current = replicas.into_iter().flatten();
            current.filter(|one| one["current"] == true).count() == 2
        });
        assert!(has_copies.await, "{stream}");
    }
    let again = three.world.broker.apply(&wanted.0, &three.world.keys).await;
    assert_eq!(again.unwrap().actions, []);
    for _ in 0..2 {
        let leader = three.leader("acme", shared.as_str()).await;
        three.crash(&leader).await;
    }
    let globex = three.world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    let mut got = std::collections::BTreeSet::new();
    while got.len() < 50 {
        let next = edge.take(50 - got.len(), SETTLED).await;
        assert!(!next.is_empty(), "{} of 50", got.len());
        got.extend(next);
    }
}
