//! Texts are for people, and each word is explained.

use vrsky_compiler::Severity;
use vrsky_operator::status::{self, reason};

use crate::situation::{Situation, diagnostic, error, message};

const PAGE: &str = include_str!("../../../docs/status.md");

#[test]
fn every_reason_is_explained() {
    for word in reason::ALL {
        assert!(
            PAGE.contains(&format!("\n| `{word}` |")),
            "docs/status.md does not explain {word}"
        );
    }
}

#[test]
fn of_many_diagnostics_the_gravest_twenty_are_kept() {
    let mut flow = Situation::running();
    for place in 0..30 {
        let path = format!("spec.steps[{place:02}]");
        flow.diagnostics.push(diagnostic(
            312,
            Severity::Warning,
            &path,
            "looks like a secret",
        ));
    }
    flow.diagnostics
        .push(error(402, "spec.sinks", "no field `totl`"));
    flow.diagnostics
        .push(error(102, "spec.stepz", "unknown field `stepz`"));
    let status = flow.status();
    assert_eq!(status.diagnostics.len(), 20);
    assert_eq!(status.diagnostics[0].path, "spec.sinks");
    assert_eq!(status.diagnostics[1].path, "spec.stepz");
    assert_eq!(status.diagnostics[19].path, "spec.steps[17]");
    assert_eq!(
        message(&status, "Accepted"),
        "spec.sinks: no field `totl` [VRS0402, and 1 more in status.diagnostics]"
    );
}

#[test]
fn who_writes_is_told_a_few_bounded_lines() {
    let hostile = "\u{1b}[31m€\n".repeat(100);
    let found: Vec<_> = (0..30)
        .map(|place| error(402, &format!("spec.steps[{place:02}]"), &hostile))
        .collect();
    let found: Vec<_> = found.iter().collect();
    let lines = status::warnings(&found);
    assert_eq!(lines.len(), 10);
    for line in lines {
        assert!(line.starts_with("error[VRS0402] spec"), "{line}");
        assert!(line.len() <= 256, "{line}");
        assert!(!line.contains(char::is_control), "{line}");
    }
}

#[test]
fn a_warning_withholds_nothing() {
    let mut flow = Situation::running();
    let warning = diagnostic(
        312,
        Severity::Warning,
        "spec.sinks.erp",
        "looks like a secret",
    );
    flow.diagnostics.push(warning);
    let status = flow.status();
    assert_eq!(status.conditions[3].reason, "Running");
    assert_eq!(status.diagnostics.len(), 1);
}

#[test]
fn a_message_is_one_line_of_bounded_length() {
    let flow = Situation::running().withheld(
        504,
        "spec.steps[0].map",
        &format!("first\nsecond\u{1b}[31m {}", "long ".repeat(1_000)),
    );
    let status = flow.status();
    let listed = &status.diagnostics[0].message;
    assert!(listed.starts_with("first second[31m long"));
    assert_eq!(listed.chars().count(), 500);
    for condition in &status.conditions {
        assert!(condition.message.chars().count() <= 1_000);
        assert!(!condition.message.contains(['\n', '\u{1b}']));
    }
}

#[test]
fn foreign_words_become_words_that_the_api_takes() {
    for (word, reason) in [
        ("ErrImagePull", "ErrImagePull"),
        ("no such image!", "nosuchimage"),
        ("403 Forbidden", "Forbidden"),
        ("…", "Failed"),
    ] {
        let flow = Situation::running().pods(word, "text");
        assert_eq!(flow.status().conditions[3].reason, reason);
    }
}
