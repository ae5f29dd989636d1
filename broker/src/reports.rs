//! What runtimes report.

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::{Stream, StreamExt};
use vrsky_plan::platform::REPORTS;
use vrsky_plan::{Report, TenantId};

use crate::Error;
use crate::api::Api;

pub(crate) async fn follow(
    platform: &Api,
) -> Result<impl Stream<Item = (TenantId, Report)> + Send + Unpin + use<>, Error> {
    let doing = "reading reports";
    let config = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::LastPerSubject,
        filter_subject: "reports.>".to_owned(),
        ..Default::default()
    };
    let messages = platform
        .context
        .get_stream_no_info(REPORTS)
        .await
        .map_err(|error| Error::no_answer(doing, error))?
        .create_consumer(config)
        .await
        .map_err(|error| Error::no_answer(doing, error))?
        .messages()
        .await
        .map_err(|error| Error::no_answer(doing, error))?;
    Ok(Box::pin(messages.filter_map(|message| async move {
        let message = message.ok()?;
        let tenant = message.subject.split('.').nth(1)?;
        let tenant = TenantId::new(tenant).ok()?;
        // A tenant's runtime writes what it likes: what is no report is not ours to fail on.
        let report = serde_json::from_slice(&message.payload).ok()?;
        Some((tenant, report))
    })))
}
