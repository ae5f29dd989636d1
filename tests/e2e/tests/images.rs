//! Images are packed the same way each time, and nothing is packed that would not start.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::process::Command;

use vrsky_e2e::image::Image;
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
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let manifest = index["manifests"][0]["digest"].as_str().unwrap();
    let blobs = unpacked.join("blobs");
    let sum = Command::new("sha256sum")
        .arg(blobs.join(manifest.replace(':', "/")))
        .output()
        .unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert!(sum.starts_with(manifest.trim_start_matches("sha256:")));
}

#[test]
fn a_program_that_needs_more_than_itself_is_refused() {
    let this = std::env::current_exe().unwrap();
    let refused = Image::of("localhost/any:dev", &this).unwrap_err();
    assert!(
        refused.to_string().contains("is linked dynamically"),
        "{refused}"
    );
}
