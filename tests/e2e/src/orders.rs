//! Orders for `examples/flows/06-cross-tenant`, good ones and poisonous ones, by number.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::ledger::Expected;
use crate::poster::Post;

/// The order with a number. The same number is the same order, everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Order(pub u32);

/// What is wrong with an order, or that nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Paid: it is shared.
    Paid,
    /// Not paid: the filter drops it.
    Open,
    /// Not JSON.
    BadJson,
    /// JSON that violates the contract.
    BadContract,
    /// A price that is no number: the map fails.
    BadPrice,
}

impl Order {
    /// Its id.
    pub fn id(self) -> String {
        format!("order-{:06}", self.0)
    }

    /// Of every 200 orders one is no JSON, one violates the contract, one fails in the map; of the
    /// others two in ten are not paid.
    pub fn sort(self) -> Sort {
        match (self.0 % 200, self.0 % 10) {
            (11, _) => Sort::BadJson,
            (83, _) => Sort::BadContract,
            (157, _) => Sort::BadPrice,
            (_, 4 | 8) => Sort::Open,
            _ => Sort::Paid,
        }
    }

    fn cents(self) -> u32 {
        100 + self.0 * 7 % 50_000
    }

    fn country(self) -> &'static str {
        ["DE", "FR", "NL", "AT"][self.0 as usize % 4]
    }

    /// As the shop posts it.
    pub fn post(self) -> Post {
        let (id, cents) = (self.id(), self.cents());
        let price = format!("{}.{:02}", cents / 100, cents % 100);
        let with = |status: &str, price: Value| json!({"id": id, "status": status, "country": self.country(), "total_price": price});
        let body = match self.sort() {
            Sort::Paid => with("paid", json!(price)),
            Sort::Open => with("open", json!(price)),
            Sort::BadContract => with("paid", json!(cents)),
            Sort::BadPrice => with("paid", json!("a lot")),
            Sort::BadJson => {
                let body = Bytes::from(format!("{{\"id\": \"{id}\", \"status\": "));
                return Post {
                    id,
                    headers: Vec::new(),
                    body,
                };
            }
        };
        Post::json(id.clone(), &body)
    }

    /// What globex' warehouse gets, if the order is shared.
    pub fn shipped(self) -> Value {
        let amount = f64::from(self.cents()) / 100.0;
        json!({"order": self.id(), "amount": amount, "country": self.country()})
    }

    /// How it must end while globex has the grant.
    pub fn expected(self) -> Expected {
        match self.sort() {
            Sort::Paid => Expected::Delivered(self.shipped()),
            Sort::Open => Expected::Filtered,
            Sort::BadJson | Sort::BadContract | Sort::BadPrice => Expected::DeadLettered,
        }
    }

    /// How it must end while the grant is revoked.
    pub fn expected_unshared(self) -> Expected {
        match self.expected() {
            Expected::Delivered(_) => Expected::Withheld,
            other => other,
        }
    }
}

/// The id in an order's text, even where that is no JSON.
pub fn id_in(text: &str) -> Option<String> {
    let at = text.find("order-")?;
    text.get(at..at + "order-000000".len()).map(str::to_owned)
}
