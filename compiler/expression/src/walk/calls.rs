//! Function calls: only those on the list, and nothing that changes the payload where it must not.

use vrl::parser::ast::{self, Expr, Literal, Node, QueryTarget};

use super::{Place, Purpose, Size, Walk, Walked};
use crate::cost::Cost;
use crate::functions::{self, Assumption, Meter};
use crate::{Mistake, MistakeKind};

/// The longest literal that `replace` may put in, and `join` between: each occurrence adds it.
const INSERTED: usize = 64;

impl Walk<'_> {
    pub(super) fn call(&mut self, call: Node<ast::FunctionCall>) -> Walked<Expr> {
        let (span, call) = call.take();
        let forgets = self.forgets(&call);
        let walked = self.function_call(call);
        let mut node = Expr::FunctionCall(Node::new(span, walked.node));
        if forgets {
            node = super::variables::call(Assumption::Any.assume(), Node::new(span, node));
        }
        Walked {
            node,
            cost: walked.cost,
            declared: None,
            size: walked.size,
        }
    }

    pub(super) fn function_call(&mut self, call: ast::FunctionCall) -> Walked<ast::FunctionCall> {
        let name = call.ident.inner().to_string();
        let known = functions::find(&name).is_some();
        if !known {
            self.unknown_function(&call.ident, &name);
        }
        if name == "del" {
            self.deletion(&call);
        }
        let inserted = self.inserted(&call, &name);
        let mut cost = Cost::default();
        let mut size = Size::default();
        // These take a place, not a value.
        let places = matches!(name.as_str(), "del" | "exists");
        let arguments = call
            .arguments
            .into_iter()
            .map(|argument| {
                let (span, argument) = argument.take();
                self.variables.in_place = places;
                let expr = self.expr(argument.expr, Place::Value);
                self.variables.in_place = false;
                cost = cost.and(expr.cost);
                size = size.and(expr.size);
                Node::new(
                    span,
                    ast::FunctionArgument {
                        ident: argument.ident,
                        expr: expr.node,
                    },
                )
            })
            .collect();
        // Once to check the arguments and once by the function itself.
        cost = cost.above(60, 2);
        size = size.times(super::growth::factor(&name) + inserted);
        let closure = call.closure.map(|closure| {
            let (span, closure) = closure.take();
            self.closures += 1;
            let names = closure
                .variables
                .iter()
                .map(|variable| variable.inner().to_string());
            let before = self.growth.enter(names);
            let block = self.block(closure.block);
            self.growth.leave(before);
            self.closures -= 1;
            self.variables.leave(self.closures);
            size = size.and(block.size);
            let (block_span, ast::Block(mut nodes)) = block.node.take();
            if name != "for_each"
                && let Some(last) = nodes.pop()
            {
                nodes.push(self.growth.metered(Meter::Charged, last));
            }
            let body = Node::new(block_span, ast::Block(nodes));
            cost = Cost {
                compile: cost.compile.saturating_add(block.cost.compile),
                ..cost
            };
            Node::new(
                span,
                ast::FunctionClosure {
                    variables: closure.variables,
                    block: body,
                },
            )
        });
        let node = ast::FunctionCall {
            ident: call.ident,
            abort_on_error: call.abort_on_error,
            arguments,
            closure,
        };
        Walked {
            node,
            cost,
            declared: None,
            size,
        }
    }

    fn unknown_function(&mut self, ident: &Node<ast::Ident>, name: &str) {
        let span = crate::diagnose::within(self.source, &ident.span().range());
        // The span of a call's name may reach to its bracket.
        let span = span.start..(span.start + name.len()).min(self.source.len());
        if let Some(reason) = functions::refused(name) {
            self.not_allowed(span, &format!("expressions may not call `{name}`"), reason);
            return;
        }
        if vrl_knows(name) {
            let help = "docs/expressions.md lists the functions that expressions may call";
            self.not_allowed(span, &format!("expressions may not call `{name}`"), help);
            return;
        }
        let meant = crate::diagnose::nearest(name, functions::names());
        self.mistakes.push(Mistake {
            kind: MistakeKind::UnknownFunction,
            message: format!("there is no function `{name}`"),
            help: meant.map(|meant| format!("did you mean `{meant}`?")),
            fix: meant.map(|meant| (span.clone(), meant.to_owned())),
            span,
        });
    }

    /// `del` changes the message. VRL forgets that it happened to a variable, or in an assignment that
    /// catches a failure.
    fn deletion(&mut self, call: &ast::FunctionCall) {
        let Some(argument) = call.arguments.first() else {
            return;
        };
        let Expr::Query(query) = argument.inner().expr.inner() else {
            return;
        };
        let span = query.span().range();
        let prefix = match query.inner().target.inner() {
            QueryTarget::External(prefix) => prefix,
            QueryTarget::Internal(_) => {
                let help = "assign the variable anew, without the field";
                self.not_allowed(
                    span,
                    "`del` takes fields of the payload, not of variables",
                    help,
                );
                return;
            }
            QueryTarget::FunctionCall(_) | QueryTarget::Container(_) => return,
        };
        if self.caught {
            let help = "call `del` in a statement of its own, before";
            self.not_allowed(span, "`value, err = …` cannot contain `del`", help);
            return;
        }
        if self.external_write(*prefix, &span) {
            self.payload.forget(query.inner().path.inner());
        }
    }

    /// `replace` and `join` put one text in many places, between any two characters at worst: only a
    /// short literal keeps that in bounds. Its length in bytes; 0 for other functions.
    fn inserted(&mut self, call: &ast::FunctionCall, name: &str) -> u64 {
        let (position, keyword, what) = match name {
            "replace" => (2, "with", "the replacement"),
            "join" => (1, "separator", "the separator"),
            _ => return 0,
        };
        let named = call.arguments.iter().find(|argument| {
            argument
                .inner()
                .ident
                .as_ref()
                .is_some_and(|ident| ident.inner().as_ref() == keyword)
        });
        let positional = call
            .arguments
            .iter()
            .filter(|argument| argument.inner().ident.is_none())
            .nth(position);
        let Some(argument) = named.or(positional) else {
            return 0;
        };
        let length = match argument.inner().expr.inner() {
            Expr::Literal(literal) => match literal.inner() {
                Literal::String(template) => template.as_literal_string().map(str::len),
                Literal::RawString(text) => Some(text.len()),
                _ => Some(0),
            },
            _ => None,
        };
        if length.is_none_or(|length| length > INSERTED) {
            let message =
                format!("{what} of `{name}` must be a literal of at most {INSERTED} bytes");
            let help = "a longer one, repeated, could make the result far larger than the message";
            self.not_allowed(argument.span().range(), &message, help);
        }
        length.unwrap_or(INSERTED) as u64
    }

    /// A write to the payload or the metadata, wherever it is not a map's own statement.
    pub(super) fn external_write(
        &mut self,
        prefix: vrl::path::PathPrefix,
        span: &std::ops::Range<usize>,
    ) -> bool {
        let (message, help) = if prefix == vrl::path::PathPrefix::Metadata {
            (
                "the metadata `%` is read-only",
                "put the value into the payload",
            )
        } else if self.purpose == Purpose::Filter {
            (
                "a filter does not change the message",
                "use `==` to compare, or a `map` step to change the payload",
            )
        } else if self.purpose == Purpose::Computed {
            (
                "a computed value does not change the message",
                "use a `map` step to change the payload",
            )
        } else if self.closures > 0 {
            (
                "a closure does not change the payload",
                "change a variable in the closure, and the payload after it",
            )
        } else {
            return true;
        };
        self.not_allowed(span.clone(), message, help);
        false
    }
}

/// Whether VRL has a function that the list leaves out.
fn vrl_knows(name: &str) -> bool {
    static ALL: std::sync::LazyLock<std::collections::BTreeSet<&'static str>> =
        std::sync::LazyLock::new(|| {
            vrl::stdlib::all()
                .iter()
                .map(|function| function.identifier())
                .collect()
        });
    ALL.contains(name)
}
