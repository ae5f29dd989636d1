//! Images are packed the same way each time, with all that their program needs to start.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use vrsky_e2e::image::{self, Image};
use vrsky_e2e::{Folder, cache};

#[test]
fn the_same_program_gives_the_same_image() {
    let folder = Folder::empty().unwrap();
    let pack = |file: &str| {
        let path = folder.path().join(file);
        let image = Image::of("localhost/nats-server:dev", &cache::nats_server().unwrap()).unwrap();
        image.write(&path).unwrap();
        path
    };
    let (one, other) = (pack("one.tar"), pack("other.tar"));
    assert!(std::fs::read(&one).unwrap() == std::fs::read(&other).unwrap());

    // What any tool makes of it: an index whose manifest is a blob that is named by its digest.
    let unpacked = folder.path().join("unpacked");
    std::fs::create_dir(&unpacked).unwrap();
    let tar = Command::new("tar")
        .arg("-xf")
        .arg(&one)
        .arg("-C")
        .arg(&unpacked)
        .status();
    assert!(tar.unwrap().success());
    let index = std::fs::read(unpacked.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let manifest = index["manifests"][0]["digest"].as_str().unwrap();
    let blobs = unpacked.join("blobs");
    let sum = Command::new("sha256sum")
        .arg(blobs.join(manifest.replace(':', "/")))
        .output()
        .unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert!(sum.starts_with(manifest.trim_start_matches("sha256:")));
}

/// The blob that an image's manifest names as its layer, unpacked beside it.
fn entries(folder: &Folder, image: &Path) -> String {
    let read = |path: &str| {
        let text = Command::new("tar")
            .args(["--extract", "--to-stdout", "--file"])
            .args([image.as_os_str(), path.as_ref()])
            .output();
        text.unwrap().stdout
    };
    let blob = |digest: &Value| format!("blobs/{}", digest.as_str().unwrap().replace(':', "/"));
    let index: Value = serde_json::from_slice(&read("index.json")).unwrap();
    let manifest = read(&blob(&index["manifests"][0]["digest"]));
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let layer = folder.path().join("layer.tar");
    std::fs::write(&layer, read(&blob(&manifest["layers"][0]["digest"]))).unwrap();
    let list = Command::new("tar")
        .arg("--list")
        .arg("--file")
        .arg(&layer)
        .output();
    String::from_utf8(list.unwrap().stdout).unwrap()
}

#[test]
fn a_program_brings_the_libraries_that_it_is_linked_with() {
    let folder = Folder::empty().unwrap();
    for (program, is_static) in [
        (cache::nats_server().unwrap(), true),
        (PathBuf::from("/bin/true"), false),
    ] {
        assert_eq!(image::is_static(&program).unwrap(), is_static);
        let path = folder.path().join("image.tar");
        let packed = Image::of("localhost/any:dev", &program).unwrap();
        packed.write(&path).unwrap();
        let entries = entries(&folder, &path);
        assert!(entries.contains("etc/passwd"), "{entries}");
        assert_eq!(entries.contains("/ld-linux"), !is_static, "{entries}");
        assert_eq!(entries.contains("/libc.so"), !is_static, "{entries}");
    }
}
