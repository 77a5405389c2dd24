//! Progress of anything that takes longer than a moment, on standard error and only on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of `total` steps named `what`.
pub(super) fn bar(total: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:20} [{bar:40}] {pos}/{len} {per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style);
    bar.set_message(what.to_owned());
    bar
}
