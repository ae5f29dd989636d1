//! The live table of flows.

use std::collections::BTreeMap;

use vrsky_plan::FlowId;
use vrsky_plan::report::{Counters, State};

use super::event::Told;
use crate::output::{BAD, BOLD, DIM, GOOD, WARN};
use crate::safe;

/// Messages per second, by flow.
#[derive(Debug, Default)]
pub(crate) struct Rates(BTreeMap<FlowId, Rate>);

#[derive(Clone, Debug, Default)]
struct Rate {
    process: String,
    at_ms: u64,
    messages: u64,
    per_second: f64,
}

impl Rates {
    /// Takes in new counters.
    pub(crate) fn take(&mut self, told: &Told, at_ms: u64) {
        let messages = messages(&told.counters);
        let rate = self.0.entry(told.flow.clone()).or_default();
        let elapsed = at_ms.saturating_sub(rate.at_ms);
        rate.per_second = if rate.process == told.process && elapsed > 0 {
            messages.saturating_sub(rate.messages) as f64 * 1000.0 / elapsed as f64
        } else {
            0.0
        };
        rate.process.clone_from(&told.process);
        rate.at_ms = at_ms;
        rate.messages = messages;
    }

    /// Nothing moved since the last report.
    pub(crate) fn quiet(&mut self, flow: &FlowId, at_ms: u64) {
        if let Some(rate) = self.0.get_mut(flow)
            && at_ms > rate.at_ms
        {
            rate.per_second = 0.0;
            rate.at_ms = at_ms;
        }
    }

    /// Forgets flows that are gone.
    pub(crate) fn keep(&mut self, exists: impl Fn(&FlowId) -> bool) {
        self.0.retain(|flow, _| exists(flow));
    }

    fn of(&self, flow: &FlowId) -> f64 {
        self.0.get(flow).map_or(0.0, |rate| rate.per_second)
    }
}

/// The table's lines, none wider than `width` columns.
pub(crate) fn draw(told: &BTreeMap<FlowId, Told>, rates: &Rates, width: usize) -> Vec<String> {
    let name_width = told
        .keys()
        .map(|flow| flow.to_string().len())
        .max()
        .unwrap_or(0)
        .clamp(4, 40);
    let mut lines = vec![format!(
        "{BOLD}{:name_width$}  {:<9} {:>8} {:>8} {:>8} {:>6}  LAST ERROR{BOLD:#}",
        "FLOW", "STATE", "MSG/S", "DONE", "BACKLOG", "DEAD"
    )];
    for (flow, told) in told {
        let (style, state) = match &told.state {
            State::Running => (GOOD, "running"),
            State::Suspended => (WARN, "suspended"),
            State::Blocked { .. } => (BAD, "blocked"),
        };
        let backlog: u64 = told.backlog.values().sum();
        let name = cut(&flow.to_string(), name_width);
        let figures = format!(
            "{:>8.1} {:>8} {backlog:>8} {:>6}  ",
            rates.of(flow),
            finished(&told.counters),
            told.counters.dead_lettered
        );
        let used = name_width + 2 + 9 + 1 + figures.len();
        let error = cut(&error(told), width.saturating_sub(used + 1));
        lines.push(format!(
            "{name:name_width$}  {style}{state:<9}{style:#} {figures}{DIM}{error}{DIM:#}"
        ));
    }
    lines
}

fn error(told: &Told) -> String {
    let (spot, message) = match (&told.state, &told.last_error) {
        (State::Blocked { reason, .. }, _) => (&told.at, reason),
        (_, Some(error)) => (&error.at, &error.message),
        _ => return String::new(),
    };
    let spot = spot.as_ref().map_or(String::new(), |spot| {
        format!("{}:{} ", spot.file, spot.line)
    });
    safe::line(&format!("{spot}{message}"))
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn finished(counters: &Counters) -> u64 {
    let delivered = counters.delivered.values().max().copied().unwrap_or(0);
    delivered + counters.filtered + counters.unread + counters.errored + counters.dead_lettered
}

/// What moves a flow's rate: what it took in, or, for readers of topics, what it finished.
fn messages(counters: &Counters) -> u64 {
    counters.accepted.max(finished(counters))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use vrsky_plan::TenantName;
    use vrsky_plan::report::Cause;

    fn told(accepted: u64) -> Told {
        Told {
            tenant: TenantName::new("acme").unwrap(),
            flow: FlowId::new("acme", "orders").unwrap(),
            program: "ab".to_owned(),
            process: "one".to_owned(),
            state: State::Blocked {
                reason: "a secret\u{1b}[31m is missing ".repeat(20),
                path: None,
                cause: Cause::Other,
            },
            at: None,
            url: None,
            counters: Counters {
                accepted,
                ..Counters::default()
            },
            backlog: BTreeMap::new(),
            last_error: None,
        }
    }

    #[test]
    fn rates_count_one_process_and_fall_to_zero() {
        let mut rates = Rates::default();
        let flow = told(0).flow;
        rates.take(&told(0), 1000);
        rates.take(&told(50), 3000);
        assert!((rates.of(&flow) - 25.0).abs() < 1e-9);
        let restarted = Told {
            process: "two".to_owned(),
            ..told(3)
        };
        rates.take(&restarted, 5000);
        assert!(rates.of(&flow).abs() < 1e-9);
        rates.take(
            &Told {
                process: "two".to_owned(),
                ..told(5)
            },
            7000,
        );
        rates.quiet(&flow, 9000);
        assert!(rates.of(&flow).abs() < 1e-9);
    }

    #[test]
    fn lines_fit_and_are_safe() {
        let all = BTreeMap::from([(told(1).flow, told(1))]);
        for line in draw(&all, &Rates::default(), 100) {
            let shown = anstream::adapter::strip_str(&line).to_string();
            assert!(shown.chars().count() <= 100, "{shown}");
            assert!(!shown.contains('\u{1b}'));
        }
    }
}
