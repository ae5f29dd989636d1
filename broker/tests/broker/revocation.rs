//! Revocation: what is published after it is verified never reaches the reader.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use vrsky_broker::Verb;
use vrsky_plan::grant::Revocation;

use crate::grants::granted;
use crate::plans::{Plans, id};
use crate::support::{Edge, SOON, World, eventually};

const INTO: &str = "e.globex_fulfil.in";

/// A reader that always has a pull outstanding, and keeps what it gets.
struct Reader {
    got: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Reader {
    fn start(edge: Edge) -> Self {
        let got: Arc<Mutex<Vec<String>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (into, until) = (got.clone(), stop.clone());
        let task = tokio::spawn(async move {
            use futures_util::StreamExt;
            while !until.load(Ordering::SeqCst) {
                let batch = edge
                    .consumer
                    .batch()
                    .max_messages(100)
                    .expires(Duration::from_millis(500))
                    .messages()
                    .await;
                let mut batch = batch.unwrap();
                while let Some(Ok(message)) = batch.next().await {
                    message.ack().await.unwrap();
                    let text = String::from_utf8(message.payload.to_vec()).unwrap();
                    into.lock().unwrap().push(text);
                }
            }
        });
        Self { got, stop, task }
    }

    async fn gets(&self, text: &str) -> bool {
        eventually(|| async { self.got.lock().unwrap().iter().any(|got| got == text) }).await
    }

    async fn finish(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
        let got = self.got.lock().unwrap();
        got.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_100_revocations_with_an_outstanding_pull_nothing_published_later_arrives() {
    let rounds = 100;
    let with = granted(Revocation::Drain).0;
    let without = granted(Revocation::Drain).revoked("globex").0;
    let mut world = World::with(&with).await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let reader = Reader::start(globex.edge("globex", INTO).await);
    for round in 0..rounds {
        let while_granted = format!("granted {round}");
        acme.publish("x.orders", &while_granted).await.unwrap();
        assert!(
            reader.gets(&while_granted).await,
            "round {round}: the grant works"
        );
        // A burst that is still on its way when the revocation comes.
        for n in 0..20 {
            acme.publish("x.orders", &format!("burst {round} {n}"))
                .await
                .unwrap();
        }
        let applied = world.apply(&without).await;
        assert_eq!(applied.revoked.len(), 1, "round {round}: {applied:?}");
        for n in 0..5 {
            acme.publish("x.orders", &format!("late {round} {n}"))
                .await
                .unwrap();
        }
        world.apply(&with).await;
    }
    acme.publish("x.orders", "last").await.unwrap();
    assert!(reader.gets("last").await);
    let got = reader.finish().await;
    let late: Vec<&String> = got.iter().filter(|text| text.starts_with("late")).collect();
    assert_eq!(late, [""; 0], "published after the revocation was verified");
    let granted = got
        .iter()
        .filter(|text| text.starts_with("granted"))
        .count();
    assert_eq!(granted, rounds, "each round's control arrived once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grant_goes_on_with_what_is_published_after_it_was_given_back() {
    let with = granted(Revocation::Drain).0;
    let mut world = World::with(&with).await;
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    acme.publish("x.orders", "one").await.unwrap();
    assert_eq!(edge.take(1, SOON).await, ["one"]);
    world
        .apply(&granted(Revocation::Drain).revoked("globex").0)
        .await;
    acme.publish("x.orders", "not yours").await.unwrap();
    world.apply(&with).await;
    acme.publish("x.orders", "two").await.unwrap();
    assert_eq!(edge.take(1, SOON).await, ["two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn drain_leaves_what_the_reader_has_and_cut_removes_and_counts_it() {
    for (mode, left) in [(Revocation::Drain, 9), (Revocation::Cut, 0)] {
        let mut world = World::with(&granted(mode).0).await;
        let acme = world.runtime("acme").await;
        let globex = world.runtime("globex").await;
        for n in 0..9 {
            acme.publish("x.orders", &n.to_string()).await.unwrap();
        }
        let edge = globex.edge("globex", INTO).await;
        let arrived =
            eventually(|| async { edge.consumer.get_info().await.unwrap().num_pending == 9 });
        assert!(arrived.await);
        globex.publish("e.globex_other.in", "own").await.unwrap();
        let without = granted(mode).flow("globex", "other", &[]).revoked("globex");
        let applied = world.apply(&without.0).await;
        let revoked = &applied.revoked[0];
        assert_eq!(revoked.grant, "acme/orders-for-globex");
        assert_eq!(revoked.purged, 9 - left);
        let kept = globex.edge("globex", INTO).await;
        let kept = kept.take(9, Duration::from_secs(1)).await;
        assert_eq!(kept.len() as u64, left);
        let own = globex.edge("globex", "e.globex_other.in").await;
        assert_eq!(own.take(1, SOON).await, ["own"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_in_another_object_of_the_owner_does_not_delay_a_revocation() {
    let mut world = World::with(&granted(Revocation::Drain).0).await;
    let broken = granted(Revocation::Drain)
        .revoked("globex")
        .change("acme", |tenant| tenant.streams[0].max_bytes = 1 << 50)
        .change("globex", |tenant| tenant.streams[0].max_bytes = 1 << 50);
    world.keys.provide(&broken.0).unwrap();
    let applied = world.broker.apply(&broken.0, &world.keys).await.unwrap();
    assert_eq!(
        applied.failed.len(),
        2,
        "both tenants fail: {:?}",
        applied.failed
    );
    assert_eq!(applied.revoked.len(), 1);
    let acme = world.runtime("acme").await;
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    acme.publish("x.orders", "late").await.unwrap();
    assert_eq!(edge.take(1, Duration::from_secs(1)).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_a_crash_cut_short_is_finished_by_the_next_apply() {
    let mut world = World::with(&granted(Revocation::Cut).0).await;
    let shared = id("acme").shared_stream();
    let admin = world.admin("acme").await;
    admin
        .api(
            &format!("CONSUMER.DELETE.{shared}.gacmeglobex-fulfil"),
            serde_json::json!({}),
        )
        .await
        .unwrap();
    let without = granted(Revocation::Cut).revoked("globex").0;
    let applied = world.apply(&without).await;
    assert_eq!(applied.revoked.len(), 1);
    assert_eq!(world.apply(&without).await.actions, []);
}

/// What a reader's transit stream remembers of its imports, by the first two words of the key; read
/// until nothing is on its way any more.
async fn remembered(admin: &crate::support::Spied) -> Vec<String> {
    let subject = format!("STREAM.INFO.{}", id("globex").transit_stream());
    let mut last = None;
    loop {
        let info = admin.api(&subject, serde_json::json!({})).await.unwrap();
        let keys: Vec<String> = info["config"]["metadata"]
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys)
            .filter(|key| key.starts_with("vrsky."))
            .map(|key| key.rsplitn(2, '.').last().unwrap_or_default().to_owned())
            .collect();
        if last.as_ref() == Some(&keys) {
            return keys;
        }
        last = Some(keys);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Polls `work` so often and then drops it, as a crash would.
async fn cut_short<T>(work: impl Future<Output = T>, mut polls: usize) -> Option<T> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if polls <= 1 => Poll::Ready(None),
        Poll::Pending => {
            polls -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_cut_short_before_it_was_verified_is_told_by_the_next_apply() {
    let with = granted(Revocation::Cut).0;
    let without = granted(Revocation::Cut).revoked("globex").0;
    let mut world = World::with(&with).await;
    let admin = world.admin("globex").await;
    let mut without_source = 0;
    for polls in 1.. {
        world.apply(&with).await;
        assert_eq!(remembered(&admin).await, ["vrsky.import"]);
        let first = Box::pin(cut_short(world.broker.apply(&without, &world.keys), polls)).await;
        let left = remembered(&admin).await;
        if first.is_some() || left == ["vrsky.ended"] {
            break;
        }
        without_source += usize::from(left == ["vrsky.ending"]);
        // Given back or not: what was begun is finished first.
        let next = if polls % 2 == 0 { &with } else { &without };
        let second = world.apply(next).await;
        let told = usize::from(polls % 2 == 1 || left == ["vrsky.ending"]);
        assert_eq!(
            second.revoked.len(),
            told,
            "{polls} polls, {left:?}: {second:?}"
        );
        let kept: &[&str] = if polls % 2 == 0 {
            &["vrsky.import"]
        } else {
            &["vrsky.ended"]
        };
        assert_eq!(remembered(&admin).await, kept);
        // Told once, and remembered for whoever did not hear it until it is granted again.
        let third = world.apply(next).await;
        let (revoked, remembered) = (third.revoked.len(), third.remembered.len());
        assert_eq!((revoked, remembered), (0, polls % 2));
    }
    assert!(
        without_source > 0,
        "no apply was cut short between removal and verification"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_readers_is_revoked_and_the_other_goes_on() {
    let both = granted(Revocation::Drain).tenant("initech").grant(
        "acme",
        "initech",
        "audit",
        Revocation::Drain,
    );
    let mut world = World::with(&both.0).await;
    let one = granted(Revocation::Drain)
        .revoked("globex")
        .tenant("initech")
        .grant("acme", "initech", "audit", Revocation::Drain);
    let applied = world.apply(&one.0).await;
    assert!(
        !applied
            .actions
            .iter()
            .any(|action| action.tenant == id("acme") && action.verb == Verb::PushAccount),
        "the owner's account is never pushed for a grant: it would stall every reader"
    );
    let acme = world.runtime("acme").await;
    acme.publish("x.orders", "for one").await.unwrap();
    let initech = world.runtime("initech").await;
    let edge = initech.edge("initech", "e.initech_audit.in").await;
    assert_eq!(edge.take(1, SOON).await, ["for one"]);
    let globex = world.runtime("globex").await;
    let edge = globex.edge("globex", INTO).await;
    assert_eq!(edge.take(1, Duration::from_secs(1)).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_is_gone_ends_its_grants_first() {
    let mut world = World::with(&granted(Revocation::Drain).0).await;
    let without = Plans::new()
        .tenant("globex")
        .flow("globex", "fulfil", &[])
        .0;
    let applied = world.apply(&without).await;
    assert_eq!(applied.revoked.len(), 1);
    let verbs: Vec<Verb> = applied.actions.iter().map(|action| action.verb).collect();
    assert_eq!(verbs.first(), Some(&Verb::DeleteConsumer));
    assert_eq!(verbs.last(), Some(&Verb::CloseAccount));
    assert_eq!(world.apply(&without).await.actions, []);
}
