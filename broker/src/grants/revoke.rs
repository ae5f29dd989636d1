//! Revocation, in the one order that leaves nothing on the way: the owner's consumer first (an
//! import that is merely taken away goes on delivering to an outstanding request), then the reader's
//! imports and source, then reading all of it back.

use async_nats::jetstream::stream::Config;
use vrsky_plan::grant::Revocation;
use vrsky_plan::{ConsumerName, TenantId};

use super::{HeldImport, conclude, count, held, remove_sources};
use crate::accounts::without_import;
use crate::api::Api;
use crate::keys::now_millis;
use crate::{Applied, Broker, Error, Keys, Revoked, Verb, streams};

/// Ends imports of one reader. What is done goes into `applied` at once, so that it is told even if
/// a later step fails; `revoked` only after all of it was read back, and noted: told twice, it would
/// count twice. Until then the reader's transit stream remembers what ends, so that whoever is cut short
/// is finished, and told, by the next one.
pub(crate) async fn revoke(
    broker: &Broker,
    keys: &Keys,
    reader: &TenantId,
    ended: &[HeldImport],
    applied: &mut Applied,
) -> Result<(), Error> {
    for import in ended {
        delete_consumer(broker, keys, import, applied).await?;
    }
    take_imports(broker, keys, reader, ended, applied).await?;
    let api = broker.tenant(reader, keys).await?;
    let remove = |config: &mut _| remove_sources(config, ended);
    update(&api, reader, applied, remove).await?;
    verify(broker, keys, reader, ended).await?;
    let at_ms = now_millis();
    let mut concluded = Vec::new();
    for import in ended {
        let purged = match import.revocation {
            Revocation::Drain => 0,
            Revocation::Cut => cut(&api, reader, import, applied).await?,
        };
        let revoked = Revoked {
            grant: import.grant.clone(),
            owner: import.owner.clone(),
            reader: reader.clone(),
            flow: import.flow.clone(),
            purged,
            at_ms,
        };
        concluded.push((import.clone(), revoked));
    }
    let conclude = |config: &mut _| conclude(config, &concluded);
    update(&api, reader, applied, conclude).await?;
    let revoked = concluded.into_iter().map(|(_, revoked)| revoked);
    applied.revoked.extend(revoked);
    Ok(())
}

/// Removes what waits for the reading flow, and says how much. Noted before it is done: whoever is
/// killed in between has a successor that finds nothing left to count.
async fn cut(
    api: &Api,
    reader: &TenantId,
    import: &HeldImport,
    applied: &mut Applied,
) -> Result<u64, Error> {
    let transit = reader.transit_stream();
    let subject = format!("e.{}.>", import.flow.token());
    let waiting = api.subjects(transit.as_str(), &subject).await?;
    let waiting = waiting.unwrap_or_default().into_values().sum();
    if waiting > import.counted {
        let note = |config: &mut _| count(config, import, waiting);
        update(api, reader, applied, note).await?;
    }
    let purged = api.purge(transit.as_str(), &subject).await?;
    if purged > 0 {
        applied.purged(reader, &subject, purged);
    }
    Ok(purged.max(import.counted))
}

/// Changes the reader's transit stream, if it is there.
async fn update(
    api: &Api,
    reader: &TenantId,
    applied: &mut Applied,
    change: impl FnOnce(&mut Config),
) -> Result<(), Error> {
    let transit = reader.transit_stream();
    let Some(info) = api.stream(transit.as_str(), "e.none").await? else {
        return Ok(());
    };
    if streams::make(api, Some(info.config), change).await? != streams::Made::Nothing {
        applied.did(reader, Verb::UpdateStream, transit.as_str());
    }
    Ok(())
}

async fn delete_consumer(
    broker: &Broker,
    keys: &Keys,
    import: &HeldImport,
    applied: &mut Applied,
) -> Result<(), Error> {
    if owner_is_gone(broker, keys, &import.owner).await? {
        return Ok(());
    }
    let stream = import.owner.shared_stream();
    let api = broker.tenant(&import.owner, keys).await?;
    if api
        .delete_consumer(stream.as_str(), &import.consumer)
        .await?
    {
        applied.did(&import.owner, Verb::DeleteConsumer, &import.consumer);
    }
    Ok(())
}

/// Pushes the reader's account as it is but for the imports that end: whatever else the plan changes
/// must not hold this up.
async fn take_imports(
    broker: &Broker,
    keys: &Keys,
    reader: &TenantId,
    ended: &[HeldImport],
    applied: &mut Applied,
) -> Result<(), Error> {
    let account = keys.tenant(reader)?.account.public()?;
    let Some(before) = broker.resolver.look_up(&account).await? else {
        return Ok(());
    };
    let mut claims = before.clone();
    for import in ended {
        if let Ok(consumer) = ConsumerName::new(&import.consumer) {
            without_import(&mut claims, &consumer);
        }
    }
    if broker.resolver.make(&claims, Some(&before)).await? {
        applied.did(reader, Verb::PushAccount, reader.as_str());
    }
    Ok(())
}

async fn verify(
    broker: &Broker,
    keys: &Keys,
    reader: &TenantId,
    ended: &[HeldImport],
) -> Result<(), Error> {
    let api = broker.tenant(reader, keys).await?;
    let info = api
        .stream(reader.transit_stream().as_str(), "e.none")
        .await?;
    let still = info.map(|info| held(&info.config)).unwrap_or_default();
    for import in ended {
        let stream = import.owner.shared_stream();
        let consumer_left = !owner_is_gone(broker, keys, &import.owner).await?
            && broker
                .tenant(&import.owner, keys)
                .await?
                .has_consumer(stream.as_str(), &import.consumer)
                .await?;
        if consumer_left || still.contains_key(&import.consumer) {
            return Err(Error::NotVerified {
                what: format!("the end of grant {}", import.grant),
            });
        }
    }
    Ok(())
}

/// True if the owner's account is closed: its streams are deleted, and nobody can connect to it.
async fn owner_is_gone(broker: &Broker, keys: &Keys, owner: &TenantId) -> Result<bool, Error> {
    let Ok(own) = keys.tenant(owner) else {
        return Ok(true);
    };
    let claims = broker.resolver.look_up(&own.account.public()?).await?;
    Ok(claims.is_none_or(|claims| crate::accounts::is_closed(&claims)))
}
