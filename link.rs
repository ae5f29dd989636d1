//! Build script of the programs: how they are linked.
#![allow(clippy::print_stdout)] // Cargo listens

fn main() {
    println!("cargo::rerun-if-env-changed=CARGO_CFG_TARGET_ENV"); // and no file
    // Where a program is loaded, some 70,000 of its addresses are set right. Packed, what they are takes 30 kB and not
    // 1.6 MB, of the file and of the memory. Linkers know it since GNU's 2.38 and LLVM's 15, glibc since 2.36.
    let is = |variable, value| std::env::var(variable).is_ok_and(|it| it == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
