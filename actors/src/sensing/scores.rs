//! Pictures of windows: thinned traces of many sensors at once, and one sensor's window scored reading by reading.

use futures::{StreamExt, TryStreamExt, stream};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Provenance, SensorId, Verdict, WINDOW_READINGS};
use nightshift_store::sensing as store;

use super::error::SensingError;
use super::judge::{ask_window, because, score, scored_opinion};
use super::sensor::SensorMessage;
use super::view::{ReadingScore, Trace, WindowScores};
use super::{Sensing, VIEW_CONCURRENCY, VIEW_DEADLINE};
use crate::inference::InferenceError;

impl Sensing {
    /// The windows of these sensors, each thinned to about `points`. A sensor that is unknown, or does not answer, has no
    /// values.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn traces(&self, ids: Vec<SensorId>, points: usize) -> Result<Vec<Trace>, SensingError> {
        stream::iter(ids)
            .map(|id| async move {
                let readings = match self.seat(&id) {
                    Ok(seat) => {
                        let asked =
                            seat.address.ask(|reply| SensorMessage::Trace { points, reply }, VIEW_DEADLINE);
                        asked.await.unwrap_or_else(|_| Ok(Vec::new()))?
                    }
                    Err(_) => Vec::new(),
                };
                Ok(Trace {
                    sensor_id: id,
                    start: readings.first().map(|r| r.at),
                    end: readings.last().map(|r| r.at),
                    values: readings.into_iter().map(|r| r.value).collect(),
                })
            })
            .buffered(VIEW_CONCURRENCY)
            .try_collect()
            .await
    }

    /// Scores a sensor's window as it is now, reading by reading, as its verdict is reached: with the model that judges it, and
    /// with a bank where it has one. Nothing is stored; bounds on the value decide nothing here, they are seen in the picture.
    ///
    /// # Errors
    /// `NotFound`, or a part is away.
    pub async fn scores(&self, id: &SensorId) -> Result<WindowScores, SensingError> {
        let (shared, seat) = (self.shared(), self.seat(id)?);
        let answer = ask_window(shared, &seat, shared.now()).await?;
        let window = match answer.window {
            Ok(window) => window,
            Err(shortfall) => {
                let provenance = Provenance { window: shortfall.facts(), ..because(shortfall.to_string()) };
                let verdict = Verdict::InsufficientData;
                return Ok(WindowScores {
                    verdict,
                    inference_time: shared.now(),
                    provenance,
                    readings: Vec::new(),
                });
            }
        };
        let spec = &answer.sensor.spec;
        let model = shared.lineup.judge_of(spec);
        let digest = shared.inference.digest(&model);
        let usual = digest.ok().and_then(|digest| answer.usual.under(&digest));
        let readings =
            store::readings_latest(&shared.db, seat.key, window.facts.end, WINDOW_READINGS, Timestamp::Y2000)
                .await?;
        let (values, times, sensor) = (&window.values, &window.times, Some(&*answer.sensor));
        let scored = score(shared, &model, &spec.thresholds, usual, values, times, sensor).await;
        let (verdict, mut provenance, scores) = match scored {
            Ok(scored) => {
                let opinion = scored_opinion(shared, &spec.thresholds, usual, scored);
                (opinion.verdict, opinion.provenance, opinion.reading_scores.unwrap_or_default())
            }
            Err(InferenceError::Overloaded) => return Err(InferenceError::Overloaded.into()),
            Err(error) => (Verdict::Unscored, because(error.to_string()), Vec::new()),
        };
        provenance.window = Some(window.facts);
        // Scores are of the last readings: both lists end together.
        let skipped = readings.len().saturating_sub(scores.len());
        let of = |i: usize| i.checked_sub(skipped).and_then(|at| scores.get(at).copied());
        let readings = readings.iter().enumerate();
        let readings =
            readings.map(|(i, r)| ReadingScore { time: r.at, value: r.value, score: of(i) }).collect();
        Ok(WindowScores { verdict, inference_time: shared.now(), provenance, readings })
    }
}
