//! Events of the parser become trees.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput};

use super::{Entry, Node, Scalar, Value};

/// Nodes that aliases may add to one document.
const ALIAS_BUDGET: usize = 10_000;
/// Collections inside collections.
const DEPTH: usize = 64;

/// What a text holds.
pub(crate) struct Read {
    /// Its documents, without the empty ones.
    pub(crate) documents: Vec<DocumentText>,
    /// What is wrong with it.
    pub(crate) broken: Vec<Broken>,
}

/// One YAML document.
pub(crate) struct DocumentText {
    /// The tree.
    pub(crate) root: Node,
    /// Bytes of the document in the text, from the end of the one before.
    pub(crate) range: Range<usize>,
}

/// What keeps a document from being read.
#[derive(Clone, Debug)]
pub(crate) enum Broken {
    /// Not YAML, or nested too deeply.
    Syntax { at: Range<usize>, message: String },
    /// A field stands twice.
    DuplicateKey {
        key: String,
        first: Range<usize>,
        second: Range<usize>,
    },
    /// Aliases that would make too much of too little.
    Aliases { at: Range<usize> },
}

/// Reads all documents of a text. A document that is not YAML is left out; those after it are read.
pub(crate) fn read(text: &str) -> Read {
    let options: Options = granit_parser::options! { emit_comments: false };
    let mut reader = Reader {
        text,
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        aliased: 0,
        broken: Vec::new(),
    };
    let mut documents = Vec::new();
    let mut start = 0;
    loop {
        match reader.document() {
            Ok(Some((root, end))) => {
                if !is_empty(&root) {
                    documents.push(DocumentText {
                        root,
                        range: start..end,
                    });
                }
                start = end;
            }
            Ok(None) => break,
            Err(broken) => {
                reader.broken.push(broken);
                if !matches!(reader.parser.proceed_next_document(), Ok(true)) {
                    break;
                }
            }
        }
    }
    Read {
        documents,
        broken: reader.broken,
    }
}

fn is_empty(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(scalar) if scalar.text.is_empty() || scalar.text == "~")
        && node.tag.is_none()
}

struct Reader<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
    broken: Vec<Broken>,
}

impl<'a> Reader<'a> {
    /// The next document and where it ends.
    fn document(&mut self) -> Result<Option<(Node, usize)>, Broken> {
        self.anchors.clear();
        self.aliased = 0;
        loop {
            let Some((event, _)) = self.next()? else {
                return Ok(None);
            };
            if matches!(event, Event::StreamEnd) {
                return Ok(None);
            }
            if matches!(event, Event::DocumentStart(..)) {
                break;
            }
        }
        let Some((event, span)) = self.next()? else {
            return Ok(None);
        };
        let root = self.node(event, span, 0)?;
        let mut end = root.span.end;
        while let Some((event, span)) = self.next()? {
            end = end.max(self.range(&span).end);
            if matches!(event, Event::DocumentEnd) {
                break;
            }
        }
        Ok(Some((root, end)))
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Broken> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok(next)) => Ok(Some(next)),
            Some(Err(error)) => {
                let at = error
                    .marker()
                    .byte_offset()
                    .unwrap_or(0)
                    .min(self.text.len());
                Err(Broken::Syntax {
                    at: character(self.text, at),
                    message: error.info(),
                })
            }
        }
    }

    fn expect(&mut self) -> Result<(Event<'a>, Span), Broken> {
        let end = self.text.len();
        self.next()?.ok_or_else(|| Broken::Syntax {
            at: end..end,
            message: "the document ends too early".to_owned(),
        })
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or(0..0);
        let end = range.end.min(self.text.len());
        range.start.min(end)..end
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Broken> {
        let range = self.range(&span);
        if depth > DEPTH {
            return Err(Broken::Syntax {
                at: range,
                message: format!("nested more than {DEPTH} deep"),
            });
        }
        let tag_range = span.tag_span().map(|tag| self.range(&tag));
        let foreign = event
            .tag()
            .filter(|tag| tag.core_suffix().is_none())
            .and(tag_range);
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let string = tag
                    .as_deref()
                    .is_some_and(|tag| tag.core_suffix() == Some("str"));
                let span = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => trim_end(self.text, range),
                    _ => range,
                };
                let scalar = Scalar {
                    text: text.into_owned(),
                    style,
                    string,
                };
                (
                    anchor,
                    Node {
                        span,
                        tag: foreign,
                        value: Value::Scalar(scalar),
                    },
                )
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                let end = loop {
                    let (event, span) = self.expect()?;
                    if matches!(event, Event::SequenceEnd) {
                        break self.range(&span).end;
                    }
                    items.push(self.node(event, span, depth + 1)?);
                };
                let last = items.last().map_or(end, |item: &Node| item.span.end);
                let span = range.start..closing(self.text, range.clone(), last, end);
                (
                    anchor,
                    Node {
                        span,
                        tag: foreign,
                        value: Value::Sequence(items),
                    },
                )
            }
            Event::MappingStart(_, anchor, _) => {
                let (entries, end) = self.entries(depth)?;
                let last = entries
                    .last()
                    .map_or(end, |entry| entry.value.span.end.max(entry.key_span.end));
                let span = range.start..closing(self.text, range.clone(), last, end);
                (
                    anchor,
                    Node {
                        span,
                        tag: foreign,
                        value: Value::Mapping(entries),
                    },
                )
            }
            Event::Alias(id) => {
                let Some(mut node) = self.anchors.get(&id).cloned() else {
                    return Err(Broken::Syntax {
                        at: range,
                        message: "an alias inside the value that it stands for".to_owned(),
                    });
                };
                self.aliased += count(&node);
                if self.aliased > ALIAS_BUDGET {
                    return Err(Broken::Aliases { at: range });
                }
                node.span = range;
                (0, node)
            }
            _ => {
                return Err(Broken::Syntax {
                    at: range,
                    message: "a value is missing".to_owned(),
                });
            }
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn entries(&mut self, depth: usize) -> Result<(Vec<Entry>, usize), Broken> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, Range<usize>> = HashMap::new();
        loop {
            let (event, span) = self.expect()?;
            if matches!(event, Event::MappingEnd) {
                return Ok((entries, self.range(&span).end));
            }
            let key = self.node(event, span, depth + 1)?;
            let Value::Scalar(scalar) = key.value else {
                return Err(Broken::Syntax {
                    at: key.span,
                    message: "a field's name must be text".to_owned(),
                });
            };
            let (event, span) = self.expect()?;
            let value = self.node(event, span, depth + 1)?;
            if let Some(first) = seen.get(&scalar.text) {
                self.broken.push(Broken::DuplicateKey {
                    key: scalar.text,
                    first: first.clone(),
                    second: key.span,
                });
                continue;
            }
            seen.insert(scalar.text.clone(), key.span.clone());
            entries.push(Entry {
                key: scalar.text,
                key_span: key.span,
                key_plain: scalar.style == ScalarStyle::Plain,
                value,
            });
        }
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar(_) => 0,
        Value::Sequence(items) => items.iter().map(count).sum(),
        Value::Mapping(entries) => entries.iter().map(|entry| 1 + count(&entry.value)).sum(),
    }
}

/// A flow collection ends at its bracket, a block collection with its last child.
fn closing(text: &str, start: Range<usize>, last: usize, end: usize) -> usize {
    let bracket = text
        .as_bytes()
        .get(start.start)
        .is_some_and(|byte| matches!(byte, b'{' | b'['));
    if bracket {
        end.max(last)
    } else {
        last.max(start.start)
    }
}

fn trim_end(text: &str, range: Range<usize>) -> Range<usize> {
    range.start..range.start + text[range.clone()].trim_end().len()
}

/// The whole character at a byte, or nothing at the end.
fn character(text: &str, at: usize) -> Range<usize> {
    let mut start = at;
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let length = text[start..]
        .chars()
        .next()
        .filter(|c| *c != '\n')
        .map_or(0, char::len_utf8);
    start..start + length
}
