//! Prints events: above a live table where a person looks, as plain lines where none does, as JSON
//! for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::Value;
use vrsky_plan::FlowId;
use vrsky_plan::report::State;

use super::event::{Event, Told};
use super::table;
use crate::output::{BAD, BOLD, DIM, GOOD, Screen, WARN};
use crate::safe;

/// Where nobody looks, counters are printed this often, if they moved.
const PERIOD: Duration = Duration::from_secs(10);

/// The one place that prints while dev runs.
#[derive(Debug)]
pub(crate) struct Console {
    screen: Screen,
    /// Lines of the table on the terminal, which the next print replaces.
    drawn: Vec<String>,
    told: BTreeMap<FlowId, Told>,
    rates: table::Rates,
    printed: Instant,
    moved: bool,
}

impl Console {
    /// Prints to `screen`.
    pub(crate) fn new(screen: Screen) -> Self {
        Self {
            screen,
            drawn: Vec::new(),
            told: BTreeMap::new(),
            rates: table::Rates::default(),
            printed: Instant::now(),
            moved: false,
        }
    }

    /// Tells one event. `text`: how it reads for people; none: not worth a line.
    fn tell(&mut self, event: &Event, text: Option<&str>) {
        if self.screen.is_document() {
            // An event is made of strings and numbers; it always serialises.
            let _ = self.screen.event(event);
        } else if let Some(text) = text {
            self.erase();
            self.screen.say(text);
            self.redraw();
        }
    }

    /// Tells one event.
    pub(crate) fn say(&mut self, event: &Event) {
        let text = words(event);
        self.tell(event, text.as_deref());
    }

    /// Tells findings, drawn with their source.
    pub(crate) fn findings(&mut self, event: &Event, drawn: &str) {
        self.tell(event, Some(drawn).filter(|it| !it.is_empty()));
    }

    /// Takes in what a flow does; prints what is news.
    pub(crate) fn report(&mut self, told: Told, at_ms: u64) {
        let before = self.told.get(&told.flow);
        if before == Some(&told) {
            self.rates.quiet(&told.flow, at_ms);
            return;
        }
        let news = news(before, &told);
        self.rates.take(&told, at_ms);
        self.moved = true;
        self.told.insert(told.flow.clone(), told.clone());
        let event = Event::Report(Box::new(told));
        self.tell(&event, news.as_deref());
    }

    /// Forgets flows that are gone.
    pub(crate) fn keep(&mut self, exists: impl Fn(&FlowId) -> bool) {
        self.told.retain(|flow, _| exists(flow));
        self.rates.keep(&exists);
    }

    /// Redraws the table, or prints counters now and then.
    pub(crate) fn tick(&mut self) {
        if self.screen.is_watched() {
            // What stands there already is left alone, or it flickers.
            if self.table() != self.drawn {
                self.erase();
                self.redraw();
            }
        } else if !self.screen.is_document() && self.moved && self.printed.elapsed() > PERIOD {
            self.moved = false;
            self.printed = Instant::now();
            let width = self.screen.width();
            self.screen
                .say(&table::draw(&self.told, &self.rates, width).join("\n"));
        }
    }

    /// Removes the table, before the last words.
    pub(crate) fn erase(&mut self) {
        if !self.drawn.is_empty() {
            self.screen.erase_lines(self.drawn.len());
            self.drawn.clear();
        }
    }

    fn redraw(&mut self) {
        let lines = self.table();
        if !lines.is_empty() {
            self.screen.say(&lines.join("\n"));
        }
        self.drawn = lines;
    }

    /// The table as it fits the terminal; empty where there is none.
    fn table(&self) -> Vec<String> {
        if !self.screen.is_watched() || self.told.is_empty() {
            return Vec::new();
        }
        let mut lines = table::draw(&self.told, &self.rates, self.screen.width());
        let height = self.screen.height().max(6);
        if lines.len() + 2 > height {
            let left = lines.len() + 3 - height;
            lines.truncate(height - 3);
            lines.push(format!("{DIM}… and {left} more{DIM:#}"));
        }
        lines
    }
}

/// How an event reads; none where it is not worth a line.
fn words(event: &Event) -> Option<String> {
    let text = match event {
        Event::Ready { urls, nats, ms } => {
            let mut text = format!("{GOOD}ready{GOOD:#} in {ms} ms {DIM}(nats {nats}){DIM:#}");
            for (tenant, url) in urls {
                let _ = write!(
                    text,
                    "\n  {tenant} takes webhooks in at {BOLD}{url}{BOLD:#}"
                );
            }
            text.push_str("\n  save a manifest and it takes effect; Ctrl-C ends everything");
            text
        }
        Event::Applied {
            ms,
            flows,
            actions,
            revoked,
            confirmed,
        } => {
            let what = if flows.is_empty() {
                match actions.len() {
                    0 => "nothing to change".to_owned(),
                    count => format!("{count} writes at the broker"),
                }
            } else {
                flows.join(", ")
            };
            let mut text = if *confirmed {
                format!("{GOOD}in effect{GOOD:#} after {ms} ms: {what}")
            } else {
                format!(
                    "{WARN}written{WARN:#}, not yet confirmed by its runtime after {ms} ms: {what}"
                )
            };
            for end in revoked {
                let _ = write!(
                    text,
                    "\n  {WARN}revoked{WARN:#} grant {}: {} reads nothing more ({} messages removed)",
                    safe::line(&end.grant),
                    end.flow,
                    end.purged
                );
            }
            text
        }
        Event::Runtime {
            tenant,
            pid,
            state,
            reason,
            restart_in_ms,
        } => {
            let mut text = format!("runtime of {tenant} {state} {DIM}(pid {pid}){DIM:#}");
            if let Some(reason) = reason {
                let _ = write!(text, ": {}", safe::line(reason));
            }
            if let Some(pause) = restart_in_ms {
                text = format!("{BAD}{text}{BAD:#}; starting it again in {pause} ms");
            }
            text
        }
        Event::Output { tenant, line } => {
            format!("{DIM}{tenant} |{DIM:#} {}", safe::line(&log_words(line)))
        }
        Event::Trouble { error } => format!("{BAD}trouble{BAD:#}: {}", safe::lines(error)),
        Event::Stopped => "stopped; the state is kept in .vrsky (`--fresh` forgets it)".to_owned(),
        Event::Diagnostics { .. } | Event::Report(_) => return None,
    };
    Some(text)
}

/// A runtime's log line is JSON; a person wants its level and its words.
fn log_words(line: &str) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str(line) else {
        return line.to_owned();
    };
    // Declared events of the runtime have a name instead of a sentence.
    let words = fields.get("message").or_else(|| fields.get("event"));
    let (Some(Value::String(level)), Some(Value::String(message))) = (fields.get("level"), words)
    else {
        return line.to_owned();
    };
    let mut text = format!("{level} {message}");
    for (name, value) in &fields {
        if !["timestamp", "level", "message", "event", "target"].contains(&name.as_str()) {
            let _ = write!(text, " {name}={value}");
        }
    }
    text
}

/// What changed that a person wants to read at once.
fn news(before: Option<&Told>, told: &Told) -> Option<String> {
    let mut lines = Vec::new();
    let at = |spot: &Option<super::event::Spot>| {
        spot.as_ref()
            .map_or(String::new(), |spot| format!("{spot}: "))
    };
    if before.is_none_or(|before| before.state != told.state) {
        match &told.state {
            State::Blocked { reason, .. } => lines.push(format!(
                "{BAD}blocked{BAD:#} {}{}: {}",
                at(&told.at),
                told.flow,
                safe::line(reason)
            )),
            State::Suspended => lines.push(format!("{WARN}suspended{WARN:#} {}", told.flow)),
            State::Running if before.is_some() => {
                lines.push(format!("{GOOD}running{GOOD:#} {}", told.flow));
            }
            State::Running => {}
        }
    }
    let key = |error: &super::event::ToldError| (error.path.clone(), error.message.clone());
    if let Some(error) = &told.last_error
        && before.and_then(|it| it.last_error.as_ref()).map(key) != Some(key(error))
    {
        lines.push(format!(
            "{BAD}failing{BAD:#} {}{} {}: {}",
            at(&error.at),
            told.flow,
            safe::line(&error.path),
            safe::line(&error.message)
        ));
    }
    if lines.is_empty() {
        None
    } else {
        Some(lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_end_of_a_grant_is_told_with_its_name() {
        let end = vrsky_broker::Revoked {
            grant: "acme/orders-for-globex".to_owned(),
            owner: vrsky_plan::TenantId::of("acme"),
            reader: vrsky_plan::TenantId::of("globex"),
            flow: FlowId::new("globex", "fulfil").unwrap(),
            purged: 3,
            at_ms: 0,
        };
        let text = words(&Event::Applied {
            ms: 7,
            flows: vec!["acme/shop-orders".to_owned()],
            actions: Vec::new(),
            revoked: vec![end],
            confirmed: true,
        });
        let plain = anstream::adapter::strip_str(&text.unwrap()).to_string();
        assert_eq!(
            plain,
            "in effect after 7 ms: acme/shop-orders\n  revoked grant acme/orders-for-globex: globex/fulfil reads nothing more (3 messages removed)"
        );
    }
}
