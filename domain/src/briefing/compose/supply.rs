//! What a line is supplied with, labels and firmware, in both languages.

use super::Pen;
use super::en::{English, counted};
use super::ko::Korean;
use super::matter::Supply;
use super::page::Page;
use crate::briefing::korean::{Particle, aside, end, please, with};
use crate::briefing::name::Name;
use crate::briefing::tally::{Evidence, Tally};

type Named<'a> = [(&'a Name, &'a Tally)];

fn sum<'a>(tallies: impl IntoIterator<Item = &'a Tally>) -> Tally {
    let mut all = Tally::default();
    tallies.into_iter().for_each(|tally| all.merge(tally));
    all
}

/// How many of them failed. A roll-out is named and not counted: its events are the evidence.
fn failed(page: &mut Page, supply: Supply, named: &Named<'_>) -> u64 {
    match supply {
        Supply::Labels => page.n("labels.failed", &sum(named.iter().map(|(_, tally)| *tally))),
        Supply::Firmware => page.n("firmware.failed", &sum(named.iter().map(|(_, tally)| *tally))),
        Supply::Rollout => {
            named.iter().for_each(|(_, tally)| page.leave(Evidence::count("firmware.stopped", tally)));
            0
        }
    }
}

/// What came where it should: labels, installations, and roll-outs, whose events are the evidence.
fn arrived(page: &mut Page, pen: &Pen<'_>) -> (u64, u64) {
    let digest = pen.brief.digest;
    digest.rollouts_done.values().for_each(|tally| page.leave(Evidence::count("firmware.rolled_out", tally)));
    let installed = page.n("firmware.installed", &sum(digest.installed.values()));
    (page.n("labels.printed", &digest.printed), installed)
}

impl English<'_> {
    /// What did not get where it should.
    pub(super) fn supply(&self, page: &mut Page, supply: Supply, named: &Named<'_>) -> String {
        let n = failed(page, supply, named);
        let listed = self.list(named.iter().map(|(name, _)| *name));
        let s = if named.len() == 1 { "" } else { "s" };
        match supply {
            Supply::Labels => {
                format!("{} failed at printer{s} {listed}.", counted(n, "label job", "label jobs"))
            }
            Supply::Firmware => {
                let jobs = counted(n, "firmware installation", "firmware installations");
                format!("{jobs} failed at station{s} {listed}.")
            }
            Supply::Rollout => {
                let were = if named.len() == 1 { "was" } else { "were" };
                format!("Firmware roll-out{s} {listed} {were} stopped.")
            }
        }
    }

    /// What is to be done about it.
    pub(super) fn see_to_supply(&self, supply: Supply, first: &Name) -> String {
        self.please(&match supply {
            Supply::Labels => format!("have a look at printer {first}"),
            Supply::Firmware => format!("look up why the installation at {first} failed"),
            Supply::Rollout => format!("decide whether roll-out {first} goes on"),
        })
    }

    /// What got where it should.
    pub(super) fn supplied(&self, page: &mut Page) -> Vec<String> {
        let digest = self.0.brief.digest;
        let (labels, installed) = arrived(page, &self.0);
        let mut sentences = Vec::new();
        if labels > 0 {
            sentences.push(format!("{} printed.", counted(labels, "label was", "labels were")));
        }
        if installed > 0 {
            let versions = self.list(digest.installed.keys());
            let were = counted(installed, "firmware installation was", "firmware installations were");
            sentences.push(format!("{were} completed: {versions}."));
        }
        if !digest.rollouts_done.is_empty() {
            let listed = self.list(digest.rollouts_done.keys());
            let (s, are) = if digest.rollouts_done.len() == 1 { ("", "is") } else { ("s", "are") };
            sentences.push(format!("Firmware roll-out{s} {listed} {are} complete."));
        }
        sentences
    }
}

impl Korean<'_> {
    /// What did not get where it should.
    pub(super) fn supply(&self, page: &mut Page, supply: Supply, named: &Named<'_>) -> String {
        let n = failed(page, supply, named);
        let listed = self.list(named.iter().map(|(name, _)| *name));
        let tone = self.tone();
        match supply {
            Supply::Labels => {
                aside(&end(&format!("라벨 출력 {n}건이 실패했"), tone), &format!("프린터 {listed}"))
            }
            Supply::Firmware => {
                aside(&end(&format!("펌웨어 설치 {n}건이 실패했"), tone), &format!("스테이션 {listed}"))
            }
            Supply::Rollout => end(&format!("펌웨어 배포 {} 중단됐", with(&listed, Particle::Subject)), tone),
        }
    }

    /// What is to be done about it.
    pub(super) fn see_to_supply(&self, supply: Supply, first: &Name) -> String {
        let what = match supply {
            Supply::Labels => format!("{} 확인해", with(&format!("프린터 {first}"), Particle::Object)),
            Supply::Firmware => format!("스테이션 {first}의 설치 실패 원인을 확인해"),
            Supply::Rollout => format!("배포 {} 이어 갈지 정해", with(first, Particle::Object)),
        };
        please(&what, self.tone())
    }

    /// What got where it should.
    pub(super) fn supplied(&self, page: &mut Page) -> Vec<String> {
        let (digest, tone) = (self.0.brief.digest, self.tone());
        let (labels, installed) = arrived(page, &self.0);
        let mut sentences = Vec::new();
        if labels > 0 {
            sentences.push(end(&format!("라벨 {labels}장을 출력했"), tone));
        }
        if installed > 0 {
            let versions = self.list(digest.installed.keys());
            sentences.push(aside(&end(&format!("펌웨어 설치 {installed}건을 마쳤"), tone), &versions));
        }
        if !digest.rollouts_done.is_empty() {
            let listed = self.list(digest.rollouts_done.keys());
            sentences.push(end(&format!("펌웨어 배포 {} 끝났", with(&listed, Particle::Subject)), tone));
        }
        sentences
    }
}
