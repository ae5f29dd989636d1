//! The walk over a parsed expression, before VRL types it: what expressions may not do, functions
//! and fields that do not exist, and what typing will cost.

mod calls;
mod reads;
mod writes;

use vrl::parser::ast::{self, Container, Expr, Literal, Node, Opcode, RootExpr, Unary};
use vrl::value::Kind;

use crate::cost::{self, Cost};
use crate::fields::{Declared, Fields};
use crate::message::METADATA;
use crate::{Mistake, MistakeKind, guard};

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
}

/// A node, walked.
struct Walked<T> {
    node: T,
    cost: Cost,
    declared: Option<Declared>,
}

/// Whether an assignment may stand here. VRL types the state after an assignment inside an operator
/// or an argument as if it always happened, so it must be a statement.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Statement,
    Value,
}

/// Checks a program; what comes back is the same program, to be typed.
pub(crate) fn walk(
    program: ast::Program,
    source: &str,
    purpose: Purpose,
    input: &Kind,
) -> Result<ast::Program, Vec<Mistake>> {
    let mut walk = Walk {
        source,
        purpose,
        payload: Fields::new(input.clone()),
        metadata: Fields::new(METADATA.clone()),
        mistakes: Vec::new(),
        operators: 0,
        level: 0,
        closures: 0,
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
        walk.mistakes.push(guard::operators_exceeded(0..source.len()));
    }
    if walk.mistakes.is_empty() && cost.compile > cost::BUDGET {
        let message = "calls and operators are nested too deeply to be typed".to_owned();
        walk.mistakes.push(guard::too_large(0..source.len(), message));
    }
    if walk.mistakes.is_empty() {
        return Ok(ast::Program(nodes));
    }
    walk.mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
    walk.mistakes.dedup();
    Err(walk.mistakes)
}

impl Walk<'_> {
    fn expr(&mut self, node: Node<Expr>, place: Place) -> Walked<Node<Expr>> {
        self.level += 1;
        if self.level > LEVELS {
            self.level -= 1;
            let span = node.span().range();
            self.mistakes.push(guard::too_large(span, "the expression is nested too deeply".to_owned()));
            return Walked { node, cost: Cost::LEAF, declared: None };
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
            Expr::Variable(ident) => leaf(Expr::Variable(ident)),
            Expr::Unary(unary) => self.unary(unary),
            Expr::Abort(abort) => self.abort(abort),
            Expr::Return(returned) => {
                self.not_allowed(span.range(), "`return` is not allowed", "use `if` and `else`");
                leaf(Expr::Return(returned))
            }
            Expr::Break(node) => leaf(Expr::Break(node)),
        };
        self.level -= 1;
        Walked { node: Node::new(span, walked.node), cost: walked.cost, declared: walked.declared }
    }

    fn literal(&mut self, literal: Node<Literal>) -> Walked<Expr> {
        let mut cost = Cost::LEAF;
        if let Literal::String(template) = literal.inner() {
            for _ in 1..template.0.len() {
                self.operators += 1;
                cost = cost.and(Cost::LEAF);
                cost = cost.above(cost.size, 1);
            }
        }
        let declared = Some(Declared::scalar());
        Walked { node: Expr::Literal(literal), cost, declared }
    }

    fn container(&mut self, container: Node<Container>, place: Place) -> Walked<Expr> {
        let (span, container) = container.take();
        let walked = match container {
            Container::Group(group) => {
                let (group_span, group) = group.take();
                let inner = self.expr(group.into_inner(), place);
                let group = Node::new(group_span, ast::Group(inner.node));
                Walked {
                    node: Container::Group(Box::new(group)),
                    cost: inner.cost.above(1, 1),
                    declared: inner.declared,
                }
            }
            Container::Block(block) => {
                let block = self.block(block);
                Walked { node: Container::Block(block.node), cost: block.cost, declared: None }
            }
            Container::Array(array) => {
                let (array_span, array) = array.take();
                let mut cost = Cost::default();
                let items = array
                    .into_iter()
                    .map(|item| {
                        let item = self.expr(item, Place::Value);
                        cost = cost.and(item.cost);
                        item.node
                    })
                    .collect::<Vec<_>>();
                let array = Node::new(array_span, items.into_iter().collect::<ast::Array>());
                Walked { node: Container::Array(array), cost: cost.above(4, 1), declared: None }
            }
            Container::Object(object) => {
                let (object_span, object) = object.take();
                let mut cost = Cost::default();
                let mut declared = Vec::new();
                let mut fields = Vec::new();
                for (key, value) in object {
                    let value = self.expr(value, Place::Value);
                    cost = cost.and(value.cost);
                    declared.push((key.inner().clone(), value.declared));
                    fields.push((key, value.node));
                }
                let object = Node::new(object_span, fields.into_iter().collect::<ast::Object>());
                Walked {
                    node: Container::Object(object),
                    cost: cost.above(4, 1),
                    declared: Some(Declared::object(declared)),
                }
            }
        };
        Walked {
            node: Expr::Container(Node::new(span, walked.node)),
            cost: walked.cost,
            declared: walked.declared,
        }
    }

    fn block(&mut self, block: Node<ast::Block>) -> Walked<Node<ast::Block>> {
        let (span, block) = block.take();
        let mut cost = Cost::default();
        let nodes = block
            .into_iter()
            .map(|node| {
                let walked = self.expr(node, Place::Statement);
                cost = cost.and(walked.cost);
                walked.node
            })
            .collect();
        Walked { node: Node::new(span, ast::Block(nodes)), cost: cost.above(8, 1), declared: None }
    }

    fn if_statement(&mut self, statement: Node<ast::IfStatement>) -> Walked<Expr> {
        let (span, statement) = statement.take();
        let (predicate_span, predicate) = statement.predicate.take();
        let mut cost = Cost::default();
        let predicate = match predicate {
            ast::Predicate::One(node) => {
                let walked = self.expr(*node, Place::Value);
                cost = cost.and(walked.cost);
                ast::Predicate::One(Box::new(walked.node))
            }
            ast::Predicate::Many(nodes) => ast::Predicate::Many(
                nodes
                    .into_iter()
                    .map(|node| {
                        let walked = self.expr(node, Place::Statement);
                        cost = cost.and(walked.cost);
                        walked.node
                    })
                    .collect(),
            ),
        };
        let before = self.payload.clone();
        let then = self.block(statement.if_node);
        cost = cost.and(then.cost);
        let after_then = std::mem::replace(&mut self.payload, before);
        let otherwise = statement.else_node.map(|node| {
            let otherwise = self.block(node);
            cost = cost.and(otherwise.cost);
            otherwise.node
        });
        self.payload.or(after_then);
        let statement = ast::IfStatement {
            predicate: Node::new(predicate_span, predicate),
            if_node: then.node,
            else_node: otherwise,
        };
        Walked { node: Expr::IfStatement(Node::new(span, statement)), cost: cost.above(16, 1), declared: None }
    }

    fn op(&mut self, op: Node<ast::Op>) -> Walked<Expr> {
        self.operators += 1;
        let (span, ast::Op(left, code, right)) = op.take();
        let left = self.expr(*left, Place::Value);
        let right = self.expr(*right, Place::Value);
        // The right side of these may not run, and VRL types it twice for that.
        let times = if matches!(code.inner(), Opcode::Err | Opcode::Or | Opcode::And) { 2 } else { 1 };
        let right_cost = right.cost;
        let mut cost = left.cost.and(Cost { again: right_cost.again.saturating_mul(times), ..right_cost });
        cost = cost.above(cost.size, 1);
        let op = ast::Op(Box::new(left.node), code, Box::new(right.node));
        Walked { node: Expr::Op(Node::new(span, op)), cost, declared: None }
    }

    fn unary(&mut self, unary: Node<Unary>) -> Walked<Expr> {
        self.operators += 1;
        let (span, Unary::Not(not)) = unary.take();
        let (not_span, not) = not.take();
        let (bang, inner) = not.take();
        let inner = self.expr(*inner, Place::Value);
        let not = Node::new(not_span, ast::Not::new(bang.span(), inner.node));
        Walked { node: Expr::Unary(Node::new(span, Unary::Not(not))), cost: inner.cost.above(4, 1), declared: None }
    }

    fn abort(&mut self, abort: Node<ast::Abort>) -> Walked<Expr> {
        let (span, abort) = abort.take();
        let mut cost = Cost::LEAF;
        let message = abort.message.map(|message| {
            let walked = self.expr(*message, Place::Value);
            cost = walked.cost.above(4, 1);
            Box::new(walked.node)
        });
        Walked { node: Expr::Abort(Node::new(span, ast::Abort { message })), cost, declared: None }
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

fn leaf(expr: Expr) -> Walked<Expr> {
    Walked { node: expr, cost: Cost::LEAF, declared: None }
}
