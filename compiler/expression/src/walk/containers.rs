//! Groups, blocks, arrays, objects and branches.

use vrl::parser::ast::{self, Container, Expr, Node};

use super::{Place, Size, Walk, Walked};
use crate::cost::Cost;
use crate::fields::Declared;

impl Walk<'_> {
    pub(super) fn container(&mut self, container: Node<Container>, place: Place) -> Walked<Expr> {
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
                    size: inner.size,
                }
            }
            Container::Block(block) => {
                let block = self.block(block);
                Walked {
                    node: Container::Block(block.node),
                    cost: block.cost,
                    declared: None,
                    size: block.size,
                }
            }
            Container::Array(array) => {
                let (array_span, array) = array.take();
                let mut cost = Cost::default();
                let mut size = Size::default();
                let items = array
                    .into_iter()
                    .map(|item| {
                        let item = self.expr(item, Place::Value);
                        cost = cost.and(item.cost);
                        size = size.and(item.size);
                        item.node
                    })
                    .collect::<Vec<_>>();
                let array = Node::new(array_span, items.into_iter().collect::<ast::Array>());
                Walked {
                    node: Container::Array(array),
                    cost: cost.above(4, 1),
                    declared: None,
                    size,
                }
            }
            Container::Object(object) => {
                let (object_span, object) = object.take();
                let mut cost = Cost::default();
                let mut size = Size::default();
                let mut declared = Vec::new();
                let mut fields = Vec::new();
                for (key, value) in object {
                    let value = self.expr(value, Place::Value);
                    cost = cost.and(value.cost);
                    size = size.and(value.size);
                    declared.push((key.inner().clone(), value.declared));
                    fields.push((key, value.node));
                }
                let object = Node::new(object_span, fields.into_iter().collect::<ast::Object>());
                Walked {
                    node: Container::Object(object),
                    cost: cost.above(4, 1),
                    declared: Some(Declared::object(declared)),
                    size,
                }
            }
        };
        Walked {
            node: Expr::Container(Node::new(span, walked.node)),
            cost: walked.cost,
            declared: walked.declared,
            size: walked.size,
        }
    }

    pub(super) fn block(&mut self, block: Node<ast::Block>) -> Walked<Node<ast::Block>> {
        let (span, block) = block.take();
        let mut cost = Cost::default();
        let mut size = Size::default();
        let nodes = block
            .into_iter()
            .map(|node| {
                let walked = self.expr(node, Place::Statement);
                cost = cost.and(walked.cost);
                size = walked.size;
                walked.node
            })
            .collect();
        Walked {
            node: Node::new(span, ast::Block(nodes)),
            cost: cost.above(8, 1),
            declared: None,
            size,
        }
    }

    pub(super) fn if_statement(&mut self, statement: Node<ast::IfStatement>) -> Walked<Expr> {
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
        let mut size = then.size;
        let after_then = std::mem::replace(&mut self.payload, before);
        let otherwise = statement.else_node.map(|node| {
            let otherwise = self.block(node);
            cost = cost.and(otherwise.cost);
            size = size.and(otherwise.size);
            otherwise.node
        });
        self.payload.or(after_then);
        let statement = ast::IfStatement {
            predicate: Node::new(predicate_span, predicate),
            if_node: then.node,
            else_node: otherwise,
        };
        Walked {
            node: Expr::IfStatement(Node::new(span, statement)),
            cost: cost.above(16, 1),
            declared: None,
            size,
        }
    }
}
