//! The one way to standard output and standard error.
//!
//! Whatever passes here in human form cannot begin a line with a workflow command; colours are
//! removed where nobody looks. Text from manifests must have been through [`crate::safe`] before.
#![expect(
    clippy::unused_self,
    reason = "who holds a Screen may print; nobody else does"
)]

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use annotate_snippets::Renderer;
use annotate_snippets::renderer::DecorStyle;
use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::arguments::{Color, Format};
use crate::safe;

/// How to emphasise.
pub(crate) const BOLD: Style = Style::new().bold();
/// What went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What needs an eye.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// What went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is beside the point.
pub(crate) const DIM: Style = Style::new().dimmed();

/// How a command ended, where nothing was wrong with its usage or environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Fine,
    /// There are findings.
    Findings,
}

/// Where output goes, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    format: Format,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Fine => ExitCode::SUCCESS,
            Exit::Findings => ExitCode::from(1),
        }
    }
}

impl Screen {
    /// Sets the colours of this process.
    pub(crate) fn new(format: Format, color: Color) -> Self {
        match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
        Self { format }
    }

    /// Whether the reader is a program that wants a document.
    pub(crate) fn is_document(self) -> bool {
        matches!(self.format, Format::Json | Format::Yaml)
    }

    /// Whether names are wanted, and nothing else.
    pub(crate) fn is_name(self) -> bool {
        self.format == Format::Name
    }

    /// Whether a person wants all columns.
    pub(crate) fn is_wide(self) -> bool {
        self.format == Format::Wide
    }

    /// Whether a person looks at standard output.
    pub(crate) fn is_watched(self) -> bool {
        !self.is_document() && std::io::stdout().is_terminal()
    }

    /// The renderer of diagnostics: as wide as the terminal.
    pub(crate) fn renderer(self) -> Renderer {
        let width = self.width();
        Renderer::styled()
            .decor_style(DecorStyle::Unicode)
            .term_width(width)
    }

    /// Columns of the terminal; 140 where there is none.
    pub(crate) fn width(self) -> usize {
        let size = rustix::termios::tcgetwinsize(std::io::stdout());
        match size {
            Ok(size) if size.ws_col >= 40 => usize::from(size.ws_col),
            _ => 140,
        }
    }

    /// Rows of the terminal; 24 where there is none.
    pub(crate) fn height(self) -> usize {
        match rustix::termios::tcgetwinsize(std::io::stdout()) {
            Ok(size) if size.ws_row > 0 => usize::from(size.ws_row),
            _ => 24,
        }
    }

    /// Moves up so many lines on the terminal and clears everything below.
    pub(crate) fn erase_lines(self, count: usize) {
        let mut stream = std::io::stdout().lock();
        let _ = write!(stream, "\u{1b}[{count}A\r\u{1b}[J").and_then(|()| stream.flush());
    }

    /// Prints human text to standard output, with a line end.
    pub(crate) fn say(self, text: &str) {
        put(&mut anstream::stdout().lock(), text);
    }

    /// Prints human text to standard error, with a line end.
    pub(crate) fn note(self, text: &str) {
        put(&mut anstream::stderr().lock(), text);
    }

    /// Prints one document to standard output, as the only one. JSON is indented.
    pub(crate) fn document(self, value: &impl Serialize) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Yaml => yaml(value)?,
            _ => tame(&serde_json::to_string_pretty(value)?),
        };
        write_all(&mut std::io::stdout().lock(), &text);
        Ok(())
    }

    /// Prints one document to standard output, one of many. JSON is on one line.
    pub(crate) fn event(self, value: &impl Serialize) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Yaml => format!("---\n{}", yaml(value)?),
            _ => tame(&serde_json::to_string(value)?),
        };
        write_all(&mut std::io::stdout().lock(), &text);
        Ok(())
    }

    /// Says what was wrong with usage or environment; the exit code is 2.
    pub(crate) fn fail(self, error: &anyhow::Error) -> ExitCode {
        let causes: Vec<String> = error
            .chain()
            .map(|cause| safe::lines(&cause.to_string()))
            .collect();
        if self.format == Format::Json {
            let text =
                serde_json::json!({"event": "error", "error": causes.join(": ")}).to_string();
            write_all(&mut std::io::stderr().lock(), &text);
        } else {
            let (first, rest) = causes
                .split_first()
                .map_or(("", &[][..]), |(a, b)| (a.as_str(), b));
            let mut text = format!("{BAD}error{BAD:#}{BOLD}: {first}{BOLD:#}");
            for cause in rest {
                text.push_str("\n  because: ");
                text.push_str(cause);
            }
            self.note(&text);
        }
        ExitCode::from(2)
    }
}

/// A document as YAML, without the last line end. No text goes over several lines, so that none can
/// begin one. YAML's plain texts have no escapes: what GitHub Actions would obey is said with the wide
/// forms of `#` and `:`.
fn yaml(value: &impl Serialize) -> anyhow::Result<String> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let text = serde_saphyr::to_string_with_options(value, options)?;
    let lines = text.trim_end().lines().map(|line| {
        let line = line.replace("##[", "#＃[");
        match line.trim_start().strip_prefix("::") {
            Some(rest) => format!("：:{rest}"),
            None => line,
        }
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// JSON that GitHub Actions does not obey: `##[` stands in texts alone, where `#` has an escape.
fn tame(json: &str) -> String {
    json.replace("##[", "\\u0023#[")
}

fn put(stream: &mut impl std::io::Write, text: &str) {
    write_all(stream, &safe::without_commands(text));
}

/// A reader that went away (`| head`) is no failure of ours.
fn write_all(stream: &mut impl std::io::Write, text: &str) {
    let _ = writeln!(stream, "{text}").and_then(|()| stream.flush());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_say_what_they_are_given_and_command_nothing() {
        let hostile = json!({
            "text": "one\n::error::two\n  ::error::three\u{1b}[31m",
            "yes": ["no", "0x1", "1e3", "", "~", " a: b # c", "x".repeat(200)],
            "number": 1.5,
            "none": null,
        });
        let text = yaml(&hostile).expect("a document");
        assert_eq!(text, safe::without_commands(&text));
        assert!(!text.contains('\u{1b}'), "{text}");
        let read: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
        assert_eq!(read, hostile, "{text}");

        let old = json!({"a": "##[group]b", "##[c]": " ##[d]", "::error::e": {"::f": 1}});
        let text = yaml(&old).expect("a document");
        assert_eq!(text, safe::without_commands(&text));
        serde_saphyr::from_str::<serde_json::Value>(&text).expect("YAML");
        let text = tame(&old.to_string());
        assert_eq!(text, safe::without_commands(&text));
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, old, "{text}");
    }
}
