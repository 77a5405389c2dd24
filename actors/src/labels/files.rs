//! Templates in files: `NAME.json` is the label of type NAME.

use std::path::Path;

use nightshift_domain::labels::{Template, Templates};

/// Largest file, bytes.
const FILE_BYTES_MAX: u64 = 64 * 1_024;
/// Most files that are looked at.
const FILES_MAX: usize = 500;

/// The templates that are built in, and over them those of `dir`.
pub(super) fn templates(dir: Option<&Path>) -> Result<Templates, String> {
    let mut templates = Templates::builtin();
    let Some(dir) = dir else { return Ok(templates) };
    let entries =
        std::fs::read_dir(dir).map_err(|e| format!("labels.templates_dir {}: {e}", dir.display()))?;
    let mut paths: Vec<_> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).take(FILES_MAX).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
        let refused = |why: String| format!("the template {}: {why}", path.display());
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let label = name.parse().map_err(|e| refused(format!("{e}")))?;
        let size = std::fs::metadata(path).map_err(|e| refused(e.to_string()))?.len();
        if size > FILE_BYTES_MAX {
            return Err(refused(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| refused(e.to_string()))?;
        let template = Template::parse(&text).map_err(|e| refused(e.to_string()))?;
        templates.put(label, template).map_err(|e| refused(e.to_string()))?;
    }
    Ok(templates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_add_templates_and_replace_ours() {
        let dir = tempfile::tempdir().expect("folder");
        assert_eq!(templates(None).expect("built in").iter().count(), 2);
        let lot = include_str!("../../../config/labels/LOT.json");
        std::fs::write(dir.path().join("BOX.json"), lot).expect("written");
        std::fs::write(dir.path().join("LOT.json"), lot.replace("{title}", "MINE")).expect("written");
        std::fs::write(dir.path().join("notes.txt"), "not a template").expect("written");
        let all = templates(Some(dir.path())).expect("three");
        assert_eq!(all.iter().count(), 3);
        assert_ne!(all, templates(None).expect("built in"));
        std::fs::write(dir.path().join("BAD.json"), "{}").expect("written");
        let refused = templates(Some(dir.path())).expect_err("no template");
        assert!(refused.contains("BAD.json"), "{refused}");
        assert!(templates(Some(Path::new("/nonexistent"))).is_err());
    }
}
