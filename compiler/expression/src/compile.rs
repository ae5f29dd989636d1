//! From text to programs: measure, parse, walk, type.

use vrl::compiler::unused_expression_checker::check_for_unused_results;
use vrl::compiler::{CompileConfig, Compiler, Program};
use vrl::parser::ast::{self, Container, Expr, Node, Op, Opcode, RootExpr};
use vrl::value::Kind;
use vrsky_types::{Facts, Type};

use crate::functions::Assumption;
use crate::walk::{Precautions, Purpose, walk};
use crate::{Mistake, MistakeKind, diagnose, functions, guard, message, narrow};

type Compiled<T> = Result<T, Vec<Mistake>>;

/// Programs that must all be true, and the type of what passes. Each conjunct is typed with what the
/// ones before it have established.
pub(crate) fn filter(source: &str, input: &Type) -> Compiled<(Vec<Program>, Type)> {
    let (mut program, _) = read(source, Purpose::Filter, input)?;
    let single = match program.0.len() {
        1 => program.0.pop(),
        _ => None,
    };
    let Some(node) = single else {
        let program = condition(program, source, 0..source.len(), input.kind())?;
        return Ok((vec![program], input.clone()));
    };
    let (_, RootExpr::Expr(node)) = node.take() else {
        return Err(vec![empty(source)]);
    };
    let mut kind = input.kind().clone();
    let mut programs = Vec::new();
    let mut learnt = false;
    let mut waiting: Option<Node<Expr>> = None;
    for conjunct in conjuncts(node) {
        let narrowed = narrow::narrowed(&kind, conjunct.inner());
        let whole = match waiting.take() {
            Some(left) => and(left, conjunct),
            None => conjunct,
        };
        match narrowed {
            None => waiting = Some(whole),
            Some(narrowed) => {
                programs.push(conjunction(whole, source, &kind)?);
                kind = narrowed;
                learnt = true;
            }
        }
    }
    if let Some(whole) = waiting {
        programs.push(conjunction(whole, source, &kind)?);
    }
    let output = if learnt {
        Type::from_kind(kind).with_facts(input.facts().clone())
    } else {
        input.clone()
    };
    Ok((programs, output))
}

/// A program, the kind of `.` after it, and what else is known of it then.
pub(crate) fn map(source: &str, input: &Type) -> Compiled<(Program, Kind, Facts)> {
    let (program, found) = read(source, Purpose::Map, input)?;
    let Precautions { weak, facts, .. } = found;
    unused(&program, source)?;
    let program = compile(program, source, &weak.input(input.kind()))?;
    let kind = program
        .final_type_info()
        .state
        .external
        .target_kind()
        .clone();
    Ok((program, weak.output(kind), facts))
}

/// A program, and the kind of its value.
pub(crate) fn computed(source: &str, input: &Type) -> Compiled<(Program, Kind)> {
    let (program, _) = read(source, Purpose::Computed, input)?;
    let program = compile(program, source, input.kind())?;
    let kind = program.final_type_info().result.kind().clone();
    Ok((program, kind))
}

fn read(source: &str, purpose: Purpose, input: &Type) -> Compiled<(ast::Program, Precautions)> {
    guard::measure(source).map_err(|mistake| vec![mistake])?;
    let program =
        vrl::parser::parse(source).map_err(|error| vec![diagnose::parser(&error, source)])?;
    if program.0.is_empty() {
        return Err(vec![empty(source)]);
    }
    let (program, found) = walk(program, source, purpose, input, Precautions::default())?;
    if found.is_empty() {
        return Ok((program, found));
    }
    // What the variables start with is tried first; if that does not hold, nothing is known of them.
    let (guessed, _) = walk(program.clone(), source, purpose, input, found.clone())?;
    if found.assumptions.is_empty()
        || compile(guessed.clone(), source, &found.weak.input(input.kind())).is_ok()
    {
        return Ok((guessed, found));
    }
    let unknown = found.assumptions.keys();
    let cautious = Precautions {
        assumptions: unknown
            .map(|name| (name.clone(), Assumption::Any))
            .collect(),
        ..found.clone()
    };
    walk(program, source, purpose, input, cautious).map(|(program, _)| (program, found))
}

fn compile(program: ast::Program, source: &str, input: &Kind) -> Compiled<Program> {
    Compiler::compile(
        &functions::FUNCTIONS,
        program,
        &message::state(input),
        CompileConfig::default(),
    )
    .map(|result| result.program)
    .map_err(|diagnostics| diagnose::compiler(&diagnostics, source))
}

fn conjunction(node: Node<Expr>, source: &str, kind: &Kind) -> Compiled<Program> {
    let span = node.span();
    let root = Node::new(span, RootExpr::Expr(node));
    condition(
        ast::Program(vec![root]),
        source,
        diagnose::within(source, &span.range()),
        kind,
    )
}

/// A program whose value is boolean.
fn condition(
    program: ast::Program,
    source: &str,
    span: std::ops::Range<usize>,
    input: &Kind,
) -> Compiled<Program> {
    let program = compile(program, source, input)?;
    let result = program.final_type_info().result;
    let kind = result.kind();
    if kind.is_boolean() {
        return Ok(program);
    }
    let optional = is_optional_boolean(kind);
    let text = source[span.clone()].trim();
    let (help, fix) = if optional {
        (
            Some("compare it: an absent field is null, not false".to_owned()),
            Some((span.end..span.end, " == true".to_owned())),
        )
    } else if text.starts_with('.') && !text.contains([' ', '\n']) {
        (
            Some("compare it with something, or ask `exists(…)`".to_owned()),
            None,
        )
    } else {
        (None, None)
    };
    let shown = Type::from_kind(kind.clone());
    let message = format!("a condition is true or false, this is {shown}");
    Err(vec![Mistake {
        kind: MistakeKind::NotBoolean,
        span,
        message,
        help,
        fix,
    }])
}

fn is_optional_boolean(kind: &Kind) -> bool {
    let mut kind = kind.clone().upgrade_undefined();
    kind.contains_boolean() && kind.remove_null() && kind.is_boolean()
}

fn empty(source: &str) -> Mistake {
    Mistake {
        kind: MistakeKind::Syntax,
        span: 0..source.len(),
        message: "the expression is empty".to_owned(),
        help: None,
        fix: None,
    }
}

/// Values that nothing uses. A map without an assignment changes nothing, and is meant to.
fn unused(program: &ast::Program, source: &str) -> Compiled<()> {
    let mut mistakes = Vec::new();
    if let Some(last) = program.0.last()
        && let RootExpr::Expr(node) = last.inner()
        && is_value(node.inner())
    {
        let span = diagnose::within(source, &node.span().range());
        mistakes.push(Mistake {
            kind: MistakeKind::Other,
            fix: Some((span.start..span.start, ". = ".to_owned())),
            span,
            message: "this value is not used: a map changes the message by assignments".to_owned(),
            help: Some("assign it to the payload: `. = …`".to_owned()),
        });
    }
    let warnings = check_for_unused_results(program);
    mistakes.extend(diagnose::compiler(&warnings, source));
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(mistakes)
    }
}

/// Whether an expression, as the last of a map, is a value and not an action.
fn is_value(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) | Expr::Op(_) | Expr::Unary(_) | Expr::Variable(_) => true,
        // `.` at the end is how VRL programs are commonly written.
        Expr::Query(query) => !query.inner().path.inner().segments.is_empty(),
        Expr::Container(container) => {
            !matches!(container.inner(), Container::Block(_) | Container::Group(_))
        }
        _ => false,
    }
}

/// The operands of `&&` at the top of a condition, left to right.
fn conjuncts(node: Node<Expr>) -> Vec<Node<Expr>> {
    let (span, expr) = node.take();
    match expr {
        Expr::Op(op) if op.inner().1.inner() == &Opcode::And => {
            let Op(left, _, right) = op.into_inner();
            let mut all = conjuncts(*left);
            all.extend(conjuncts(*right));
            all
        }
        Expr::Container(container) => match container.take() {
            (_, Container::Group(group)) if is_and(group.inner().0.inner()) => {
                conjuncts(group.into_inner().into_inner())
            }
            (container_span, container) => {
                vec![Node::new(
                    span,
                    Expr::Container(Node::new(container_span, container)),
                )]
            }
        },
        expr => vec![Node::new(span, expr)],
    }
}

fn is_and(expr: &Expr) -> bool {
    matches!(expr, Expr::Op(op) if op.inner().1.inner() == &Opcode::And)
}

fn and(left: Node<Expr>, right: Node<Expr>) -> Node<Expr> {
    let span = vrl::diagnostic::span(left.start(), right.end());
    let code = Node::new(span, Opcode::And);
    Node::new(
        span,
        Expr::Op(Node::new(span, Op(Box::new(left), code, Box::new(right)))),
    )
}
