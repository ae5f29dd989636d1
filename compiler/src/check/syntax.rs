//! Text that is not YAML.

use crate::Code;

pub(crate) const CODE: Code = Code(1);

/// How to mend it, guessed from the line.
pub(crate) fn help(line: &str) -> Option<&'static str> {
    let expression = ["map:", "filter:", "when:", "expr:"]
        .iter()
        .any(|field| line.contains(field));
    if expression {
        return Some(
            "an expression with `: `, or that starts with a quote, stands after `|` on a line of its own, or in single quotes",
        );
    }
    line.starts_with('\t')
        .then_some("YAML is indented with spaces, not with tabs")
}
