//! Assignments: statements of maps, never hidden inside operators and arguments.

use vrl::parser::ast::{self, Assignment, AssignmentOp, AssignmentTarget, Expr, Node, QueryTarget};
use vrl::path::{OwnedSegment, OwnedValuePath, PathPrefix};

use super::{Place, Size, Walk, Walked};
use crate::fields::Declared;
use crate::functions::{Assumption, Meter};

/// The furthest array position that a program may write; VRL fills what is before it with nulls.
const POSITION: isize = 1000;

impl Walk<'_> {
    pub(super) fn assignment(&mut self, node: Node<Assignment>, place: Place) -> Walked<Expr> {
        let (span, assignment) = node.take();
        if place == Place::Value {
            let help = "assign in a statement of its own, before";
            self.not_allowed(span.range(), "an assignment is not a value here", help);
        }
        match self.unmerged(assignment) {
            Assignment::Single { target, op, expr } => {
                let first = Self::constant(expr.inner());
                let mut value = self.expr(*expr, Place::Statement);
                self.target(&target, &op, value.declared.clone());
                self.assigned(&target, first);
                self.grown(&target, &op, value.size);
                value.node = self.growth.metered(Meter::Bounded, value.node);
                value.node = self.ensured(&target, value.node);
                let assignment = Assignment::Single {
                    target,
                    op,
                    expr: Box::new(value.node),
                };
                Walked {
                    node: Expr::Assignment(Node::new(span, assignment)),
                    cost: value.cost.above(16, 2),
                    declared: value.declared,
                    size: value.size,
                }
            }
            Assignment::Infallible { ok, err, op, expr } => {
                let before = std::mem::replace(&mut self.caught, true);
                let value = self.expr(*expr, Place::Statement);
                self.caught = before;
                self.target(&ok, &op, None);
                self.target(&err, &AssignmentOp::Assign, None);
                self.assigned(&ok, Assumption::Any);
                self.assigned(&err, Assumption::Any);
                self.grown(&ok, &op, value.size);
                if self.growth.meter {
                    let help = "handle the failure with `??` or `!`";
                    let message = "a program whose values may grow far beyond the message cannot use `value, err = …`";
                    self.not_allowed(span.range(), message, help);
                }
                let assignment = Assignment::Infallible {
                    ok,
                    err,
                    op,
                    expr: Box::new(value.node),
                };
                Walked {
                    node: Expr::Assignment(Node::new(span, assignment)),
                    cost: value.cost.above(16, 2),
                    declared: None,
                    size: value.size,
                }
            }
        }
    }

    /// A target gets a value of a size; `|=` adds it to what is there.
    fn grown(&mut self, target: &Node<AssignmentTarget>, op: &AssignmentOp, mut size: Size) {
        match super::variables::name(target.inner()) {
            Some((name, whole)) => {
                if !whole || *op == AssignmentOp::Merge {
                    size = size.and(self.growth.variable(name, self.closures));
                }
                self.growth.assign(name, size, self.closures);
            }
            None => self.growth.write(size),
        }
    }

    fn target(
        &mut self,
        target: &Node<AssignmentTarget>,
        op: &AssignmentOp,
        value: Option<Declared>,
    ) {
        let root = OwnedValuePath::root();
        let (prefix, path): (Option<PathPrefix>, &OwnedValuePath) = match target.inner() {
            AssignmentTarget::Noop => return,
            AssignmentTarget::Query(ast::Query { target, path }) => match target.inner() {
                QueryTarget::External(prefix) => (Some(*prefix), path.inner()),
                _ => (None, path.inner()),
            },
            AssignmentTarget::Internal(_, path) => (None, path.as_ref().unwrap_or(&root)),
            AssignmentTarget::External(path) => match path {
                Some(path) => (Some(path.prefix), &path.path),
                None => (Some(PathPrefix::Event), &root),
            },
        };
        let span = target.span().range();
        let far = path
            .segments
            .iter()
            .any(|segment| matches!(segment, OwnedSegment::Index(index) if index.abs() > POSITION));
        if far {
            let help = "VRL fills what is before it with nulls";
            self.not_allowed(
                span,
                &format!("positions beyond {POSITION} cannot be written"),
                help,
            );
            return;
        }
        // VRL knows which item that is only where it knows the length, and says so of all arrays.
        let from_end = path
            .segments
            .iter()
            .any(|segment| matches!(segment, OwnedSegment::Index(index) if *index < 0));
        if from_end {
            let help = "add items with `push(…)`, or count from the start";
            let message = "positions that count from the end cannot be written";
            self.not_allowed(span, message, help);
            return;
        }
        let Some(prefix) = prefix else { return };
        if !self.external_write(prefix, &span) {
            return;
        }
        match op {
            AssignmentOp::Assign => self.payload.write(path, value),
            AssignmentOp::Merge => self.payload.merge(path, value),
        }
    }
}
