//! The keys of a control plane: an authority of its own, made by `openssl`.

use std::path::Path;
use std::process::Command;

use super::command::output;

const DAYS: &str = "30";

/// Makes in `folder`: the authority (`ca.crt`, `ca.key`), the server's certificate for `addresses`
/// (`api.crt`, `api.key`), the one with which it knocks at the kubelet (`api-kubelet.crt`, `.key`), and
/// the key that signs tokens of service accounts (`accounts.key`).
pub(super) fn make(folder: &Path, addresses: &[&str]) -> anyhow::Result<()> {
    key(folder, "accounts")?;
    key(folder, "ca")?;
    openssl(
        folder,
        &[
            "req",
            "-x509",
            "-new",
            "-key",
            "ca.key",
            "-out",
            "ca.crt",
            "-days",
            DAYS,
            "-subj",
            "/CN=vrsky-test",
        ],
    )?;
    let names: Vec<String> = ["localhost", "kubernetes.default.svc"]
        .iter()
        .map(|name| format!("DNS:{name}"))
        .chain(addresses.iter().map(|address| format!("IP:{address}")))
        .collect();
    let server = format!("subjectAltName={}", names.join(","));
    certificate(folder, "api", "/CN=kube-apiserver", &server)?;
    let subject = "/O=system:masters/CN=kube-apiserver-kubelet-client";
    let client = "extendedKeyUsage=clientAuth";
    certificate(folder, "api-kubelet", subject, client)
}

fn certificate(folder: &Path, name: &str, subject: &str, extension: &str) -> anyhow::Result<()> {
    key(folder, name)?;
    let [key, request, certificate, extensions] =
        ["key", "csr", "crt", "ext"].map(|ending| format!("{name}.{ending}"));
    std::fs::write(folder.join(&extensions), extension)?;
    openssl(
        folder,
        &[
            "req", "-new", "-key", &key, "-out", &request, "-subj", subject,
        ],
    )?;
    openssl(
        folder,
        &[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            DAYS,
            "-out",
            &certificate,
            "-extfile",
            &extensions,
        ],
    )
}

/// Elliptic, since such keys are made at once.
fn key(folder: &Path, name: &str) -> anyhow::Result<()> {
    let file = format!("{name}.key");
    openssl(
        folder,
        &[
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            &file,
        ],
    )
}

fn openssl(folder: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    output(Command::new("openssl").args(arguments).current_dir(folder)).map(drop)
}
