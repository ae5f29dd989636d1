//! The one menu for developers: demo, test, bench, docs.
#![allow(clippy::print_stdout, reason = "it talks to a person")]

mod bench;
mod chaos;
mod cluster;
mod demo;
mod deny;
mod docs;
mod image;
mod menu;
mod receiver;
mod setup;
mod step;
mod test;

fn main() -> std::process::ExitCode {
    match menu::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            println!("\nerror: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
