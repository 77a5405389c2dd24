//! What each number of a text belongs to: the noun that it counts or measures, and the name that its sentence is about. Two
//! numbers that change places leave the set of numbers as it was, but not this.

use std::collections::{BTreeMap, BTreeSet};

/// Nouns that numbers belong to, in Korean: a word that begins with one is it.
const KOREAN: &[&str] = &[
    "점수",
    "기준",
    "한계",
    "불합격",
    "합격",
    "완료",
    "폐기",
    "공정",
    "센서",
    "설비",
    "차량",
    "카메라",
    "프로그램",
    "판정",
    "제품",
    "로트",
    "알림",
    "작업",
    "직전",
    "진단",
    "추격",
    "라벨",
    "펌웨어",
    "실패",
    "이상",
    "관측",
    "사람",
    "자동차",
    "트럭",
    "버스",
    "오토바이",
    "자전거",
    "지게차",
    "고양이",
    "안전모",
    "상자",
    "팔레트",
    "불꽃",
    "불량",
    "목표",
    "실적",
    "설치",
    "출력",
    "배포",
];
/// The same in English, without their plurals.
const ENGLISH: &[&str] = &[
    "score",
    "threshold",
    "bound",
    "failed",
    "passed",
    "scrapped",
    "process",
    "sensor",
    "equipment",
    "vehicle",
    "camera",
    "verdict",
    "unit",
    "lot",
    "run",
    "alert",
    "chase",
    "session",
    "before",
    "defect",
    "label",
    "installation",
    "failure",
    "person",
    "people",
    "car",
    "truck",
    "bus",
    "forklift",
    "dog",
    "cat",
    "bird",
    "helmet",
    "box",
    "matter",
    "part",
];
/// Spans of time, which stand right behind their number.
const SPANS: &[&str] = &["minute", "hour", "second", "분", "시간", "초", "월"];
/// Nouns that make a name together with the number behind them.
const NUMBERED: &[&str] = &["process", "공정"];

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// A word, in lower case.
    Word(String),
    /// A number or a time of day, as the text writes it, in its shortest form.
    Number(String),
    /// The end of a clause.
    Clause,
    /// The end of a sentence.
    Sentence,
}

/// What numbers belong to in a text.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    /// The numbers of each noun and name that stands nearest to some.
    nearest: BTreeMap<String, BTreeSet<String>>,
    /// The names of whose sentences each number stands.
    subjects: BTreeMap<String, BTreeSet<String>>,
    /// Names that sentences are about.
    named: BTreeSet<String>,
}

/// A number that stands where another one belongs: it, and what it is said of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misplaced {
    pub(super) number: String,
    pub(super) of: String,
}

impl Bindings {
    /// Those of the composer's own text, whose names are `is_name`.
    pub(super) fn of(text: &str, is_name: impl Fn(&str) -> bool + Copy) -> Self {
        let mut known = Self::default();
        let pieces = pieces(text);
        for (at, number) in numbers(&pieces) {
            if let Some(noun) = nearest(&pieces, at, is_name) {
                known.nearest.entry(noun).or_default().insert(number.clone());
            }
            if let Some(name) = subject(&pieces, at, is_name) {
                known.named.insert(name.clone());
                known.subjects.entry(number).or_default().insert(name);
            }
        }
        known
    }

    /// The first number of another text that does not belong where it stands.
    pub(super) fn misplaced(&self, text: &str, is_name: impl Fn(&str) -> bool + Copy) -> Option<Misplaced> {
        let pieces = pieces(text);
        numbers(&pieces).into_iter().find_map(|(at, number)| {
            let noun = nearest(&pieces, at, is_name)
                .filter(|noun| self.nearest.get(noun).is_some_and(|own| !own.contains(&number)));
            let other = || {
                let subjects = self.subjects.get(&number)?;
                subject(&pieces, at, is_name)
                    .filter(|name| self.named.contains(name) && !subjects.contains(name))
            };
            noun.or_else(other).map(|of| Misplaced { number, of })
        })
    }
}

fn numbers(pieces: &[Piece]) -> Vec<(usize, String)> {
    let number = |(at, piece): (usize, &Piece)| match piece {
        Piece::Number(number) => Some((at, number.clone())),
        _ => None,
    };
    pieces.iter().enumerate().filter_map(number).collect()
}

/// What a word is called among the nouns, if it is one.
fn noun(word: &str) -> Option<&'static str> {
    if let Some(noun) = KOREAN.iter().copied().find(|noun| word.starts_with(noun)) {
        return Some(noun);
    }
    let singular = |noun: &&'static str| {
        [Some(word), word.strip_suffix("es"), word.strip_suffix('s')].contains(&Some(*noun))
    };
    let found = ENGLISH.iter().copied().find(singular)?;
    Some(if found == "people" { "person" } else { found })
}

/// The noun or name that a number belongs to: in Korean the one before it, in English the nearer one, both within the clause
/// and up to the next number. A time of day belongs to names alone.
fn nearest(pieces: &[Piece], at: usize, is_name: impl Fn(&str) -> bool + Copy) -> Option<String> {
    let is_time = matches!(&pieces[at], Piece::Number(number) if number.contains(':'));
    let term = |piece: &Piece| match piece {
        Piece::Word(word) if is_name(word) => Some(word.clone()),
        Piece::Word(word) if !is_time => noun(word).map(str::to_owned),
        _ => None,
    };
    let next = |n: usize| match pieces.get(at + n) {
        Some(Piece::Word(word)) => Some(word.as_str()),
        _ => None,
    };
    if let Some(span) = next(1).and_then(|word| SPANS.iter().find(|span| word.starts_with(**span))) {
        return Some((*span).to_owned());
    }
    // `3 of 120 runs failed`: what follows the runs is said of the 3.
    if next(1) == Some("of") && matches!(pieces.get(at + 2), Some(Piece::Number(_))) {
        let clause = pieces[at + 3..].iter().take_while(|piece| matches!(piece, Piece::Word(_)));
        return clause.filter_map(term).nth(1);
    }
    let reach = |piece: &&Piece| matches!(piece, Piece::Word(_));
    let before =
        pieces[..at].iter().rev().take_while(reach).enumerate().find_map(|(n, p)| Some((n, term(p)?)));
    let after = pieces[at + 1..].iter().take_while(reach).enumerate().find_map(|(n, p)| Some((n, term(p)?)));
    match (before, after) {
        (Some((_, before)), after) if is_korean(pieces) || after.is_none() => Some(before),
        (Some((near, before)), Some((far, after))) => Some(if near < far { before } else { after }),
        (_, after) => after.map(|(_, after)| after),
    }
}

fn is_korean(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| matches!(piece, Piece::Word(word) if !word.is_ascii()))
}

/// The name that a number's sentence is about: the last one before the number, else the first one after it.
fn subject(pieces: &[Piece], at: usize, is_name: impl Fn(&str) -> bool + Copy) -> Option<String> {
    let begin = pieces[..at].iter().rposition(|piece| *piece == Piece::Sentence).map_or(0, |stop| stop + 1);
    let end =
        pieces[at..].iter().position(|piece| *piece == Piece::Sentence).map_or(pieces.len(), |n| at + n);
    let name_at = |n: usize| match (&pieces[n], pieces.get(n + 1)) {
        (Piece::Word(word), _) if is_name(word) => Some(word.clone()),
        (Piece::Word(word), Some(Piece::Number(number))) if n + 1 != at => {
            let noun = NUMBERED.iter().find(|noun| word.starts_with(**noun))?;
            Some(format!("{noun} {number}"))
        }
        _ => None,
    };
    // The number that makes a name belongs to no other one.
    if at > begin
        && matches!(&pieces[at - 1], Piece::Word(word) if NUMBERED.iter().any(|noun| word.starts_with(noun)))
    {
        return None;
    }
    (begin..at).rev().find_map(name_at).or_else(|| (at + 1..end).find_map(name_at))
}

/// Takes a text apart. What stands behind a mark is not of it.
fn pieces(text: &str) -> Vec<Piece> {
    let mut all = Vec::new();
    let (mut word, mut run) = (String::new(), String::new());
    let mut in_mark = false;
    for c in text.chars().chain(std::iter::once(' ')) {
        in_mark = c == '⟦' || in_mark && c != '⟧';
        if !in_mark && (c.is_ascii_alphanumeric() || "-_./:,@".contains(c)) {
            flush_word(&mut word, &mut all);
            run.push(c.to_ascii_lowercase());
            continue;
        }
        flush_run(&mut run, &mut all);
        if !in_mark && c.is_alphanumeric() {
            word.extend(c.to_lowercase());
            continue;
        }
        flush_word(&mut word, &mut all);
        match c {
            '\n' | '!' | '?' => all.push(Piece::Sentence),
            ';' | '(' | ')' | '“' | '”' | '「' | '」' | '·' => all.push(Piece::Clause),
            _ => {}
        }
    }
    all
}

fn flush_word(word: &mut String, all: &mut Vec<Piece>) {
    if !word.is_empty() {
        all.push(Piece::Word(std::mem::take(word)));
    }
}

fn flush_run(run: &mut String, all: &mut Vec<Piece>) {
    let plain = run.trim_matches(['-', '.', '/', ':', ',', '@']);
    if plain.bytes().any(|b| b.is_ascii_alphabetic()) {
        all.push(Piece::Word(plain.to_owned()));
    } else if !plain.is_empty() {
        all.push(Piece::Number(number(plain)));
    }
    match run.bytes().last() {
        Some(b'.') => all.push(Piece::Sentence),
        Some(b',' | b':') => all.push(Piece::Clause),
        _ => {}
    }
    run.clear();
}

/// The shortest form of a number; of a time of day that on a clock of twelve hours.
fn number(text: &str) -> String {
    if let Some((hour, minute)) = text.split_once(':')
        && let (Ok(hour), Ok(minute)) = (hour.parse::<u32>(), minute.parse::<u32>())
    {
        return format!("{}:{minute:02}", hour % 12);
    }
    let plain = text.replace(',', "");
    plain.parse::<f64>().map_or(plain, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> BTreeSet<String> {
        let word = |piece| match piece {
            Piece::Word(word) if word.is_ascii() && word.bytes().any(|b| b.is_ascii_digit() || b == b'-') => {
                Some(word)
            }
            _ => None,
        };
        pieces(text).into_iter().filter_map(word).collect()
    }

    fn misplaced(draft: &str, answer: &str) -> Option<(String, String)> {
        let names = names(draft);
        let is_name = |word: &str| names.contains(word);
        let found = Bindings::of(draft, is_name).misplaced(answer, is_name);
        found.map(|Misplaced { number, of }| (number, of))
    }

    fn is_refused(draft: &str, answer: &str) -> bool {
        assert_eq!(misplaced(draft, draft), None, "the text itself");
        misplaced(draft, answer).is_some()
    }

    #[test]
    fn exchanged_figures_are_found_in_korean() {
        let draft = "센서 wando01이 09:41부터 이상 상태입니다. 점수가 4.1까지 올라 기준 2를 넘었습니다.";
        assert_eq!(
            misplaced(draft, "오전 9:41부터 wando01 센서가 이상해요. 점수는 4.10, 기준은 2예요."),
            None
        );
        assert_eq!(misplaced(draft, "기준 2를 넘어 점수가 4.1이에요."), None);
        assert!(is_refused(draft, "wando01이 이상해요. 점수는 2, 기준은 4.1이에요."));
        let draft =
            "공정 완료 120건 가운데 불합격이 3건(직전 1건) 나왔습니다. 공정 6에서 2건으로 가장 많았습니다.";
        assert_eq!(
            misplaced(draft, "120건 중 3건이 불합격이에요. 직전에는 1건이었어요. 공정 6이 2건이에요."),
            None
        );
        assert!(is_refused(draft, "완료 3건 가운데 불합격이 120건 나왔어요."));
        assert!(is_refused(draft, "완료 120건 가운데 불합격이 1건(직전 3건) 나왔어요."));
        assert!(is_refused(draft, "공정 2에서 6건으로 가장 많았어요."));
        let draft = "공정별로는 공정 3 합격 40, 공정 4 합격 38 불합격 2입니다.";
        assert!(is_refused(draft, "공정 3 합격 38, 공정 4 합격 40 불합격 2예요."));
        let draft =
            "센서 wando01이 09:41부터 이상 상태입니다. 차량 car-7이 08:12부터 연결이 끊긴 상태입니다.";
        assert!(is_refused(draft, "wando01이 08:12부터 이상해요. car-7은 9:41부터 끊겼어요."));
        let draft =
            "gate-1에 보이는 것은 사람은 3명, 자동차는 2대입니다. gate-2에 보이는 것은 사람은 5명입니다.";
        assert_eq!(
            misplaced(draft, "gate-2에는 사람이 5명, gate-1에는 사람이 3명, 자동차가 2대 보여요."),
            None
        );
        assert!(is_refused(draft, "gate-1에는 사람이 5명 보여요. gate-2에는 사람이 3명 보여요."));
        assert!(is_refused(draft, "gate-1에는 사람이 2명, 자동차가 3대 보여요."));
    }

    #[test]
    fn exchanged_figures_are_found_in_english() {
        let draft = "3 of 120 runs failed (1 the time before). Most were at process 6 (2).";
        assert_eq!(
            misplaced(draft, "Out of 120 runs 3 failed, most at process 6 (2). Before it was 1."),
            None
        );
        assert!(is_refused(draft, "120 of 3 runs failed (1 the time before)."));
        assert!(is_refused(draft, "Out of 3 runs 120 failed."));
        assert!(is_refused(draft, "1 of 120 runs failed (3 the time before)."));
        assert!(is_refused(draft, "Most were at process 2 (6)."));
        let draft =
            "Sensor wando-1 has been abnormal since 09:41. Its score reached 4.1 against a threshold of 2.";
        assert_eq!(misplaced(draft, "The threshold is 2; wando-1 has a score of 4.1 since 9:41."), None);
        assert!(is_refused(draft, "Its score reached 2 against a threshold of 4.1."));
        let draft = "Camera gate-1 sees 3 people and 2 cars. Camera gate-2 sees 5 people.";
        assert!(is_refused(draft, "Camera gate-1 sees 5 people and 2 cars. Camera gate-2 sees 3 people."));
        assert!(is_refused(draft, "Camera gate-1 sees 2 people and 3 cars."));
        let draft = "By process: process 3: 40 passed; process 4: 38 passed, 2 failed.";
        assert!(is_refused(draft, "By process: process 3: 38 passed; process 4: 40 passed, 2 failed."));
        let draft = "All 24 verdicts in the last 10 minutes are normal; 24 sensors and 3 processes are being watched.";
        assert!(is_refused(draft, "All 10 verdicts in the last 24 minutes are normal."));
        assert!(is_refused(draft, "24 processes and 3 sensors are being watched."));
    }
}
