//! One operator works at a time: who holds the Lease.
//!
//! The protocol is client-go's: a holder renews every [`RENEW`]; others take over when they have seen
//! the same lease for its whole duration, counted by their own clock from when they saw it change, so
//! that clocks need not agree. A holder that could not renew for [`GIVE_UP`] stops for good: its
//! successor comes only later, after [`DURATION`].

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::time::{sleep, timeout};

use crate::names::LEASE;

/// How long a lease holds without renewal.
const DURATION: Duration = Duration::from_secs(15);
/// A holder stops when it could not renew for so long.
const GIVE_UP: Duration = Duration::from_secs(10);
/// Between renewals, and between looks of those who wait.
const RENEW: Duration = Duration::from_secs(3);

/// Leadership that is held.
pub struct Leader {
    leases: Api<Lease>,
    me: String,
    lease: Lease,
}

/// Waits until this process leads.
pub async fn lead(client: &Client, namespace: &str, me: &str) -> Leader {
    let leases: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let mut seen: Option<(Option<String>, Instant)> = None;
    loop {
        match step(&leases, me, &mut seen).await {
            Ok(Some(lease)) => {
                tracing::info!(event = "leading", me);
                return Leader {
                    leases,
                    me: me.to_owned(),
                    lease,
                };
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(event = "lease_unread", %error),
        }
        sleep(RENEW).await;
    }
}

/// One look: the lease if it is now ours.
async fn step(
    leases: &Api<Lease>,
    me: &str,
    seen: &mut Option<(Option<String>, Instant)>,
) -> Result<Option<Lease>, kube::Error> {
    let Some(mut lease) = leases.get_opt(LEASE).await? else {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(LEASE.to_owned()),
                ..ObjectMeta::default()
            },
            spec: Some(held(me, 0)),
        };
        return won(leases.create(&PostParams::default(), &lease).await);
    };
    let spec = lease.spec.clone().unwrap_or_default();
    let holder = spec.holder_identity.unwrap_or_default();
    let version = lease.metadata.resource_version.clone();
    let since = match seen {
        Some((before, since)) if *before == version => *since,
        _ => {
            let now = Instant::now();
            *seen = Some((version, now));
            now
        }
    };
    let seconds = spec.lease_duration_seconds.unwrap_or_default();
    let lasts = Duration::from_secs(seconds.unsigned_abs().into());
    // Our own lease of a former life is no exception: its writes may still be under way.
    if !holder.is_empty() && since.elapsed() < lasts {
        return Ok(None);
    }
    lease.spec = Some(held(me, spec.lease_transitions.unwrap_or_default() + 1));
    won(leases.replace(LEASE, &PostParams::default(), &lease).await)
}

/// Somebody else was faster: no error.
fn won(written: Result<Lease, kube::Error>) -> Result<Option<Lease>, kube::Error> {
    match written {
        Ok(lease) => Ok(Some(lease)),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(error),
    }
}

fn held(me: &str, transitions: i32) -> LeaseSpec {
    let now = MicroTime(Timestamp::now());
    LeaseSpec {
        holder_identity: Some(me.to_owned()),
        lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
        acquire_time: Some(now.clone()),
        renew_time: Some(now),
        lease_transitions: Some(transitions),
        ..LeaseSpec::default()
    }
}

impl Leader {
    /// Renews until leadership is lost, then returns. Whoever leads has to stop at once then.
    pub async fn keep(&mut self) {
        let mut renewed = Instant::now();
        while renewed.elapsed() < GIVE_UP {
            sleep(RENEW).await;
            let mut lease = self.lease.clone();
            if let Some(spec) = &mut lease.spec {
                spec.renew_time = Some(MicroTime(Timestamp::now()));
            }
            let left = GIVE_UP.saturating_sub(renewed.elapsed());
            let parameters = PostParams::default();
            let written = timeout(left, self.leases.replace(LEASE, &parameters, &lease)).await;
            match written {
                Ok(Ok(lease)) => {
                    self.lease = lease;
                    renewed = Instant::now();
                }
                Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
                    // A write of ours whose answer was lost, or somebody else's.
                    match self.leases.get(LEASE).await {
                        Ok(lease) if self.is_mine(&lease) => self.lease = lease,
                        Ok(_) => return,
                        Err(error) => tracing::warn!(event = "lease_unread", %error),
                    }
                }
                Ok(Err(error)) => tracing::warn!(event = "lease_not_renewed", %error),
                Err(_) => {}
            }
        }
    }

    /// Lets go in good order: the next one need not wait.
    pub async fn release(mut self) {
        if let Some(spec) = &mut self.lease.spec {
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
        }
        let parameters = PostParams::default();
        let released = self.leases.replace(LEASE, &parameters, &self.lease);
        if let Err(error) = timeout(RENEW, released).await {
            tracing::warn!(event = "lease_not_released", %error);
        }
    }

    fn is_mine(&self, lease: &Lease) -> bool {
        let holder = lease
            .spec
            .as_ref()
            .and_then(|spec| spec.holder_identity.as_ref());
        holder == Some(&self.me)
    }
}
