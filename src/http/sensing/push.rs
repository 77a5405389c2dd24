//! `POST /api/sensors/{sensor_id}/readings`: a sensor, or a gateway, sends readings.
//!
//! Sending the same readings again is harmless: what is stored already counts as duplicate.

use axum::Json as JsonBody;
use axum::extract::{Request, State};
use nightshift_actors::PushReport;
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Reading, parse_csv};
use nightshift_domain::time::US_PER_S;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{AccountOut, SensorIdParam, Time};
use crate::http::App;
use crate::http::extract::{SensorPath, invalid_body, media_type, parse_json, read_body, unsupported};
use crate::http::problem::{AnyError, BodyError, FieldError, NotFoundError, Problem};

/// Media types that are read as CSV.
const CSV_TYPES: [&str; 3] = ["text/csv", "application/csv", "text/plain"];
/// Longest distance between two values of a series, seconds: a day.
const SERIES_INTERVAL_S_MAX: f64 = 86_400.0;

/// Values at even distances, the oldest first.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Series {
    /// Time of the first value.
    #[schema(value_type = Time, example = "2024-11-17T10:00:00Z")]
    start: Timestamp,
    /// Seconds between two values.
    #[schema(example = 120, exclusive_minimum = 0, maximum = 86400)]
    interval_s: f64,
    /// The values.
    #[schema(example = json!([7.51, 7.49, 7.52]))]
    values: Vec<f64>,
}

/// A reading.
#[derive(Serialize, ToSchema)]
#[schema(as = Reading)]
pub(crate) struct ReadingFields {
    /// RFC 3339, or milliseconds since 1970.
    #[schema(value_type = Time, example = "2024-11-17T10:00:00Z")]
    time: Timestamp,
    /// In the sensor's unit.
    #[schema(example = 7.51)]
    value: f64,
}

/// Readings, in either form.
#[derive(Serialize, ToSchema)]
#[schema(as = Push)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the two forms; the first byte of the body tells which one it is")]
pub(crate) enum PushBody {
    /// One by one.
    #[schema(title = "readings")]
    Readings(Vec<ReadingFields>),
    /// At even distances.
    #[schema(title = "series")]
    Series(Series),
}

/// What became of a push.
#[derive(Serialize, ToSchema)]
pub(crate) struct PushAnswer {
    /// The sensor.
    #[schema(example = "wando01")]
    sensor_id: String,
    /// What became of each reading. `stored` ones are durable.
    #[serde(flatten)]
    account: AccountOut,
    /// The first refused readings, at most 100.
    refused: Vec<RefusedOut>,
}

/// A reading that was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedReading)]
pub(crate) struct RefusedOut {
    /// Its place in the push, from 0.
    #[schema(example = 3)]
    index: usize,
    /// Its time.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// Why.
    #[schema(example = "time is more than 5 minutes in the future: check the device's clock")]
    reason: String,
}

/// Stores readings: `[{time, value}]`, `{start, interval_s, values}`, or CSV by content type.
///
/// The answer counts what became of each reading. When every reading was refused the answer is 422 with the reasons.
#[utoipa::path(
    post, path = "/api/sensors/{sensor_id}/readings",
    operation_id = "push", tag = "sensing",
    params(SensorIdParam),
    request_body(content(
        (PushBody = "application/json", example = json!([{"time": "2024-11-17T10:00:00Z", "value": 7.51}])),
        (String = "text/csv", example = "time,value\n2024-11-17T10:00:00Z,7.51\n")
    )),
    responses((status = 200, description = "Accounted for; `stored` ones are durable.", body = PushAnswer), NotFoundError, BodyError, AnyError)
)]
pub(crate) async fn push(
    State(app): State<App>,
    SensorPath(id): SensorPath,
    request: Request,
) -> Result<JsonBody<PushAnswer>, Problem> {
    let kind = media_type(request.headers());
    let body = read_body(request, app.config.http.readings_bytes_max, app.body_timeout()).await?;
    let readings = parse(kind.as_deref(), &body, app.config.sensing.push_readings_max)?;
    let report = app.plant.sensing().push(&id, readings).await?;
    let sensor_id = id.as_str().to_owned();
    if report.account.offered > 0 && report.account.rejected == report.account.offered {
        return Err(all_refused(&report));
    }
    let refused = report
        .refused
        .into_iter()
        .map(|r| RefusedOut { index: r.index, time: r.time, reason: r.reason })
        .collect();
    Ok(JsonBody(PushAnswer { sensor_id, account: report.account.into(), refused }))
}

fn parse(kind: Option<&str>, body: &[u8], readings_max: usize) -> Result<Vec<Reading>, Problem> {
    let json = kind.is_none_or(|k| k == "application/json" || k.ends_with("+json"));
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::field(vec!["body".into()], "a body is needed: it is empty", "missing"));
    }
    if !json {
        let kind = kind.unwrap_or_default();
        if !CSV_TYPES.contains(&kind) {
            return Err(unsupported(kind, "application/json or text/csv"));
        }
        return parse_csv(body, readings_max).map_err(|e| invalid_body(&[], e.to_string()));
    }
    let readings = match body.trim_ascii_start().first() {
        Some(b'{') => expand(parse_json(body)?)?,
        _ => parse_json::<Vec<Reading>>(body)?,
    };
    if readings.len() > readings_max {
        return Err(invalid_body(
            &[],
            format!("at most {readings_max} readings in one push: send them in several"),
        ));
    }
    Ok(readings)
}

fn expand(series: Series) -> Result<Vec<Reading>, Problem> {
    if !(series.interval_s > 0.0 && series.interval_s <= SERIES_INTERVAL_S_MAX) {
        return Err(invalid_body(&["interval_s"], "must be above 0 and at most 86400"));
    }
    let step_us = (series.interval_s * US_PER_S as f64).round() as i64;
    let at = |n: usize| {
        let offset = step_us.saturating_mul(i64::try_from(n).unwrap_or(i64::MAX));
        Timestamp::from_us(series.start.us().saturating_add(offset))
    };
    Ok(series.values.iter().enumerate().map(|(n, value)| Reading { at: at(n), value: *value }).collect())
}

fn all_refused(report: &PushReport) -> Problem {
    let fields = report
        .refused
        .iter()
        .map(|r| FieldError {
            loc: vec!["body".into(), r.index.into()],
            msg: r.reason.clone(),
            kind: "reading_rejected",
        })
        .collect();
    Problem::fields("READINGS_REJECTED", fields).with("account", AccountOut::from(report.account))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(kind: &str, body: &str) -> Result<Vec<Reading>, Problem> {
        parse(Some(kind), body.as_bytes(), 3)
    }

    #[test]
    fn the_three_forms_say_the_same() {
        let one_by_one = parsed(
            "application/json",
            r#"[{"time":"2024-11-17T10:00:00Z","value":1.5},{"time":1731837720000,"value":2}]"#,
        );
        let series = parsed(
            "application/json",
            r#" {"start":"2024-11-17T10:00:00Z","interval_s":120,"values":[1.5,2]}"#,
        );
        let csv = parsed("text/csv", "time,value\n2024-11-17T10:00:00Z,1.5\n2024-11-17T10:02:00Z,2\n");
        let readings = one_by_one.expect("one by one");
        assert_eq!(readings.len(), 2);
        assert_eq!(series.expect("series"), readings);
        assert_eq!(csv.expect("csv"), readings);
        assert_eq!(parsed("application/json", "[]").expect("none"), vec![]);
    }

    #[test]
    fn the_description_has_the_forms_that_are_read() {
        use utoipa::PartialSchema;
        let schema = serde_json::to_value(PushBody::schema()).expect("json");
        assert_eq!(schema["oneOf"][0]["type"], "array", "{schema}");
        assert_eq!(schema["oneOf"][1]["$ref"], "#/components/schemas/Series", "{schema}");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (kind, body) in [
            ("application/json", ""),
            ("application/json", r#"{"start":0,"interval_s":0,"values":[1]}"#),
            ("application/json", r#"{"start":0,"interval_s":1,"values":[1],"unit":"C"}"#),
            ("application/json", r#"[{"time":0,"value":null}]"#),
            ("application/json", r#""text""#),
            ("application/json", r#"{"start":0,"interval_s":1,"values":[1,2,3,4]}"#),
            ("text/csv", "2024-11-17T10:00:00Z,inf"),
            ("text/csv", ""),
            ("application/xml", "<a/>"),
        ] {
            assert!(parsed(kind, body).is_err(), "{kind} {body}");
        }
    }
}
