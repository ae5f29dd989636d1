//! Commands that end by themselves.

use std::process::{Command, Output, Stdio};

use anyhow::Context as _;

/// Runs a command to its end; what it printed, or what it complained of.
pub(super) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    judge(command, output)
}

/// The same, with `text` as its input.
pub(super) fn output_of(command: &mut Command, text: &str) -> anyhow::Result<String> {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let mut stdin = child.stdin.take().context("its input is ours")?;
    let text = text.to_owned();
    // Beside the reading of its output: either pipe may be full.
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    let written = writer.join();
    let output = judge(command, output)?;
    anyhow::ensure!(
        matches!(written, Ok(Ok(()))),
        "{} did not read its input",
        words(command)
    );
    Ok(output)
}

fn judge(command: &Command, output: Output) -> anyhow::Result<String> {
    anyhow::ensure!(
        output.status.success(),
        "{} ended with {}: {}",
        words(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8(output.stdout).context("it printed no UTF-8")
}

/// The command as a person would type it, its program without the folder.
fn words(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    std::iter::once(program.file_name().unwrap_or(command.get_program()))
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
