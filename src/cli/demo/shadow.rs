//! A second model for the demo: the first site's classifier is tried beside the built-in detector.

use crate::config::Config;

static WEIGHTS: &[u8] = include_bytes!("../../../models/fixtures/gru/model.safetensors");
/// Its id.
const ID: &str = "first-site";

/// Puts the weights into the data directory and has them tried, unless models were named already.
pub(super) fn prepare(config: &mut Config) {
    if config.sensing.shadow_model.is_some() || !config.inference.models.is_empty() {
        return;
    }
    let path = config.data_dir.join(format!("{ID}.safetensors"));
    let written = std::fs::create_dir_all(&config.data_dir).and_then(|()| std::fs::write(&path, WEIGHTS));
    // A directory that cannot be written to is the start's to complain of.
    if written.is_ok() {
        config.inference.models.push(path);
        config.sensing.shadow_model = Some(ID.to_owned());
    }
}
