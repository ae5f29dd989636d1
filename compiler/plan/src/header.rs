//! Headers of messages in transit and of dead letters.

/// The message's id, from the source on; equal for every copy and attempt.
pub const MESSAGE: &str = "Vrsky-Message";
/// JSON of the message's metadata (`%` in expressions), where the source gives any.
pub const METADATA: &str = "Vrsky-Metadata";
/// Attempts so far, in decimal; absent for 0.
pub const ATTEMPTS: &str = "Vrsky-Attempts";
/// When a waiting message is due, in milliseconds since 1970.
pub const DUE: &str = "Vrsky-Due";
/// Dead letters: the flow, `<namespace>/<name>`.
pub const FLOW: &str = "Vrsky-Flow";
/// Dead letters: the generation and the program's hash, `<generation>/<hash>`.
pub const GENERATION: &str = "Vrsky-Generation";
/// Dead letters: the step or sink that gave up.
pub const STEP: &str = "Vrsky-Step";
/// Dead letters: its field path.
pub const PATH: &str = "Vrsky-Path";
/// Dead letters: the error, one line.
pub const ERROR: &str = "Vrsky-Error";
/// Dead letters: when, RFC 3339.
pub const TIME: &str = "Vrsky-Time";
/// Dead letters: the edge's subject, where a redrive puts the message.
pub const EDGE: &str = "Vrsky-Edge";
/// Redriven messages: how often.
pub const REDRIVEN: &str = "Vrsky-Redriven";
/// Waiting messages and dead letters: the one output that is still to be taken, where the others of
/// the stage were.
pub const OUTPUT: &str = "Vrsky-Output";
