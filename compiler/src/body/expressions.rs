//! Mistakes in expressions become findings.

use granit_parser::ScalarStyle;
use vrsky_expression::{Mistake, MistakeKind};

use super::Body;
use crate::check::{eaten_expression, expression};
use crate::path::Path;
use crate::yaml::Value;

impl Body<'_, '_> {
    pub(super) fn mistakes(&mut self, path: &Path, text: &str, mistakes: Vec<Mistake>) {
        let contract = self.contract.clone();
        let contract = contract
            .as_ref()
            .map(|(object, path, foreign)| (*object, path.as_str(), *foreign));
        let syntax = mistakes
            .iter()
            .any(|mistake| mistake.kind == MistakeKind::Syntax);
        if syntax && self.cut_by_comment(path) {
            self.report(eaten_expression::comment(path, text.len()));
            return;
        }
        for mistake in mistakes {
            self.report(expression::issue(path, text, mistake, contract));
        }
    }

    /// Whether a comment follows the expression on its line.
    fn cut_by_comment(&self, path: &Path) -> bool {
        let source = &self.context.objects[self.flow.object].source;
        let Some(tree) = source.tree() else {
            return false;
        };
        let found = tree.find(path);
        let Value::Scalar(scalar) = &found.node.value else {
            return false;
        };
        let slice = &source.text[source.range.clone()];
        let rest = slice.get(found.node.span.end..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        scalar.style == ScalarStyle::Plain
            && line.starts_with([' ', '\t'])
            && line.trim_start().starts_with('#')
    }
}
