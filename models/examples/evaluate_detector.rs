//! Evaluates a detector on a folder of labelled recordings: `evaluate_detector FOLDER [MODEL.safetensors]`.

use std::error::Error;
use std::path::PathBuf;

use nightshift_models::evaluate::{Labelled, evaluate};
use nightshift_models::{BankScorer, DeviceSpec, Model, Scorer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let folder = arguments.next().ok_or("usage: evaluate_detector FOLDER [MODEL.safetensors]")?;
    let model = match arguments.next() {
        Some(path) => Model::open(&path)?,
        None => Model::builtin_detector(),
    };
    let mut scorer = Scorer::new(&model, &DeviceSpec::cpu())?;
    let mut bank = BankScorer::new(&model);
    let (report, _) = evaluate(&mut scorer, &mut bank, &Labelled::read_folder(&folder)?)?;
    #[expect(clippy::print_stdout, reason = "printing is what this program does")]
    {
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(())
}
