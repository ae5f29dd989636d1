//! One row of the table in `docs/status.md`, and how it becomes conditions.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::facts::{Apply, Trouble};
use super::reason;

/// How long a cause may last that somebody else can mend, before it counts as stalled.
pub const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// Bounds every text.
const MAX_CHARACTERS: usize = 1000;

/// What the four conditions say, and what else is true.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) accepted: Said,
    pub(super) resolved: Said,
    pub(super) programmed: Said,
    pub(super) ready: Said,
    pub(super) progress: Progress,
    /// Type and what it says, for those that stand only when true.
    pub(super) extras: Vec<(&'static str, Said)>,
}

/// What one condition says.
#[derive(Clone, Debug)]
pub(super) struct Said {
    truth: Truth,
    pub(super) why: Why,
    /// The generation that it describes.
    generation: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    True,
    False,
    Unknown,
}

/// A word for machines and a sentence for people.
#[derive(Clone, Debug)]
pub(super) struct Why {
    pub(super) reason: Cow<'static, str>,
    pub(super) message: String,
}

/// Whether anything is under way.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    /// Nothing is left to do.
    Settled,
    /// The operator is at it. If somebody else has to mend it, it stalls after [`PATIENCE`].
    Reconciling(Why),
    /// It goes on only when a person does something.
    Stalled(Why),
}

impl Why {
    pub(super) fn new(reason: impl Into<Cow<'static, str>>, message: impl AsRef<str>) -> Self {
        Self {
            reason: reason.into(),
            message: one_line(message.as_ref(), MAX_CHARACTERS),
        }
    }

    /// The same cause, with a sentence more.
    pub(super) fn and(&self, more: &str) -> Self {
        Self::new(self.reason.clone(), format!("{}. {more}", self.message))
    }
}

impl From<Trouble<'_>> for Why {
    fn from(trouble: Trouble<'_>) -> Self {
        Self::new(reason::word(trouble.reason), trouble.message)
    }
}

impl Said {
    pub(super) fn yes(generation: i64, why: Why) -> Self {
        Self::new(Truth::True, generation, why)
    }

    pub(super) fn no(generation: i64, why: Why) -> Self {
        Self::new(Truth::False, generation, why)
    }

    pub(super) fn unknown(generation: i64, why: Why) -> Self {
        Self::new(Truth::Unknown, generation, why)
    }

    pub(super) fn is_true(&self) -> bool {
        self.truth == Truth::True
    }

    fn new(truth: Truth, generation: i64, why: Why) -> Self {
        Self {
            truth,
            why,
            generation,
        }
    }

    fn carried(kind: &str, generation: i64, previous: &[Condition]) -> Self {
        let Some(condition) = find(previous, kind) else {
            return Self::unknown(generation, Why::new(reason::DELETING, "being deleted"));
        };
        let truth = match condition.status.as_str() {
            "True" => Truth::True,
            "False" => Truth::False,
            _ => Truth::Unknown,
        };
        let described = condition.observed_generation.unwrap_or(generation);
        let why = Why::new(condition.reason.clone(), &condition.message);
        Self::new(truth, described.min(generation), why)
    }
}

impl Row {
    /// All is well, as far as the compiler can tell; nothing is said of the rest yet.
    pub(super) fn resolved(generation: i64, programmed: Said, ready: Said, to: Progress) -> Self {
        let accepted = Why::new(reason::ACCEPTED, "the compiler has proved it");
        let resolved = Why::new(reason::RESOLVED, "all that it refers to is there");
        Self {
            accepted: Said::yes(generation, accepted),
            resolved: Said::yes(generation, resolved),
            programmed,
            ready,
            progress: to,
            extras: Vec::new(),
        }
    }

    /// The object's own text is wrong.
    pub(super) fn rejected(generation: i64, why: Why) -> Self {
        let not_checked = "not every reference can be checked while the manifest has mistakes";
        let mut row = Self::withheld(generation, why.clone(), Progress::Stalled(why.clone()));
        row.accepted = Said::no(generation, why);
        row.resolved = Said::unknown(generation, Why::new(reason::NOT_CHECKED, not_checked));
        row
    }

    /// What it refers to is not there.
    pub(super) fn unresolved(generation: i64, why: &Why, progress: Progress) -> Self {
        let mut row = Self::withheld(generation, why.clone(), progress);
        row.resolved = Said::no(generation, why.clone());
        row
    }

    /// It is right, and nothing is done for it.
    pub(super) fn withheld(generation: i64, why: Why, progress: Progress) -> Self {
        let programmed = Said::no(generation, why.clone());
        Self::resolved(generation, programmed, Said::no(generation, why), progress)
    }

    /// It is right, and it is there once it is applied: nothing reports of it.
    pub(super) fn carried_out(generation: i64, apply: Apply<'_>, ready: Why) -> Self {
        let row = Self::applied(generation, apply, Said::yes(generation, ready));
        match &row.progress {
            Progress::Reconciling(why) => Self {
                ready: Said::no(generation, why.clone()),
                ..row
            },
            _ => row,
        }
    }

    /// It is right; `Programmed` follows what was applied. Whether it is ready says the caller, who
    /// knows what runs; only an answer needs a broker that can be asked.
    pub(super) fn applied(generation: i64, apply: Apply<'_>, ready: Said) -> Self {
        let (programmed, progress) = match apply {
            Apply::Done => {
                let why = Why::new(reason::PROGRAMMED, "the plan is carried out");
                (Said::yes(generation, why), Progress::Settled)
            }
            Apply::Pending => {
                let why = Why::new(reason::PROGRESSING, "the plan is being carried out");
                (
                    Said::no(generation, why.clone()),
                    Progress::Reconciling(why),
                )
            }
            Apply::Failed(trouble) => {
                let why = Why::from(trouble).and("It is tried again");
                (
                    Said::no(generation, why.clone()),
                    Progress::Reconciling(why),
                )
            }
            Apply::Away { message } => {
                let text = format!(
                    "the broker does not answer, so nothing can be seen or changed: {message}"
                );
                let why = Why::new(reason::BROKER_UNAVAILABLE, text);
                (
                    Said::unknown(generation, why.clone()),
                    Progress::Reconciling(why),
                )
            }
        };
        let ready = match &progress {
            Progress::Reconciling(why)
                if !ready.is_true() || matches!(apply, Apply::Away { .. }) =>
            {
                Said::no(generation, why.clone())
            }
            _ => ready,
        };
        Self::resolved(generation, programmed, ready, progress)
    }

    /// It is being deleted: what was said before stands, but that it is ready.
    pub(super) fn deleting(generation: i64, why: Why, previous: &[Condition]) -> Self {
        Self {
            accepted: Said::carried("Accepted", generation, previous),
            resolved: Said::carried("ResolvedRefs", generation, previous),
            programmed: Said::carried("Programmed", generation, previous),
            ready: Said::no(generation, why.clone()),
            progress: Progress::Reconciling(why),
            extras: Vec::new(),
        }
    }

    /// The row with a condition that stands only when true.
    pub(super) fn with(mut self, kind: &'static str, said: Option<Said>) -> Self {
        self.extras.extend(said.map(|said| (kind, said)));
        self
    }

    /// The conditions. Times are those of `previous` where a status did not change.
    pub(super) fn conditions(
        self,
        generation: i64,
        previous: &[Condition],
        now: Timestamp,
    ) -> Vec<Condition> {
        let write = |kind: &str, said: Said| write(kind, said, previous, now);
        let mut conditions = vec![
            write("Accepted", self.accepted),
            write("ResolvedRefs", self.resolved),
            write("Programmed", self.programmed),
            write("Ready", self.ready),
        ];
        match self.progress {
            Progress::Settled => {}
            Progress::Stalled(why) => conditions.push(write("Stalled", Said::yes(generation, why))),
            Progress::Reconciling(why) => {
                conditions.push(write("Reconciling", Said::yes(generation, why.clone())));
                let stalled_before = find(previous, "Stalled").is_some_and(|stalled| {
                    stalled.status == "True"
                        && stalled.reason == why.reason
                        && stalled.observed_generation == Some(generation)
                });
                let over = patience_ends(&conditions).is_some_and(|end| end <= now);
                if reason::may_come(&why.reason) && (stalled_before || over) {
                    conditions.pop();
                    conditions.push(write("Stalled", Said::yes(generation, why)));
                }
            }
        }
        conditions.extend(
            self.extras
                .into_iter()
                .map(|(kind, said)| write(kind, said)),
        );
        conditions
    }
}

/// When `Reconciling` becomes `Stalled`, if nothing else changes: counted from the last change of
/// anything that says that not all is well.
pub(super) fn patience_ends(conditions: &[Condition]) -> Option<Timestamp> {
    let reconciling = find(conditions, "Reconciling").filter(|one| one.status == "True")?;
    if !reason::may_come(&reconciling.reason) {
        return None;
    }
    let gates = ["Accepted", "ResolvedRefs", "Programmed", "Ready"];
    let since = conditions
        .iter()
        .filter(|one| gates.contains(&one.type_.as_str()) && one.status != "True")
        .chain([reconciling])
        .map(|one| one.last_transition_time.0)
        .max()?;
    since.checked_add(PATIENCE).ok()
}

/// A condition by its type.
pub(super) fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}

/// One line of at most `most` characters.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    let printable = line.chars().filter(|one| !one.is_control());
    if line.chars().count() <= most {
        return printable.collect();
    }
    printable
        .take(most.saturating_sub(1))
        .chain(['…'])
        .collect()
}

fn write(kind: &str, said: Said, previous: &[Condition], now: Timestamp) -> Condition {
    let status = match said.truth {
        Truth::True => "True",
        Truth::False => "False",
        Truth::Unknown => "Unknown",
    };
    let last_transition_time = find(previous, kind)
        .filter(|before| before.status == status)
        .map_or_else(
            || Time(whole_seconds(now)),
            |before| before.last_transition_time.clone(),
        );
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: said.why.reason.into_owned(),
        message: said.why.message,
        observed_generation: Some(said.generation),
        last_transition_time,
    }
}

/// What survives the way through the API server.
pub(super) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
