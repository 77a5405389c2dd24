//! Spans of time in queries: instants, or plant days with both ends included.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{Calendar, PlantDate};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::problem::Problem;

/// From when to when.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// The first day (`2025-11-10`), or an instant (RFC 3339).
    #[param(example = "2025-11-10")]
    start_date: Option<String>,
    /// The last day, or an instant that is not included.
    #[param(example = "2025-11-16")]
    end_date: Option<String>,
}

/// Production days, both ends included.
pub(super) type Days = (Option<PlantDate>, Option<PlantDate>);

impl Span {
    /// As instants, the second one not included.
    pub(crate) fn instants(
        &self,
        calendar: &Calendar,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
        let at = |name: &str, text: &str, is_end: bool| {
            if let Ok(day) = text.parse::<PlantDate>()
                && text.len() <= DATE_CHARS
            {
                let span = calendar.calendar_day(day);
                return Ok(if is_end { span.end } else { span.start });
            }
            text.parse::<Timestamp>().map_err(|_| malformed(name))
        };
        let from = self.start_date.as_deref().map(|text| at("start_date", text, false)).transpose()?;
        let to = self.end_date.as_deref().map(|text| at("end_date", text, true)).transpose()?;
        ordered(from.zip(to).is_none_or(|(from, to)| from < to))?;
        Ok((from, to))
    }

    /// As production days.
    pub(crate) fn days(&self, calendar: &Calendar) -> Result<Days, Problem> {
        let day = |name: &str, text: &str| {
            if let Ok(day) = text.parse::<PlantDate>()
                && text.len() <= DATE_CHARS
            {
                return Ok(day);
            }
            text.parse::<Timestamp>().map(|at| calendar.production_date(at)).map_err(|_| malformed(name))
        };
        let from = self.start_date.as_deref().map(|text| day("start_date", text)).transpose()?;
        let to = self.end_date.as_deref().map(|text| day("end_date", text)).transpose()?;
        ordered(from.zip(to).is_none_or(|(from, to)| from <= to))?;
        Ok((from, to))
    }
}

/// Characters of `2025-11-10`: what is longer has a time.
const DATE_CHARS: usize = 10;

fn malformed(name: &str) -> Problem {
    let text = "must be a date (2025-11-10) or an instant (2025-11-10T09:00:00+09:00)";
    Problem::field(vec!["query".into(), name.into()], text, "value_error")
}

fn ordered(holds: bool) -> Result<(), Problem> {
    let loc = || vec!["query".into(), "end_date".into()];
    if holds {
        Ok(())
    } else {
        Err(Problem::field(loc(), "must come after start_date; a day counts to its end", "value_error"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: &str, end: &str) -> Span {
        Span { start_date: Some(start.into()), end_date: Some(end.into()) }
    }

    #[test]
    fn a_day_is_the_plants_own_and_the_last_one_counts() {
        let calendar = Calendar::default();
        let (from, to) = span("2025-11-10", "2025-11-10").instants(&calendar).expect("a day");
        let at = |text: &str| text.parse::<Timestamp>().expect("instant");
        assert_eq!(from, Some(at("2025-11-10T00:00:00+09:00")));
        assert_eq!(to, Some(at("2025-11-11T00:00:00+09:00")));
        let (from, _) = span("2025-11-10T09:00:00Z", "2025-11-11").instants(&calendar).expect("mixed");
        assert_eq!(from, Some(at("2025-11-10T18:00:00+09:00")));
        let (from, _) = span("2025-11-10T02:00:00+09:00", "2025-11-11").days(&calendar).expect("days");
        assert_eq!(from.map(|d| d.to_string()).as_deref(), Some("2025-11-09"));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        let calendar = Calendar::default();
        for (start, end) in
            [("soon", "2025-11-10"), ("2025-11-10", "2025-11-09"), ("2025-11-31", "2025-12-01")]
        {
            assert!(span(start, end).instants(&calendar).is_err(), "{start} {end}");
            assert!(span(start, end).days(&calendar).is_err(), "{start} {end}");
        }
    }
}
