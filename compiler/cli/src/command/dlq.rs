//! `vrsky dlq`: what was given up on, and another chance for it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context as _;
use async_nats::ConnectOptions;
use serde_json::json;
use vrsky_broker::dead_letters::{self, DeadLetter};
use vrsky_plan::{FlowId, TenantId, TenantName};

use super::support::{self, Account};
use crate::arguments::{self, DlqAction, DlqSelection, DlqServer};
use crate::cluster::{Cluster, Found};
use crate::dev::{creds_file, state};
use crate::output::{BOLD, DIM, Exit, GOOD, Screen};
use crate::safe;

/// `--all` takes up to this many at once.
const ALL: usize = 100_000;

pub(super) fn run(arguments: &arguments::Dlq, screen: Screen) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(act(arguments, screen))?;
    Ok(Exit::Fine)
}

async fn act(arguments: &arguments::Dlq, screen: Screen) -> anyhow::Result<()> {
    let server = &arguments.server;
    match &arguments.action {
        DlqAction::Ls {
            tenant,
            flow,
            all_namespaces,
            limit,
        } => {
            anyhow::ensure!(
                server.cluster || !all_namespaces,
                "namespaces are in a cluster: `kubectl vrsky dlq ls -A`, or --cluster"
            );
            let accounts = match tenant {
                None if *all_namespaces => everywhere(server, screen).await?,
                Some(tenant) => vec![connect(server, tenant).await?],
                None if server.cluster => vec![in_cluster(server, None).await?],
                None => {
                    let mut accounts = Vec::new();
                    for tenant in tenants(server)? {
                        accounts.push(connect(server, &tenant).await?);
                    }
                    accounts
                }
            };
            let flow = flow_id(flow.as_deref())?;
            let mut found = Vec::new();
            for account in accounts {
                let letters =
                    dead_letters::list(&account.client, &account.id, flow.as_ref(), *limit).await?;
                let tenant = account.tenant;
                found.extend(letters.into_iter().map(|letter| (tenant.clone(), letter)));
            }
            list(&found, screen)
        }
        DlqAction::Show { tenant, sequence } => {
            let account = connect(server, tenant).await?;
            let contents = dead_letters::show(&account.client, &account.id, *sequence).await?;
            show(tenant, &contents, screen)
        }
        DlqAction::Redrive(selection) => {
            let account = connect(server, &selection.tenant).await?;
            for id in selected(&account, selection).await? {
                let letter = dead_letters::redrive(&account.client, &account.id, id).await?;
                told("redriven", &account, &letter, screen)?;
            }
            Ok(())
        }
        DlqAction::Drop(selection) => {
            let account = connect(server, &selection.tenant).await?;
            for id in selected(&account, selection).await? {
                let letter = dead_letters::discard(&account.client, &account.id, id).await?;
                told("dropped", &account, &letter, screen)?;
            }
            Ok(())
        }
    }
}

/// What the dev server of `--path` wrote down, if it runs.
fn running(server: &DlqServer) -> anyhow::Result<state::Memory> {
    let memory = state::recall(&server.path);
    anyhow::ensure!(
        memory.nats.is_some(),
        "no dev server runs on {path}; next: `vrsky dev {path}`, or say which server with `--nats`",
        path = server.path.display()
    );
    Ok(memory)
}

/// The tenants of the running dev server.
fn tenants(server: &DlqServer) -> anyhow::Result<Vec<String>> {
    anyhow::ensure!(
        server.nats.is_none(),
        "which tenant? `vrsky dlq ls TENANT --nats …`"
    );
    let memory = running(server)?;
    Ok(memory.tenants.keys().map(ToString::to_string).collect())
}

async fn connect(server: &DlqServer, tenant: &str) -> anyhow::Result<Account> {
    if server.cluster {
        return in_cluster(server, Some(tenant)).await;
    }
    let (url, creds, id): (String, PathBuf, String) =
        match (&server.nats, &server.creds, &server.tenant_id) {
            (Some(url), Some(creds), Some(id)) => (url.clone(), creds.clone(), id.clone()),
            _ => of_dev(server, tenant)?,
        };
    let credentials = ConnectOptions::with_credentials_file(&creds)
        .await
        .with_context(|| format!("cannot read {}", creds.display()))?;
    let id = TenantId::new(id)?;
    let client = support::connect(&url, &id, credentials)
        .await
        .with_context(|| {
            format!(
                "cannot connect to {url} as support of {}",
                safe::line(tenant)
            )
        })?;
    Ok(Account {
        tenant: tenant.to_owned(),
        id,
        client,
    })
}

/// The account of the tenant whose namespace it is.
async fn in_cluster(server: &DlqServer, wanted: Option<&str>) -> anyhow::Result<Account> {
    support::in_cluster(&Cluster::connect(&server.access).await?, wanted).await
}

/// The accounts of all tenants whose namespaces let this user in.
async fn everywhere(server: &DlqServer, screen: Screen) -> anyhow::Result<Vec<Account>> {
    let cluster = Cluster::connect(&server.access).await?;
    let flows = cluster.flows(None).await?;
    let namespace = |flow: &serde_json::Value| {
        let namespace = flow["metadata"]["namespace"].as_str();
        namespace.unwrap_or_default().to_owned()
    };
    let namespaces: BTreeSet<String> = flows.iter().map(namespace).collect();
    let mut accounts: Vec<Account> = Vec::new();
    for namespace in namespaces {
        let client = cluster.client.clone();
        let cluster = Cluster { client, namespace };
        // Where this user may not look there is nothing for them to see.
        let Found::There(support) = support::secret(&cluster).await? else {
            continue;
        };
        if accounts
            .iter()
            .any(|account| account.tenant == support.tenant)
        {
            continue;
        }
        match support::open(&cluster, support).await {
            Ok(account) => accounts.push(account),
            Err(error) => screen.note(&format!("{error:#}")),
        }
    }
    Ok(accounts)
}

/// Address, credentials and id, as the dev server of `--path` wrote them down.
fn of_dev(server: &DlqServer, tenant: &str) -> anyhow::Result<(String, PathBuf, String)> {
    let memory = running(server)?;
    let url = memory.nats.unwrap_or_default();
    let id = TenantName::new(tenant)
        .ok()
        .and_then(|name| memory.tenants.get(&name).cloned())
        .with_context(|| {
            let names: Vec<String> = memory.tenants.keys().map(ToString::to_string).collect();
            format!(
                "there is no tenant {}; there are: {}",
                safe::line(tenant),
                names.join(", ")
            )
        })?;
    let name = TenantName::new(tenant)?;
    Ok((
        url,
        creds_file(&server.path.join(state::FOLDER), &name, "support"),
        id,
    ))
}

fn flow_id(text: Option<&str>) -> anyhow::Result<Option<FlowId>> {
    text.map(|text| FlowId::try_from(text.to_owned()))
        .transpose()
        .context("a flow is named by its namespace and name, such as acme/orders")
}

async fn selected(account: &Account, selection: &DlqSelection) -> anyhow::Result<Vec<u64>> {
    if !selection.all {
        return Ok(selection.sequences.clone());
    }
    let flow = flow_id(selection.flow.as_deref())?;
    let letters = dead_letters::list(&account.client, &account.id, flow.as_ref(), ALL).await?;
    Ok(letters.into_iter().map(|letter| letter.id).collect())
}

fn list(letters: &[(String, DeadLetter)], screen: Screen) -> anyhow::Result<()> {
    if screen.is_document() {
        let all: Vec<_> = letters
            .iter()
            .map(|(tenant, letter)| with_tenant(tenant, json!(letter)))
            .collect();
        return screen.document(&all);
    }
    if screen.is_name() {
        for (_, letter) in letters {
            screen.say(&letter.id.to_string());
        }
        return Ok(());
    }
    if letters.is_empty() {
        screen.say("no dead letters");
        return Ok(());
    }
    let mut header = vec!["TENANT", "ID", "TIME", "FLOW", "STEP", "TRIES", "ERROR"];
    if screen.is_wide() {
        header.extend(["PATH", "MESSAGE", "REDRIVEN", "BYTES"]);
    }
    let mut table = comfy_table::Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_header(header);
    table.set_width(u16::try_from(screen.width()).unwrap_or(140));
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    for (tenant, letter) in letters {
        let mut row = vec![
            safe::line(tenant),
            letter.id.to_string(),
            safe::line(&letter.time),
            safe::line(&letter.flow),
            safe::line(&letter.step),
            letter.attempts.to_string(),
            safe::line(&letter.error),
        ];
        if screen.is_wide() {
            row.push(safe::line(&letter.path));
            row.push(safe::line(&letter.message));
            row.push(letter.redriven.to_string());
            row.push(letter.size.to_string());
        }
        table.add_row(row);
    }
    screen.say(&table.trim_fmt());
    screen.say(&format!(
        "{DIM}next: dlq show TENANT ID, or dlq redrive TENANT ID{DIM:#}"
    ));
    Ok(())
}

fn show(tenant: &str, contents: &dead_letters::Contents, screen: Screen) -> anyhow::Result<()> {
    let letter = &contents.letter;
    let text = String::from_utf8_lossy(&contents.payload);
    let payload: Option<serde_json::Value> = serde_json::from_slice(&contents.payload).ok();
    if screen.is_document() {
        let mut value = with_tenant(tenant, json!(letter));
        value["headers"] = json!(contents.headers);
        value["payload"] = payload.unwrap_or_else(|| json!(text));
        return screen.document(&value);
    }
    let pretty = match &payload {
        Some(payload) => serde_json::to_string_pretty(payload)?,
        None => text.into_owned(),
    };
    screen.say(&format!(
        "{BOLD}dead letter {} of {}{BOLD:#}\n  error: {}\n  flow: {}, step: {}, at {}\n  message: {}, {} attempts, redriven {} times, given up {}\n\n{}",
        letter.id,
        safe::line(tenant),
        safe::line(&letter.error),
        safe::line(&letter.flow),
        safe::line(&letter.step),
        safe::line(&letter.path),
        safe::line(&letter.message),
        letter.attempts,
        letter.redriven,
        safe::line(&letter.time),
        safe::lines(&pretty)
    ));
    Ok(())
}

fn told(what: &str, account: &Account, letter: &DeadLetter, screen: Screen) -> anyhow::Result<()> {
    if screen.is_document() {
        let mut value = with_tenant(&account.tenant, json!(letter));
        value["done"] = json!(what);
        return screen.event(&value);
    }
    screen.say(&format!(
        "{GOOD}{what}{GOOD:#} {} of {}",
        letter.id,
        safe::line(&letter.flow)
    ));
    Ok(())
}

fn with_tenant(tenant: &str, mut value: serde_json::Value) -> serde_json::Value {
    value["tenant"] = json!(tenant);
    value
}
