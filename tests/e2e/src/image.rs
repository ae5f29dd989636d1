//! Container images, without a container engine: an OCI image layout in a tar file, which
//! containerd (`ctr images import`), Podman (`podman load`) and skopeo read.
//!
//! One layer, no base: a program, the user that it runs as, and what it reads. What is published is
//! linked statically; a program that is not brings this machine's libraries with it, so that stories
//! run the very binaries that the tests were built with. The same input gives the same bytes, whenever
//! and wherever it is packed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The user and group of every image, a number so that Kubernetes sees that it is not root.
pub const USER: u32 = 65_532;

/// Where Debian keeps the authorities that it trusts. In the image it lies where TLS libraries look.
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";

/// An image that is being put together.
#[derive(Debug)]
pub struct Image {
    name: String,
    entrypoint: String,
    files: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    mode: u32,
    contents: Vec<u8>,
}

impl Image {
    /// An image that runs `program`, which lies in the image's root. `name` is complete:
    /// `localhost/vrsky-runtime:dev`. With a program that is linked dynamically come the libraries
    /// that it is linked with here.
    pub fn of(name: &str, program: &Path) -> anyhow::Result<Self> {
        let file = program
            .file_name()
            .and_then(|it| it.to_str())
            .context("a program has a name")?;
        let passwd =
            format!("root:x:0:0::/:/sbin/nologin\nvrsky:x:{USER}:{USER}::/:/sbin/nologin\n");
        let group = format!("root:x:0:\nvrsky:x:{USER}:\n");
        let mut image = Self {
            name: name.to_owned(),
            entrypoint: format!("/{file}"),
            files: BTreeMap::new(),
        };
        if !is_static(program)? {
            for library in libraries(program)? {
                let place = library.to_str().context("a library has a plain name")?;
                let contents = std::fs::read(&library)?;
                image = image.with(place.trim_start_matches('/'), 0o755, contents);
            }
        }
        Ok(image
            .with(file, 0o755, std::fs::read(program)?)
            .with("etc/passwd", 0o644, passwd.into_bytes())
            .with("etc/group", 0o644, group.into_bytes())
            // Without it a static glibc would look for plugins of services that it does not have.
            .with("etc/nsswitch.conf", 0o644, b"hosts: files dns\n".to_vec()))
    }

    /// The authorities that this machine trusts, for programs that speak TLS with the world.
    pub fn with_authorities(self) -> anyhow::Result<Self> {
        let path = Path::new("/").join(AUTHORITIES);
        let contents = std::fs::read(&path).with_context(|| {
            format!(
                "cannot read {}: apt-get install ca-certificates",
                path.display()
            )
        })?;
        Ok(self.with(AUTHORITIES, 0o644, contents))
    }

    fn with(mut self, path: &str, mode: u32, contents: Vec<u8>) -> Self {
        self.files.insert(path.to_owned(), Entry { mode, contents });
        self
    }

    /// Writes the image, whole or not at all.
    pub fn write(&self, target: &Path) -> anyhow::Result<()> {
        let layer = archive(
            self.files
                .iter()
                .map(|(path, entry)| (path.as_str(), entry.mode, entry.contents.as_slice())),
        )?;
        let config = json!({
            "architecture": architecture()?,
            "os": "linux",
            "config": {"Entrypoint": [self.entrypoint], "User": format!("{USER}:{USER}")},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        })
        .to_string()
        .into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type("manifest.v1+json"),
            "config": descriptor("config.v1+json", &config),
            "layers": [descriptor("layer.v1.tar", &layer)],
        })
        .to_string()
        .into_bytes();
        let mut named = descriptor("manifest.v1+json", &manifest);
        named["annotations"] = json!({
            "io.containerd.image.name": self.name,
            "org.opencontainers.image.ref.name": self.name,
        });
        let index = json!({
            "schemaVersion": 2,
            "mediaType": media_type("index.v1+json"),
            "manifests": [named],
        })
        .to_string();
        let blobs: Vec<(String, &[u8])> = [&layer, &config, &manifest]
            .into_iter()
            .map(|blob| {
                (
                    format!("blobs/{}", digest(blob).replace(':', "/")),
                    blob.as_slice(),
                )
            })
            .collect();
        let mut entries: Vec<(&str, u32, &[u8])> = vec![
            ("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#),
            ("index.json", 0o644, index.as_bytes()),
        ];
        entries.extend(
            blobs
                .iter()
                .map(|(path, blob)| (path.as_str(), 0o644, *blob)),
        );
        let folder = target.parent().context("a file has a folder")?;
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&archive(entries)?)?;
        file.persist(target)
            .with_context(|| format!("cannot write {}", target.display()))?;
        Ok(())
    }
}

/// Whether a program is linked statically, and so may be the only file of an image.
pub fn is_static(program: &Path) -> anyhow::Result<bool> {
    let contents =
        std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    Ok(!asks_for_a_loader(&contents).with_context(|| program.display().to_string())?)
}

/// The libraries that a program is linked with, and their loader, by the loader's own word.
fn libraries(program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output()?;
    anyhow::ensure!(
        output.status.success(),
        "ldd cannot read {}",
        program.display()
    );
    // libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…), and /lib64/ld-linux-x86-64.so.2 (0x…)
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let places = text
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    Ok(places.map(PathBuf::from).collect())
}

/// A tar archive that depends on nothing but its entries.
fn archive<'a>(
    entries: impl IntoIterator<Item = (&'a str, u32, &'a [u8])>,
) -> anyhow::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, mode, contents) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(contents.len() as u64);
        header.set_mtime(0);
        archive.append_data(&mut header, path, contents)?;
    }
    Ok(archive.into_inner()?)
}

fn descriptor(kind: &str, blob: &[u8]) -> Value {
    json!({"mediaType": media_type(kind), "digest": digest(blob), "size": blob.len()})
}

fn media_type(kind: &str) -> String {
    format!("application/vnd.oci.image.{kind}")
}

fn digest(blob: &[u8]) -> String {
    let hex = data_encoding::HEXLOWER.encode(&Sha256::digest(blob));
    format!("sha256:{hex}")
}

/// This machine's, in the words of Go, which OCI uses.
fn architecture() -> anyhow::Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => anyhow::bail!("no image is made for {other}"),
    }
}

/// Whether an ELF file asks for a dynamic loader: whether it has a program header `PT_INTERP`
/// (elf(5); 64 bits, little endian, as the architectures above are).
fn asks_for_a_loader(elf: &[u8]) -> anyhow::Result<bool> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, length: usize| -> Option<u64> {
        let bytes = elf.get(at..at.checked_add(length)?)?;
        let value = bytes.iter().rev();
        Some(value.fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    anyhow::ensure!(
        elf.starts_with(b"\x7fELF\x02\x01"),
        "it is no program for this machine"
    );
    let headers = || {
        let (start, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
        (0..count)
            .map(|it| number(usize::try_from(start + it * size).ok()?, 4))
            .collect::<Option<Vec<u64>>>()
    };
    let kinds = headers().context("it is cut off")?;
    Ok(kinds.contains(&PT_INTERP))
}
