//! A door into a cluster: `kubectl port-forward`, which works on every cluster.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use super::kubectl::Kubectl;

/// How long it may take until the door is open.
const OPEN: Duration = Duration::from_secs(20);

/// A port of this machine that leads to a pod. Closed when dropped. It leads to the pod that was
/// there when it was opened, and ends with it.
#[derive(Debug)]
pub struct Forward {
    child: Child,
    address: String,
}

impl Forward {
    /// Opens a door to a port of `what`: `pod/x`, `service/x`, `deployment/x`.
    pub fn open(kubectl: &Kubectl, namespace: &str, what: &str, port: u16) -> anyhow::Result<Self> {
        let mut child = kubectl
            .command()
            .args(["port-forward", "-n", namespace, what, &format!(":{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let stdout = child.stdout.take().context("its output is ours")?;
        let mut forward = Self {
            child,
            address: String::new(),
        };
        let (sender, receiver) = std::sync::mpsc::channel();
        // Reads to the end: a line is printed per connection, and the pipe must not fill.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _nobody_waits_any_more = sender.send(line);
            }
        });
        let line = receiver
            .recv_timeout(OPEN)
            .with_context(|| format!("no door to {what} in {namespace} within {OPEN:?}"))?;
        // Forwarding from 127.0.0.1:41234 -> 4222
        let address = line.split(' ').nth(2);
        address
            .with_context(|| format!("kubectl said: {line}"))?
            .clone_into(&mut forward.address);
        Ok(forward)
    }

    /// `127.0.0.1:<port>`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
