//! What the compiler would say of an object that is about to be written.

use std::mem::take;

use jiff::Timestamp;
use vrsky_compiler::Diagnostic;

use super::Operator;
use crate::index::Key;
use crate::warnings::Question;
use crate::{status, world};

impl Operator {
    /// Answers. What is known and planned stays as it is; only the compiler's memory has seen more.
    pub(super) fn foresee(&mut self, question: Question) {
        // Nobody waits any more, or nobody knows yet.
        if question.answer.is_closed() || !self.index.is_ready() {
            return;
        }
        let key = Key::of(question.kind, &question.object.metadata);
        let incumbents = take(&mut self.incumbents);
        let world = self.index.suppose(question.kind, question.object, |index| {
            world::build(
                index,
                &self.inventory.value,
                &self.staying,
                incumbents,
                self.config.nats.replicas.count(),
                Timestamp::now(),
            )
        });
        let compiled = self.compiler.compile(&world);
        self.incumbents = world.incumbents;
        let origin = key.origin();
        let found: Vec<&Diagnostic> = compiled
            .diagnostics
            .iter()
            .filter(|it| world.documents[it.primary.document].origin[..] == origin)
            .collect();
        let _ = question.answer.send(status::warnings(&found));
    }
}
