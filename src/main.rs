//! The `nightshift` binary.

fn main() -> std::process::ExitCode {
    nightshift::run(std::env::args_os(), std::env::vars_os())
}
