//! Denied publishes. The server says so beside the conversation, with the subject and nothing else,
//! while whoever waits for an answer would wait until its time is up.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

/// What the server denied, as it comes.
#[derive(Debug)]
pub(crate) struct Denials(broadcast::Receiver<Arc<str>>);

impl Denials {
    pub(super) fn new(denials: &broadcast::Sender<Arc<str>>) -> Self {
        Self(denials.subscribe())
    }

    /// The subject of the next denied publish. Some are missed where there are very many.
    pub(crate) async fn next(&mut self) -> Arc<str> {
        loop {
            match self.0.recv().await {
                Ok(subject) => return subject,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// Waits until a publish to this subject is denied.
    pub(super) async fn of(&mut self, subject: &str) {
        while *self.next().await != *subject {}
    }
}

/// The subject in `Permissions Violation for Publish to "<subject>"`.
pub(super) fn subject(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Permissions Violation for Publish to \"")?;
    rest.split_once('"').map(|(subject, _)| subject)
}

#[cfg(test)]
mod tests {
    use super::subject;

    #[test]
    fn only_a_denied_publish_names_a_subject() {
        let publish = "Permissions Violation for Publish to \"e.shop_orders.in\"";
        assert_eq!(subject(publish), Some("e.shop_orders.in"));
        let subscription = "Permissions Violation for Subscription to \"e.>\"";
        assert_eq!(subject(subscription), None);
        assert_eq!(subject("Stale Connection"), None);
    }
}
