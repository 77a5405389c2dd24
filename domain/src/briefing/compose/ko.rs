//! The note in Korean.

use jiff::civil::DateTime;

use super::matter::{Group, Item, Kind, Matter, Urgency, tally};
use super::page::{Page, names};
use super::{Pen, Tongue, Unit};
use crate::Timestamp;
use crate::alerts::Severity;
use crate::briefing::custom::{Length, Tone};
use crate::briefing::digest::{AlertDigest, SensorDigest};
use crate::briefing::korean::{CLASSES, Particle, aside, end, is, please, with};
use crate::briefing::name::Name;
use crate::briefing::standing::Scene;
use crate::briefing::tally::{Evidence, Tally};
use crate::briefing::watched::WATCHED_HOURS;

/// Most classes of a scene that are told.
const CLASSES_MAX: usize = 5;

pub(super) struct Korean<'a>(pub(super) Pen<'a>);

/// What a kind of thing is called, how it is counted, and what it is when it is open, and when it is over.
struct Words {
    noun: &'static str,
    counter: &'static str,
    open: &'static str,
    over: &'static str,
}

fn words(kind: Kind) -> Words {
    let (noun, counter, open, over) = match kind {
        Kind::Held => ("설비", "대", "보류 중", "보류가 풀렸"),
        Kind::Equipment => ("설비", "대", "이상 상태", "정상으로 돌아왔"),
        Kind::Parked => ("프로그램", "곳", "거듭 실패해 격리된 상태", "다시 움직이고 있"),
        Kind::Away => ("차량", "대", "연결이 끊긴 상태", "다시 연결됐"),
        Kind::Sensor => ("센서", "개", "이상 상태", "정상으로 돌아왔"),
        Kind::Silent => ("센서", "개", "자료가 모자라 판정하지 못하는 상태", "다시 자료를 보내고 있"),
    };
    Words { noun, counter, open, over }
}

impl Korean<'_> {
    pub(super) fn tone(&self) -> Tone {
        self.0.style.tone
    }

    /// The span: `지난 10분 동안`.
    pub(super) fn span(&self) -> String {
        let (n, unit) = self.0.span();
        let unit = match unit {
            Unit::Seconds => "초",
            Unit::Minutes => "분",
            Unit::Hours => "시간",
        };
        format!("지난 {n}{unit} 동안")
    }

    /// An instant: `09:41`, with its date when that is another one.
    pub(super) fn time(&self, at: Timestamp) -> String {
        let local: DateTime = self.0.local(at);
        let clock = format!("{:02}:{:02}", local.hour(), local.minute());
        if self.0.same_date(at) { clock } else { format!("{}월 {}일 {clock}", local.month(), local.day()) }
    }

    /// Names, as many as fit: `a, b, c 등`.
    pub(super) fn list<'n>(&self, all: impl IntoIterator<Item = &'n Name>) -> String {
        let (first, more) = names(all, self.0.room.names);
        if more { format!("{first} 등") } else { first }
    }

    fn group(&self, page: &mut Page, kind: Kind, group: &Group<'_>) -> Vec<String> {
        let words = words(kind);
        let (noun, counter, open) = (words.noun, words.counter, words.open);
        let mut sentences = Vec::new();
        let mut details = Vec::new();
        match group.fresh.as_slice() {
            [] => {}
            [one] => {
                let since = self.since(page, one);
                let name = with(one.name, Particle::Subject);
                sentences.push(is(&format!("{noun} {name} {since} {open}"), self.tone()));
            }
            many => {
                let n = page.n("briefing.begun", &tally(many));
                let listed = self.list(many.iter().map(|item| item.name));
                let head = with(&format!("{noun} {n}{counter}"), Particle::Subject);
                sentences.push(aside(&is(&format!("{head} 새로 {open}"), self.tone()), &listed));
            }
        }
        match group.lasting.as_slice() {
            [] => {}
            [one] => {
                let since = self.since(page, one);
                let name = with(one.name, Particle::Topic);
                sentences.push(is(&format!("{noun} {name} {since} 계속 {open}"), self.tone()));
            }
            many => {
                let n = page.n("briefing.lasting", &tally(many));
                let listed = self.list(many.iter().map(|item| item.name));
                let head = with(&format!("{noun} {n}{counter}"), Particle::Topic);
                sentences.push(aside(&is(&format!("{head} 계속 {open}"), self.tone()), &listed));
            }
        }
        match kind {
            Kind::Held | Kind::Equipment => details.extend(self.cause(&group.fresh)),
            Kind::Sensor => details.extend(self.worst(page, group)),
            Kind::Parked | Kind::Away | Kind::Silent => {}
        }
        sentences.extend(details);
        sentences
    }

    fn since(&self, page: &mut Page, item: &Item<'_>) -> String {
        page.leave(Evidence::count("briefing.since", &Tally::of(item.seq)));
        format!("{}부터", self.time(item.since))
    }

    /// Which sensor made equipment count as abnormal.
    fn cause(&self, fresh: &[Item<'_>]) -> Option<String> {
        let sensor = fresh.first()?.sensor?;
        Some(is(&format!("센서 {sensor}의 이상 판정이 원인"), self.tone()))
    }

    /// How far the worst sensor is over its bound.
    fn worst(&self, page: &mut Page, group: &Group<'_>) -> Option<String> {
        let item = group.fresh.first().or(group.lasting.first())?;
        let digest: &SensorDigest = item.digest?;
        let alone = group.fresh.len() + group.lasting.len() == 1;
        let who = if alone {
            String::new()
        } else {
            format!("가장 심한 것은 {}, ", with(item.name, Particle::By))
        };
        if let Some((score, bound, seq)) = digest.worst {
            let score = page.value("sensing.score", score, seq);
            let bound = page.value("sensing.threshold", bound, seq);
            return Some(end(
                &format!("{who}점수가 {score}까지 올라 기준 {} 넘었", with(&bound, Particle::Object)),
                self.tone(),
            ));
        }
        let (bound, seq) = digest.crossed?;
        let bound = page.value("sensing.threshold", bound, seq);
        Some(end(&format!("{who}값이 한계 {} 벗어났", with(&bound, Particle::Object)), self.tone()))
    }

    fn before(&self, page: &mut Page, what: &str, last: Option<&Tally>, now: u64, unit: &str) -> String {
        let Some(last) = last.filter(|_| self.0.room.compares) else { return String::new() };
        if last.count == now {
            return String::new();
        }
        format!("(직전 {}{unit})", page.n(what, last))
    }

    fn fails(&self, page: &mut Page, matter: &Matter<'_>) -> Vec<String> {
        let Matter::Fails { failed, of, worst, code } = matter else { return Vec::new() };
        let tone = self.tone();
        let n = page.n("production.failed", failed);
        let last = self.0.brief.last.map(|last| &last.failed);
        let before = self.before(page, "production.failed", last, n, "건");
        let of = page.n("production.runs", of);
        let mut sentences = vec![if of > n {
            end(&format!("공정 완료 {of}건 가운데 불합격이 {n}건{before} 나왔"), tone)
        } else {
            end(&format!("공정 완료 {n}건{before}이 모두 불합격으로 나왔"), tone)
        }];
        let mut detail = String::new();
        if let Some((process, failed)) = worst {
            let m = page.n("production.failed_at", failed);
            detail = if m == n {
                format!("모두 공정 {process}에서 나왔")
            } else {
                format!("공정 {process}에서 {m}건으로 가장 많았")
            };
        }
        if let Some((code, tally)) = code {
            let m = page.n("production.defect", tally);
            sentences.push(is(&format!("{detail}고, 주된 불량은 {code} {m}건"), tone));
        } else if !detail.is_empty() {
            sentences.push(end(&detail, tone));
        }
        let scrapped = &self.0.brief.digest.figures.scrapped;
        if !scrapped.is_empty() {
            let m = page.n("production.scrapped", scrapped);
            sentences.push(end(&format!("제품 {m}개는 폐기됐"), tone));
        }
        sentences
    }

    fn alert(&self, page: &mut Page, alert: &AlertDigest) -> Vec<String> {
        let title = page.quote(&alert.title);
        let times = page.n("alerts.raised", &alert.raised);
        let what = if alert.severity == Severity::High { "긴급 알림" } else { "알림" };
        let again = if times > 1 { format!(" {times}번") } else { String::new() };
        let raised = end(&format!("{what}이{again} 올라왔"), self.tone());
        let mut sentences = vec![format!("{}: {title}.", raised.trim_end_matches('.'))];
        if !alert.message.is_empty() {
            let message = page.quote(&alert.message);
            sentences.push(is(&format!("설명은 {message}"), self.tone()));
        }
        sentences
    }

    fn scene_words(&self, page: &mut Page, scene: &Scene) -> String {
        let mut counts: Vec<_> = scene.counts.iter().filter(|(_, n)| **n > 0).collect();
        counts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let told: Vec<String> = counts
            .into_iter()
            .take(CLASSES_MAX)
            .map(|(class, n)| {
                page.leave(Evidence::value(&format!("observation.{class}"), *n as f64, scene.seq));
                let known = CLASSES.iter().find(|(name, ..)| *name == &**class);
                let (noun, counter) = known.map_or((&**class, "개"), |(_, noun, counter)| (*noun, *counter));
                format!("{} {n}{counter}", with(noun, Particle::Topic))
            })
            .collect();
        told.join(", ")
    }

    /// `센서 24개, 공정 3개`.
    pub(super) fn watched(&self, page: &mut Page) -> String {
        let watched = self.0.brief.watched;
        let kinds = [
            ("sensing.watched", &watched.sensors, "센서", "개"),
            ("production.watched", &watched.processes, "공정", "개"),
            ("fleet.watched", &watched.vehicles, "차량", "대"),
            ("observation.watched", &watched.sources, "카메라", "대"),
        ];
        let told: Vec<String> = kinds
            .into_iter()
            .filter(|(_, tally, ..)| !tally.is_empty())
            .map(|(what, tally, noun, counter)| format!("{noun} {}{counter}", page.n(what, tally)))
            .collect();
        told.join(", ")
    }
}

impl Tongue for Korean<'_> {
    fn calm(&self, page: &mut Page) -> Vec<String> {
        let (tone, brief) = (self.tone(), &self.0.brief);
        let watched = self.watched(page);
        if watched.is_empty() {
            return vec![
                end("아직 살필 것이 없", tone),
                end(
                    &format!(
                        "지난 {WATCHED_HOURS}시간 동안 센서, 공정, 차량, 카메라 어디서도 들어온 것이 없"
                    ),
                    tone,
                ),
                please("연결을 확인해", tone),
            ];
        }
        if self.0.style.length == Length::Sentence {
            return vec![end(&format!("{} 모두 살폈고 이상이 없", with(&watched, Particle::Object)), tone)];
        }
        let mut sentences = vec![end("이상 없", tone)];
        let verdicts = &brief.digest.figures.verdicts;
        let span = self.span();
        if !verdicts.is_empty() {
            let n = page.n("sensing.verdicts", verdicts);
            sentences.push(is(&format!("{span} 센서 판정 {n}건이 모두 정상"), tone));
            sentences.push(end(&format!("{} 지켜보고 있", with(&watched, Particle::Object)), tone));
        } else if !brief.digest.has_news() {
            let watching = end(&format!("{} 계속 지켜보고 있", with(&watched, Particle::Object)), tone);
            sentences.push(format!("{span} 새로 들어온 일은 없고, {watching}"));
        } else {
            sentences.push(end(&format!("{span} {} 지켜봤", with(&watched, Particle::Object)), tone));
        }
        sentences
    }

    fn lead(&self, matters: usize, worst: Urgency) -> String {
        let tone = self.tone();
        match (worst, matters) {
            (Urgency::High, n) => end(&format!("급히 보실 일을 포함해 {n}건이 있"), tone),
            (Urgency::Middle, n) => end(&format!("살펴보실 일이 {n}건 있"), tone),
            (Urgency::Low, _) => end("큰 이상은 없", tone),
        }
    }

    fn matter(&self, page: &mut Page, matter: &Matter<'_>) -> Vec<String> {
        let tone = self.tone();
        match matter {
            Matter::Open(kind, group) => self.group(page, *kind, group),
            Matter::Fails { .. } => self.fails(page, matter),
            Matter::Alert(alert) => self.alert(page, alert),
            Matter::Target(alert) => {
                page.leave(Evidence::count("alerts.raised", &alert.raised));
                let (about, message) = (page.quote(&alert.about()), page.quote(&alert.message));
                vec![
                    end("하루 생산 목표를 채우지 못했", tone),
                    is(&format!("대상은 {about}, 실적은 {message}"), tone),
                ]
            }
            Matter::Delayed(alerts) => {
                let mut all = Tally::default();
                alerts.iter().for_each(|alert| all.merge(&alert.raised));
                let n = page.n("alerts.delayed", &all);
                let mut sentences = vec![is(&format!("계획보다 오래 걸리는 작업이 {n}건"), tone)];
                if let Some(first) = alerts.first() {
                    let about = page.quote(&first.about());
                    sentences.push(is(&format!("먼저 볼 것은 {about}"), tone));
                }
                sentences
            }
            Matter::Broken(named) => {
                let listed = self.list(named.iter().map(|(name, _)| *name));
                named.iter().for_each(|(_, tally)| page.leave(Evidence::count("fleet.broken", tally)));
                vec![end(&format!("차량 {} 고장 났", with(&listed, Particle::Subject)), tone)]
            }
            Matter::Sessions(named) => {
                let listed = self.list(named.iter().map(|(name, _)| *name));
                named.iter().for_each(|(_, tally)| page.leave(Evidence::count("diagnosis.broken", tally)));
                vec![end(&format!("진단 세션 {} 도중에 끊겼", with(&listed, Particle::Subject)), tone)]
            }
            Matter::Supply(supply, named) => vec![self.supply(page, *supply, named)],
            Matter::Flicker(named) => {
                let mut all = Tally::default();
                named.iter().for_each(|(_, tally)| all.merge(tally));
                let n = page.n("sensing.abnormal", &all);
                let listed = self.list(named.iter().map(|(name, _)| *name));
                let who = with(&listed, Particle::Topic);
                vec![is(&format!("센서 {who} 이상 판정이 {n}건 있었지만 지금은 정상"), tone)]
            }
            Matter::Unscored(tally) => {
                let n = page.n("sensing.unscored", tally);
                vec![end(&format!("판정 {n}건은 채점기를 기다리느라 미뤄졌"), tone)]
            }
            Matter::Failures(tally, parts) => {
                let n = page.n("system.failed", tally);
                let listed = self.list(parts.iter().copied());
                let sentence = end(&format!("프로그램 안에서 실패가 {n}건 있었지만 스스로 복구했"), tone);
                vec![aside(&sentence, &listed)]
            }
        }
    }

    fn more(&self, matters: usize) -> String {
        end(&format!("그 밖에도 {matters}건이 더 있"), self.tone())
    }

    fn and_more(&self, sentence: &str, matters: usize) -> String {
        format!("{}(그 밖에 {matters}건).", sentence.trim_end_matches('.'))
    }

    fn recovered(&self, kind: Kind, names: &[&Name]) -> String {
        let words = words(kind);
        let listed = self.list(names.iter().copied());
        end(&format!("{} {} {}", words.noun, with(&listed, Particle::Topic), words.over), self.tone())
    }

    fn progress(&self, page: &mut Page) -> Vec<String> {
        let (tone, digest) = (self.tone(), self.0.brief.digest);
        let figures = &digest.figures;
        let mut sentences = Vec::new();
        // With failures among them the runs were told already.
        if !figures.passed.is_empty() && figures.failed.is_empty() {
            let n = page.n("production.passed", &figures.passed);
            let last = self.0.brief.last.map(|last| &last.passed);
            let before = self.before(page, "production.passed", last, n, "건");
            sentences.push(is(&format!("공정 완료 {n}건{before}은 모두 합격"), tone));
        }
        if !figures.units.is_empty() {
            let n = page.n("production.units", &figures.units);
            sentences.push(end(&format!("제품 {n}개가 마지막 공정까지 합격했"), tone));
        }
        if !figures.lots.is_empty() {
            let n = page.n("production.lots", &figures.lots);
            let listed = self.list(digest.lots_done.keys());
            sentences.push(if n == 1 {
                end(&format!("로트 {} 끝났", with(&listed, Particle::Subject)), tone)
            } else {
                aside(&end(&format!("로트 {n}개가 끝났"), tone), &listed)
            });
        }
        if !digest.caught.is_empty() {
            sentences.push(end(&format!("추격이 {}건 끝났", page.n("fleet.caught", &digest.caught)), tone));
        }
        if !figures.sessions.is_empty() {
            let n = page.n("diagnosis.done", &figures.sessions);
            sentences.push(end(&format!("진단 세션 {n}건을 마쳤"), tone));
        }
        sentences.extend(self.supplied(page));
        if self.0.style.length == Length::Long {
            sentences.extend(self.by_process(page));
        }
        sentences
    }

    fn scene(&self, page: &mut Page, source: &Name) -> Vec<String> {
        let (tone, brief) = (self.tone(), &self.0.brief);
        let Some(scene) = brief.now.scenes.get(source) else { return Vec::new() };
        let now = self.scene_words(page, scene);
        let mut sentences = Vec::new();
        if now.is_empty() {
            sentences.push(end(&format!("{source}에는 지금 보이는 것이 없"), tone));
        } else {
            let known = brief.before.scenes.get(source).filter(|known| known.counts != scene.counts);
            let was = known.filter(|_| self.0.room.compares).map(|known| self.scene_words(page, known));
            let was = was.filter(|was| !was.is_empty()).map_or_else(String::new, |was| format!("직전 {was}"));
            let sentence = is(&format!("{source}에 보이는 것은 {now}"), tone);
            sentences.push(if was.is_empty() { sentence } else { aside(&sentence, &was) });
        }
        let digest = brief.digest.sources.get(source);
        if let Some(caption) = digest.and_then(|d| d.caption.as_ref()).filter(|_| self.0.room.captions) {
            let caption = page.quote(caption);
            sentences.push(is(&format!("카메라의 설명은 {caption}"), tone));
        }
        sentences
    }

    fn advice(&self, matter: &Matter<'_>) -> Option<String> {
        let tone = self.tone();
        let first =
            |group: &Group<'_>| group.fresh.first().or(group.lasting.first()).map(|item| item.name.clone());
        Some(match matter {
            Matter::Open(kind, group) => {
                let name = first(group)?;
                match kind {
                    Kind::Held => please(
                        &format!(
                            "{} 점검하고 확인을 남긴 뒤 작업을 다시 시작해",
                            with(&name, Particle::Object)
                        ),
                        tone,
                    ),
                    Kind::Equipment => {
                        please(&format!("{} 먼저 점검해", with(&name, Particle::Object)), tone)
                    }
                    Kind::Sensor => please(&format!("{name} 쪽 현장을 살펴봐"), tone),
                    Kind::Parked => please(&format!("시스템 화면에서 {name}의 실패 원인을 확인해"), tone),
                    Kind::Away => please(&format!("차량 {name}의 전원과 통신을 확인해"), tone),
                    Kind::Silent => please(&format!("{name}의 전원과 통신을 확인해"), tone),
                }
            }
            Matter::Broken(named) => {
                please(&format!("차량 {} 살펴봐", with(named.first()?.0, Particle::Object)), tone)
            }
            Matter::Fails { worst, .. } => {
                let (process, _) = worst.as_ref()?;
                please(&format!("{} 먼저 확인해", with(&format!("공정 {process}"), Particle::Object)), tone)
            }
            Matter::Alert(alert) if alert.severity == Severity::Low => return None,
            Matter::Alert(_) => please("알림을 확인하고 처리해", tone),
            Matter::Target(_) => please("모자란 수량을 언제 채울지 정해", tone),
            Matter::Delayed(_) => please("늦어지는 작업의 사정을 현장에 확인해", tone),
            Matter::Sessions(_) => please("끊긴 진단을 다시 할지 확인해", tone),
            Matter::Supply(supply, named) => self.see_to_supply(*supply, named.first()?.0),
            Matter::Flicker(_) | Matter::Unscored(_) | Matter::Failures(..) => return None,
        })
    }

    fn gaps(&self) -> String {
        end("이 기간의 기록 일부가 이미 지워져서 남은 것만 살펴봤", self.tone())
    }
}

impl Korean<'_> {
    /// What each process has done.
    fn by_process(&self, page: &mut Page) -> Option<String> {
        let processes = &self.0.brief.digest.processes;
        if processes.len() < 2 {
            return None;
        }
        let told: Vec<String> = processes
            .iter()
            .take(self.0.room.names)
            .map(|(number, process)| {
                let passed = page.n("production.passed_at", &process.passed);
                let failed = &process.failed;
                let bad = if failed.is_empty() {
                    String::new()
                } else {
                    format!(" 불합격 {}", page.n("production.failed_at", failed))
                };
                format!("공정 {number} 합격 {passed}{bad}")
            })
            .collect();
        Some(is(&format!("공정별로는 {}", told.join(", ")), self.tone()))
    }
}
