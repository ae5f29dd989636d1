//! Operands that VRL's operators get wrong: see `functions/operands.rs`.

use vrl::parser::ast::{Container, Expr, Literal, Node, Opcode, QueryTarget};
use vrl::path::PathPrefix;

use super::{Walk, Walked};
use crate::functions::{DEFINED, NUMBER};

/// Functions whose results are numbers, whether or not they may fail.
const NUMERIC: [&str; 14] = [
    "abs",
    "ceil",
    "float",
    "floor",
    "int",
    "length",
    "mod",
    "parse_duration",
    "parse_float",
    "parse_int",
    "round",
    "strlen",
    "to_float",
    "to_int",
];

impl Walk<'_> {
    /// An operand of `*`: checked when the program runs, unless it is plain that it is a number.
    pub(super) fn factor(&self, mut operand: Walked<Node<Expr>>) -> Walked<Node<Expr>> {
        if !self.is_number(operand.node.inner()) {
            let span = operand.node.span();
            operand.node = Node::new(span, super::variables::call(NUMBER, operand.node));
            operand.cost = operand.cost.above(60, 2);
        }
        operand
    }

    /// An operand of `||` or `&&`: null where it is absent.
    pub(super) fn operand(mut operand: Walked<Node<Expr>>) -> Walked<Node<Expr>> {
        if may_be_absent(operand.node.inner()) {
            let span = operand.node.span();
            operand.node = Node::new(span, super::variables::call(DEFINED, operand.node));
            operand.cost = operand.cost.above(60, 2);
        }
        operand
    }

    fn is_number(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Literal(literal) => {
                matches!(literal.inner(), Literal::Integer(_) | Literal::Float(_))
            }
            Expr::Container(container) => match container.inner() {
                Container::Group(group) => self.is_number(group.inner().0.inner()),
                _ => false,
            },
            Expr::Op(op) => match op.inner().1.inner() {
                Opcode::Sub | Opcode::Div | Opcode::Mul => true,
                Opcode::Add | Opcode::Err => {
                    self.is_number(op.inner().0.inner()) && self.is_number(op.inner().2.inner())
                }
                _ => false,
            },
            Expr::FunctionCall(call) => NUMERIC.contains(&call.inner().ident.inner().as_ref()),
            Expr::Query(query) => match query.inner().target.inner() {
                QueryTarget::External(PathPrefix::Event) => {
                    self.payload.is_no_text(query.inner().path.inner())
                }
                _ => false,
            },
            _ => false,
        }
    }
}

fn may_be_absent(expr: &Expr) -> bool {
    match expr {
        Expr::Query(_) => true,
        Expr::FunctionCall(call) => matches!(call.inner().ident.inner().as_ref(), "del" | "get"),
        Expr::Container(container) => match container.inner() {
            Container::Group(group) => may_be_absent(group.inner().0.inner()),
            Container::Block(_) => true,
            Container::Array(_) | Container::Object(_) => false,
        },
        _ => false,
    }
}
