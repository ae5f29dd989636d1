//! Variables that closures change, and what is assumed of them.

use std::collections::BTreeMap;

use vrl::parser::ast::{
    self, Assignment, AssignmentOp, AssignmentTarget, Container, Expr, Literal, Node, Opcode,
    QueryTarget,
};

use super::Walk;
use crate::functions::Assumption;

/// What is assumed of each variable that a closure changes.
pub(crate) type Assumptions = BTreeMap<String, Assumption>;

/// The variables of a program, as far as the walk has come.
#[derive(Debug, Default)]
pub(super) struct Variables {
    /// Where each was first assigned (closures around it), and what its first value was.
    first: BTreeMap<String, (usize, Assumption)>,
    changed: Assumptions,
    assumptions: Assumptions,
    /// The next query names a place to look at or to delete, not a value.
    pub(super) in_place: bool,
}

impl Variables {
    pub(super) fn new(assumptions: Assumptions) -> Self {
        Self {
            assumptions,
            ..Self::default()
        }
    }

    /// Variables that a closure changes and that live outside of it.
    pub(super) fn changed(self) -> Assumptions {
        self.changed
    }

    pub(super) fn assumes(&self) -> bool {
        !self.assumptions.is_empty()
    }

    /// A closure ends, and with it the variables that it introduced.
    pub(super) fn leave(&mut self, closures: usize) {
        self.first.retain(|_, (around, _)| *around <= closures);
    }
}

impl Walk<'_> {
    /// A variable is read.
    pub(super) fn variable(&mut self, ident: Node<ast::Ident>) -> Expr {
        match self.variables.assumptions.get(ident.inner().as_ref()) {
            Some(assumption) => {
                let span = ident.span();
                call(assumption.assume(), Node::new(span, Expr::Variable(ident)))
            }
            None => Expr::Variable(ident),
        }
    }

    /// A path below a variable is read.
    pub(super) fn queried(&mut self, ident: Node<ast::Ident>) -> QueryTarget {
        let assumption = self.variables.assumptions.get(ident.inner().as_ref());
        match assumption {
            Some(assumption) if !std::mem::take(&mut self.variables.in_place) => {
                let span = ident.span();
                QueryTarget::FunctionCall(function(
                    assumption.assume(),
                    Node::new(span, Expr::Variable(ident)),
                ))
            }
            _ => QueryTarget::Internal(ident.into_inner()),
        }
    }

    /// Whether a call returns a part of a variable of which VRL has the wrong type.
    pub(super) fn forgets(&self, call: &ast::FunctionCall) -> bool {
        self.variables.assumes() && call.ident.inner().as_ref() == "del"
    }

    /// A variable is assigned; `first` is what is known of the value by its look.
    pub(super) fn assigned(&mut self, target: &Node<AssignmentTarget>, first: Assumption) {
        let Some((name, whole)) = name(target.inner()) else {
            return;
        };
        let closures = self.closures;
        let below = if is_field(target.inner()) {
            Assumption::Object
        } else {
            Assumption::Array
        };
        let variables = &mut self.variables;
        match variables.first.get(name) {
            Some((around, assumption)) if *around < closures => {
                variables.changed.insert(name.to_owned(), *assumption);
            }
            // VRL is wrong about a write below what is an object only sometimes.
            Some((_, assumption)) if !whole && *assumption != below => {
                variables.changed.insert(name.to_owned(), Assumption::Any);
            }
            Some((around, assumption)) if whole && *assumption != first => {
                variables
                    .first
                    .insert(name.to_owned(), (*around, Assumption::Any));
            }
            Some(_) => {}
            None => {
                let first = if whole { first } else { below };
                variables.first.insert(name.to_owned(), (closures, first));
            }
        }
    }

    /// The value for a variable of which something is assumed.
    pub(super) fn ensured(&self, target: &Node<AssignmentTarget>, value: Node<Expr>) -> Node<Expr> {
        let Some((name, whole)) = name(target.inner()) else {
            return value;
        };
        match self.variables.assumptions.get(name) {
            Some(Assumption::Any) | None => value,
            Some(assumption) if whole => {
                let span = value.span();
                Node::new(span, call(assumption.ensure(), value))
            }
            // A path into an object leaves an object; whatever else it is does not hold.
            Some(_) if is_field(target.inner()) => value,
            Some(assumption) => {
                let span = value.span();
                let wrong = Node::new(span, Expr::Literal(Node::new(span, Literal::Null)));
                Node::new(span, call(assumption.ensure(), wrong))
            }
        }
    }

    /// `x |= y` as `x = x | y`, so that reading `x` is a reading like any other.
    pub(super) fn unmerged(&self, assignment: Assignment) -> Assignment {
        let Assignment::Single {
            target,
            op: AssignmentOp::Merge,
            expr,
        } = assignment
        else {
            return assignment;
        };
        let assumed = name(target.inner())
            .is_some_and(|(name, _)| self.variables.assumptions.contains_key(name));
        if !assumed {
            return Assignment::Single {
                target,
                op: AssignmentOp::Merge,
                expr,
            };
        }
        let span = expr.span();
        let left = Node::new(target.span(), target.inner().to_expr(target.span()));
        let op = ast::Op(Box::new(left), Node::new(span, Opcode::Merge), expr);
        let expr = Box::new(Node::new(span, Expr::Op(Node::new(span, op))));
        Assignment::Single {
            target,
            op: AssignmentOp::Assign,
            expr,
        }
    }

    /// What can be assumed of a variable that starts with this value.
    pub(super) fn constant(expr: &Expr) -> Assumption {
        match expr {
            Expr::Literal(literal) => match literal.inner() {
                Literal::String(_) | Literal::RawString(_) => Assumption::Bytes,
                Literal::Integer(_) => Assumption::Integer,
                Literal::Float(_) => Assumption::Float,
                Literal::Boolean(_) => Assumption::Boolean,
                _ => Assumption::Any,
            },
            Expr::Container(container) => match container.inner() {
                Container::Array(_) => Assumption::Array,
                Container::Object(_) => Assumption::Object,
                _ => Assumption::Any,
            },
            _ => Assumption::Any,
        }
    }
}

/// The variable that a target names, and whether all of it.
pub(super) fn name(target: &AssignmentTarget) -> Option<(&str, bool)> {
    match target {
        AssignmentTarget::Internal(ident, path) => Some((ident.as_ref(), path.is_none())),
        AssignmentTarget::Query(query) => match query.target.inner() {
            QueryTarget::Internal(ident) => {
                Some((ident.as_ref(), query.path.inner().segments.is_empty()))
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_field(target: &AssignmentTarget) -> bool {
    let path = match target {
        AssignmentTarget::Internal(_, Some(path)) => path,
        AssignmentTarget::Query(query) => query.path.inner(),
        _ => return false,
    };
    path.segments
        .first()
        .is_some_and(vrl::path::OwnedSegment::is_field)
}

/// A call of one of our functions around an expression.
pub(super) fn call(name: &str, argument: Node<Expr>) -> Expr {
    Expr::FunctionCall(Node::new(argument.span(), function(name, argument)))
}

fn function(name: &str, argument: Node<Expr>) -> ast::FunctionCall {
    let span = argument.span();
    ast::FunctionCall {
        ident: Node::new(span, ast::Ident::new(name)),
        abort_on_error: false,
        arguments: vec![Node::new(
            span,
            ast::FunctionArgument {
                ident: None,
                expr: argument,
            },
        )],
        closure: None,
    }
}
