//! The walk over a parsed expression, before VRL types it: what expressions may not do, functions
//! and fields that do not exist, and what typing will cost.

mod calls;
mod containers;
mod growth;
mod operands;
mod reads;
mod variables;
mod writes;

use vrl::parser::ast::{self, Expr, Literal, Node, Opcode, RootExpr, Unary};
use vrsky_types::{Facts, Type};

use crate::cost::{self, Cost};
use crate::fields::{Declared, Fields, Weak};
use crate::message::METADATA;
use crate::{Mistake, MistakeKind, guard};

use growth::{Growth, Size};
pub(crate) use variables::Assumptions;
use variables::Variables;

/// What a first walk finds out and a second one writes into the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Precautions {
    /// What is assumed of variables that closures change.
    pub(crate) assumptions: Assumptions,
    /// Whether values must be measured while the program runs.
    pub(crate) meter: bool,
    /// Where VRL is wrong about writes; this needs no second walk.
    pub(crate) weak: Weak,
    /// What is known of the payload's values in the end; nor does this.
    pub(crate) facts: Facts,
}

impl Precautions {
    /// Whether the program can do without.
    pub(crate) fn is_empty(&self) -> bool {
        self.assumptions.is_empty() && !self.meter
    }
}

/// What an expression is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Purpose {
    Filter,
    Map,
    Computed,
}

/// Levels of a syntax tree; the guard bounds it, this makes the recursion safe by itself.
const LEVELS: usize = 300;

/// The walk's state.
pub(super) struct Walk<'a> {
    source: &'a str,
    purpose: Purpose,
    payload: Fields,
    metadata: Fields,
    mistakes: Vec<Mistake>,
    operators: usize,
    level: usize,
    closures: usize,
    /// Inside `value, err = …`.
    caught: bool,
    variables: Variables,
    growth: Growth,
}

/// A node, walked.
struct Walked<T> {
    node: T,
    cost: Cost,
    declared: Option<Declared>,
    size: Size,
}

/// Whether an assignment may stand here. VRL types the state after an assignment inside an operator
/// or an argument as if it always happened, so it must be a statement.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Statement,
    Value,
}

/// Checks a program; what comes back is the same program, to be typed, and the precautions that it
/// needs. When there are any, walk again with them.
pub(crate) fn walk(
    program: ast::Program,
    source: &str,
    purpose: Purpose,
    input: &Type,
    precautions: Precautions,
) -> Result<(ast::Program, Precautions), Vec<Mistake>> {
    let mut walk = Walk {
        source,
        purpose,
        payload: Fields::new(input.kind().clone(), input.facts().clone()),
        metadata: Fields::new(METADATA.clone(), Facts::default()),
        mistakes: Vec::new(),
        operators: 0,
        level: 0,
        closures: 0,
        caught: false,
        variables: Variables::new(precautions.assumptions),
        growth: Growth::new(precautions.meter),
    };
    let mut nodes = Vec::with_capacity(program.0.len());
    let mut cost = Cost::default();
    for node in program.0 {
        let (span, root) = node.take();
        match root {
            RootExpr::Expr(expr) => {
                let walked = walk.expr(expr, Place::Statement);
                cost = cost.and(walked.cost);
                nodes.push(Node::new(span, RootExpr::Expr(walked.node)));
            }
            RootExpr::Error(error) => walk.mistakes.push(crate::diagnose::parser(&error, source)),
        }
    }
    if walk.mistakes.is_empty() && walk.operators > guard::MAX_OPERATORS {
        walk.mistakes
            .push(guard::operators_exceeded(0..source.len()));
    }
    if walk.mistakes.is_empty() && cost.compile > cost::BUDGET {
        let message = "calls and operators are nested too deeply to be typed".to_owned();
        walk.mistakes
            .push(guard::too_large(0..source.len(), message));
    }
    if walk.mistakes.is_empty() {
        let (weak, facts) = walk.payload.end();
        let found = Precautions {
            meter: walk.growth.found,
            weak,
            facts,
            assumptions: walk.variables.changed(),
        };
        return Ok((ast::Program(nodes), found));
    }
    walk.mistakes
        .sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
    walk.mistakes.dedup();
    Err(walk.mistakes)
}

impl Walk<'_> {
    fn expr(&mut self, node: Node<Expr>, place: Place) -> Walked<Node<Expr>> {
        self.level += 1;
        if self.level > LEVELS {
            self.level -= 1;
            let span = node.span().range();
            self.mistakes.push(guard::too_large(
                span,
                "the expression is nested too deeply".to_owned(),
            ));
            return Walked {
                node,
                cost: Cost::LEAF,
                declared: None,
                size: Size::default(),
            };
        }
        let (span, expr) = node.take();
        let walked = match expr {
            Expr::Literal(literal) => self.literal(literal),
            Expr::Container(container) => self.container(container, place),
            Expr::IfStatement(statement) => self.if_statement(statement),
            Expr::Op(op) => self.op(op),
            Expr::Assignment(assignment) => self.assignment(assignment, place),
            Expr::Query(query) => self.query(query),
            Expr::FunctionCall(call) => self.call(call),
            Expr::Variable(ident) => {
                let size = self.growth.variable(ident.inner(), self.closures);
                Walked {
                    size,
                    ..leaf(self.variable(ident))
                }
            }
            Expr::Unary(unary) => self.unary(unary),
            Expr::Abort(abort) => self.abort(abort),
            Expr::Return(returned) => {
                self.not_allowed(
                    span.range(),
                    "`return` is not allowed",
                    "use `if` and `else`",
                );
                leaf(Expr::Return(returned))
            }
            Expr::Break(node) => leaf(Expr::Break(node)),
        };
        self.level -= 1;
        if walked.size.is_excessive() && self.mistakes.is_empty() {
            let message =
                "the result could be more than 128 times as large as what it is made of".to_owned();
            self.mistakes.push(guard::too_large(
                crate::diagnose::within(self.source, &span.range()),
                message,
            ));
        }
        Walked {
            node: Node::new(span, walked.node),
            cost: walked.cost,
            declared: walked.declared,
            size: walked.size,
        }
    }

    fn literal(&mut self, literal: Node<Literal>) -> Walked<Expr> {
        let mut cost = Cost::LEAF;
        let mut size = Size::default();
        if let Literal::Regex(pattern) = literal.inner()
            && !guard::is_modest_pattern(pattern)
        {
            let span = crate::diagnose::within(self.source, &literal.span().range());
            self.mistakes.push(guard::too_large(
                span,
                "the regular expression repeats too much".to_owned(),
            ));
        }
        if let Literal::String(template) = literal.inner() {
            if self.variables.assumes() && template.as_literal_string().is_none() {
                let concatenation = template.rewrite_to_concatenated_strings();
                let walked = self.expr(Node::new(literal.span(), concatenation), Place::Value);
                return Walked {
                    node: walked.node.into_inner(),
                    cost: walked.cost,
                    declared: None,
                    size: walked.size,
                };
            }
            for segment in &template.0 {
                if let vrl::parser::template_string::StringSegment::Template(name, _) = segment {
                    size = size.and(self.growth.variable(name, self.closures));
                }
            }
            for _ in 1..template.0.len() {
                self.operators += 1;
                cost = cost.and(Cost::LEAF);
                cost = cost.above(cost.size, 1);
            }
        }
        let declared = Some(Declared::scalar(constant(literal.inner())));
        Walked {
            node: Expr::Literal(literal),
            cost,
            declared,
            size,
        }
    }

    fn op(&mut self, op: Node<ast::Op>) -> Walked<Expr> {
        self.operators += 1;
        let (span, ast::Op(left, code, right)) = op.take();
        let mut left = self.expr(*left, Place::Value);
        let mut right = self.expr(*right, Place::Value);
        if code.inner() == &Opcode::Mul {
            left = self.factor(left);
            right = self.factor(right);
        }
        if matches!(code.inner(), Opcode::Or | Opcode::And) {
            left = Self::operand(left);
            right = Self::operand(right);
        }
        // The right side of these may not run, and VRL types it twice for that.
        let times = if matches!(code.inner(), Opcode::Err | Opcode::Or | Opcode::And) {
            2
        } else {
            1
        };
        let right_cost = right.cost;
        let mut cost = left.cost.and(Cost {
            again: right_cost.again.saturating_mul(times),
            ..right_cost
        });
        cost = cost.above(cost.size, 1);
        let size = match code.inner() {
            Opcode::Eq | Opcode::Ne | Opcode::Lt | Opcode::Le | Opcode::Gt | Opcode::Ge => {
                Size::default()
            }
            _ => left.size.and(right.size),
        };
        let op = ast::Op(Box::new(left.node), code, Box::new(right.node));
        Walked {
            node: Expr::Op(Node::new(span, op)),
            cost,
            declared: None,
            size,
        }
    }

    fn unary(&mut self, unary: Node<Unary>) -> Walked<Expr> {
        self.operators += 1;
        let (span, Unary::Not(not)) = unary.take();
        let (not_span, not) = not.take();
        let (bang, inner) = not.take();
        let inner = self.expr(*inner, Place::Value);
        let not = Node::new(not_span, ast::Not::new(bang.span(), inner.node));
        Walked {
            node: Expr::Unary(Node::new(span, Unary::Not(not))),
            cost: inner.cost.above(4, 1),
            declared: None,
            size: Size::default(),
        }
    }

    fn abort(&mut self, abort: Node<ast::Abort>) -> Walked<Expr> {
        let (span, abort) = abort.take();
        let mut cost = Cost::LEAF;
        let message = abort.message.map(|message| {
            let walked = self.expr(*message, Place::Value);
            cost = walked.cost.above(4, 1);
            Box::new(walked.node)
        });
        Walked {
            node: Expr::Abort(Node::new(span, ast::Abort { message })),
            cost,
            declared: None,
            size: Size::default(),
        }
    }

    fn not_allowed(&mut self, span: std::ops::Range<usize>, message: &str, help: &str) {
        self.mistakes.push(Mistake {
            kind: MistakeKind::NotAllowed,
            span: crate::diagnose::within(self.source, &span),
            message: message.to_owned(),
            help: Some(help.to_owned()),
            fix: None,
        });
    }
}

/// The value of a literal; not of one that is written with escapes, or is no JSON.
fn constant(literal: &Literal) -> Option<serde_json::Value> {
    match literal {
        Literal::String(template) => template
            .as_literal_string()
            .filter(|text| !text.contains('\\'))
            .map(Into::into),
        Literal::RawString(text) if !text.contains('\\') => Some(text.as_str().into()),
        Literal::Integer(number) => Some((*number).into()),
        Literal::Boolean(value) => Some((*value).into()),
        Literal::Null => Some(serde_json::Value::Null),
        _ => None,
    }
}

fn leaf(expr: Expr) -> Walked<Expr> {
    Walked {
        node: expr,
        cost: Cost::LEAF,
        declared: None,
        size: Size::default(),
    }
}
