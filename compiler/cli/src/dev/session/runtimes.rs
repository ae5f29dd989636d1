//! The runtimes of a session: one per tenant of the plan.

use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;
use vrsky_plan::{Plan, TenantName};

use super::{Kept, Session};
use crate::dev::event::Event;
use crate::dev::process::Process;
use crate::dev::runtime::{self, Happening, Launch};
use crate::dev::state;

impl Session {
    pub(super) async fn stop_runtimes_without(&mut self, plan: &Plan) {
        let gone: Vec<TenantName> = self
            .runtimes
            .keys()
            .filter(|tenant| !plan.tenants.contains_key(*tenant))
            .cloned()
            .collect();
        for tenant in gone {
            if let Some(kept) = self.runtimes.remove(&tenant) {
                kept.stop.cancel();
                self.ended(kept).await;
            }
        }
    }

    /// Waits for a runtime that was asked to end. Happenings are taken meanwhile: a full channel
    /// would hold its task up for ever.
    pub(super) async fn ended(&mut self, mut kept: Kept) {
        loop {
            tokio::select! {
                _ = &mut kept.task => return,
                Some(happening) = self.happenings.recv() => {
                    let _ = self.happened(happening);
                }
            }
        }
    }

    pub(super) fn start_runtimes_of(&mut self, plan: &Plan) -> anyhow::Result<()> {
        for (name, tenant) in &plan.tenants {
            for role in tenant.roles.keys() {
                let file = runtime::creds_file(self.state.folder(), name, role);
                let text = self.keys.credentials(&tenant.id, role)?;
                if std::fs::read_to_string(&file).ok().as_deref() != Some(&text) {
                    state::write_private(&file, text.as_bytes())?;
                }
            }
            self.state
                .memory
                .tenants
                .insert(name.clone(), tenant.id.to_string());
            if self.runtimes.contains_key(name) {
                continue;
            }
            let port = self.state.port(name, self.listen)?;
            let listen = SocketAddr::new(self.listen.ip(), port);
            let launch = Launch {
                binary: self.binary.clone(),
                tenant: name.clone(),
                tenant_id: tenant.id.clone(),
                nats: self.state.memory.nats.clone().unwrap_or_default(),
                creds: runtime::creds_file(self.state.folder(), name, "runtime"),
                listen,
                secrets: self.secrets_folder(),
                folder: self.root.clone(),
            };
            let stop = CancellationToken::new();
            let task = runtime::keep(launch, self.sender.clone(), stop.clone());
            let kept = Kept {
                stop,
                task,
                process: None,
                listen,
            };
            self.runtimes.insert(name.clone(), kept);
        }
        self.state
            .memory
            .tenants
            .retain(|name, _| plan.tenants.contains_key(name));
        self.state.save()
    }

    pub(super) fn happened(&mut self, happening: Happening) -> anyhow::Result<()> {
        let event = match happening {
            Happening::Line { tenant, text } => Event::Output { tenant, line: text },
            Happening::Started { tenant, process } => {
                let pid = process.pid;
                if let Some(kept) = self.runtimes.get_mut(&tenant) {
                    kept.process = Some(process);
                }
                self.remember_processes()?;
                Event::Runtime {
                    tenant,
                    pid,
                    state: "started",
                    reason: None,
                    restart_in_ms: None,
                }
            }
            Happening::Exited {
                tenant,
                pid,
                reason,
                again,
            } => {
                if let Some(kept) = self.runtimes.get_mut(&tenant) {
                    kept.process = None;
                }
                self.remember_processes()?;
                let restart_in_ms = again.map(|pause| pause.as_millis() as u64);
                Event::Runtime {
                    tenant,
                    pid,
                    state: "exited",
                    reason: Some(reason),
                    restart_in_ms,
                }
            }
        };
        self.console.say(&event);
        Ok(())
    }

    /// For the next start, should this process be killed.
    pub(super) fn remember_processes(&mut self) -> anyhow::Result<()> {
        let server = self.server.as_ref().map(|server| Process::of(server.id()));
        let runtimes = self
            .runtimes
            .values()
            .filter_map(|kept| kept.process.clone());
        self.state.memory.processes = runtimes.chain(server).collect();
        self.state.save()
    }
}
