//! The `nightshift` binary.

/// Gives back what a burst took: a hash of a password alone takes 19 MiB, and the system's allocator keeps such a block for every
/// thread that has ever made one.
#[cfg(all(unix, target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Pages that nothing has used for a second go back to the system.
#[cfg(all(unix, target_env = "gnu"))]
#[expect(unsafe_code, reason = "the allocator finds its settings by this name")]
#[unsafe(export_name = "malloc_conf")]
pub static ALLOCATOR_SETTINGS: &[u8] = b"dirty_decay_ms:1000\0";

fn main() -> std::process::ExitCode {
    nightshift::run(std::env::args_os(), std::env::vars_os())
}
