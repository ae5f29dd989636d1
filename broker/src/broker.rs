//! A connection to the broker with the operator's rights.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_nats::{Client, ConnectOptions};
use futures_util::Stream;
use nkeys::KeyPair;
use tokio::sync::Mutex;
use vrsky_plan::{FlowId, Plan, Program, Report, TenantId};

use crate::accounts::{self, Resolver};
use crate::api::Api;
use crate::apply::Draining;
use crate::keys::{credentials_text, now_seconds};
use crate::server::is_new_enough;
use crate::waiting::{self, Waiting};
use crate::{Applied, Error, Keys, Seed, apply, jwt, programs, reports, streams};

/// How often it is looked whether a reader that goes has read to the end.
const LOOK: Duration = Duration::from_millis(50);

/// What a connection has room for from its start, in bytes; it grows with what is read.
const READ: u16 = 4096;

/// The broker, seen with the operator's rights: as the system account, as the platform account, and
/// as each tenant's account when there is something to do in it.
#[derive(Debug)]
pub struct Broker {
    url: String,
    pub(crate) resolver: Resolver,
    pub(crate) platform: Api,
    tenants: Mutex<BTreeMap<TenantId, Open>>,
    /// Readers that go, while something lies on their edges.
    pub(crate) draining: Mutex<BTreeMap<(TenantId, FlowId), Draining>>,
}

/// A connection to a tenant's account.
#[derive(Debug)]
struct Open {
    api: Api,
    used: Instant,
}

impl Broker {
    /// Connects, and makes what belongs to no tenant: the platform account with the buckets
    /// `programs` and `leases` and the stream `REPORTS`. A server that is too old is refused first.
    pub async fn connect(url: &str, keys: &Keys) -> Result<Self, Error> {
        let system = connect(url, "system", &keys.system).await?;
        let found = system.server_info().version;
        if !is_new_enough(&found) {
            return Err(Error::TooOld { found });
        }
        let resolver = Resolver::new(system, keys.operator.clone());
        let wanted = accounts::platform(keys)?;
        let held = resolver.look_up(&wanted.subject).await?;
        resolver.make(&wanted.claims(), held.as_ref()).await?;
        let platform = Api::new(connect(url, "platform", &keys.platform).await?);
        streams::make_platform(&platform, resolver.servers().await?).await?;
        Ok(Self {
            url: url.to_owned(),
            resolver,
            platform,
            tenants: Mutex::default(),
            draining: Mutex::default(),
        })
    }

    /// Makes the broker follow `plan`: reads what is, writes the difference, and nothing else; a
    /// second call writes nothing. [`Keys::provide`] comes first. It waits for readers that go.
    ///
    /// Revocations run before everything, and no other failure delays them. What fails is in
    /// [`Applied::failed`], by tenant; an `Err` means that nothing could be done at all.
    pub async fn apply(&self, plan: &Plan, keys: &Keys) -> Result<Applied, Error> {
        let mut applied = apply::apply(self, plan, keys, None).await?;
        while !applied.draining.is_empty() {
            tokio::time::sleep(LOOK).await;
            let mut more = apply::apply(self, plan, keys, None).await?;
            more.actions.splice(..0, applied.actions);
            more.revoked.splice(..0, applied.revoked);
            applied = more;
        }
        Ok(applied)
    }

    /// [`Broker::apply`] for some tenants: the others' parts are neither looked at nor written. Where
    /// a tenant reads of another, both have to be among them. It waits for nobody: see
    /// [`Applied::draining`].
    pub async fn apply_some(
        &self,
        plan: &Plan,
        keys: &Keys,
        tenants: &BTreeSet<TenantId>,
    ) -> Result<Applied, Error> {
        apply::apply(self, plan, keys, Some(tenants)).await
    }

    /// The version of the server that is connected at the moment.
    pub fn version(&self) -> String {
        self.platform.context.client().server_info().version
    }

    /// Whether the connection was lost and came back, maybe to a server that has lost what it held.
    pub fn has_reconnected(&self) -> bool {
        let statistics = self.platform.context.client().statistics();
        statistics.connects.load(Ordering::Relaxed) > 1
    }

    /// Whether the server can be reached at the moment.
    pub fn is_connected(&self) -> bool {
        self.platform.is_connected()
    }

    /// All programs that runtimes can read now: what runs, whatever the manifests say.
    pub async fn incumbents(
        &self,
    ) -> Result<BTreeMap<TenantId, BTreeMap<FlowId, Arc<Program>>>, Error> {
        programs::incumbents(&self.platform).await
    }

    /// Reports of all runtimes: the last of each process first, then each as it comes. It goes on
    /// until dropped, through reconnects.
    pub async fn reports(
        &self,
    ) -> Result<impl Stream<Item = (TenantId, Report)> + Send + Unpin + use<>, Error> {
        reports::follow(&self.platform).await
    }

    /// How many messages wait for each flow of these tenants, on any of its edges: one request a
    /// tenant. Who cannot be asked is absent. It borrows nothing, so that a caller can go on
    /// meanwhile; dropped, it is ended.
    pub fn waiting(
        self: &Arc<Self>,
        keys: &Keys,
        tenants: BTreeSet<TenantId>,
    ) -> impl Future<Output = BTreeMap<TenantId, Waiting>> + Send + use<> {
        waiting::ask(Arc::clone(self), waiting::accounts(keys, tenants))
    }

    /// Closes connections to tenants' accounts that were not used for so long, and of more than `most`
    /// those that were not used for longest. They are opened again when there is something to do.
    pub async fn close_idle(&self, idle: Duration, most: usize) {
        let mut tenants = self.tenants.lock().await;
        let mut used: Vec<Instant> = tenants.values().map(|open| open.used).collect();
        used.sort_unstable_by(|one, other| other.cmp(one));
        let too_old = used.get(most).copied();
        tenants.retain(|_, open| {
            open.used.elapsed() < idle && too_old.is_none_or(|too_old| open.used > too_old)
        });
    }

    /// A tenant's account, with all rights in it. The connection is kept for a while.
    pub(crate) async fn tenant(&self, tenant: &TenantId, keys: &Keys) -> Result<Api, Error> {
        self.account(tenant, &keys.tenant(tenant)?.account).await
    }

    /// [`Broker::tenant`], by the account's own key.
    pub(crate) async fn account(&self, tenant: &TenantId, account: &Seed) -> Result<Api, Error> {
        let mut tenants = self.tenants.lock().await;
        let used = Instant::now();
        if let Some(open) = tenants.get_mut(tenant) {
            open.used = used;
            return Ok(open.api.clone());
        }
        let client = connect(&self.url, tenant.as_str(), account).await?;
        let api = Api::new(client);
        let open = Open {
            api: api.clone(),
            used,
        };
        tenants.insert(tenant.clone(), open);
        Ok(api)
    }

    /// Forgets the connection to an account that is closed.
    pub(crate) async fn leave(&self, tenant: &TenantId) {
        self.tenants.lock().await.remove(tenant);
        let mut draining = self.draining.lock().await;
        draining.retain(|(one, _), _| one != tenant);
    }
}

/// Connects as a user of its own, made for this connection and signed by the account itself.
async fn connect(url: &str, who: &str, account: &Seed) -> Result<Client, Error> {
    let user = Seed::of(&KeyPair::new_user())?;
    let claims = jwt::full_user("vrsky-broker", &user.public()?);
    let token = jwt::sign(&claims, now_seconds(), &account.pair()?)?;
    let refused = |source| Error::Connect {
        who: who.to_owned(),
        source,
    };
    ConnectOptions::with_credentials(&credentials_text(&token, &user))
        .map_err(|error| Error::no_answer(format!("reading own credentials as {who}"), error))?
        .name("vrsky-broker")
        .custom_inbox_prefix("_INBOX_vrsky-broker")
        .read_buffer_capacity(READ)
        .connect(url)
        .await
        .map_err(refused)
}
