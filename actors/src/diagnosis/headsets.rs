//! The headsets that are connected to this process: one for each patient.
//!
//! A new one takes the place of an older one, which is told so and hears no more. The end of the older one must not take the
//! place away from the new one: each has a number, and gives up only its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nightshift_domain::diagnosis::{PatientId, ToHeadset};
use tokio::sync::watch;

use crate::outlet::{Frame, Outlet};

/// Who is connected.
#[derive(Default)]
pub(super) struct Headsets {
    by_patient: Mutex<HashMap<PatientId, Connected>>,
    next: AtomicU64,
}

struct Connected {
    number: u64,
    outlet: Outlet,
    replaced: watch::Sender<bool>,
}

/// A place among the connected, until it is dropped or replaced.
pub(super) struct Place {
    headsets: Arc<Headsets>,
    patient: PatientId,
    number: u64,
    replaced: watch::Receiver<bool>,
}

impl Headsets {
    fn lock(&self) -> MutexGuard<'_, HashMap<PatientId, Connected>> {
        self.by_patient.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a headset its place; an older one of the patient is told that it has lost it.
    pub(super) fn connect(self: &Arc<Self>, patient: PatientId, outlet: Outlet) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, replaced) = watch::channel(false);
        let old = self.lock().insert(patient, Connected { number, outlet, replaced: sender });
        if let Some(old) = old {
            metrics::counter!("nightshift_diagnosis_headsets_replaced_total").increment(1);
            // One that is gone needs no farewell.
            let _ = old.outlet.send(text(&ToHeadset::force_disconnect()));
            old.replaced.send_replace(true);
        } else {
            metrics::gauge!("nightshift_diagnosis_headsets_connected").increment(1.0);
        }
        Place { headsets: Arc::clone(self), patient, number, replaced }
    }

    /// Whether a headset of the patient is connected.
    pub(super) fn has(&self, patient: PatientId) -> bool {
        self.lock().get(&patient).is_some_and(|connected| !connected.outlet.is_closed())
    }

    /// The number of the headset that a patient has now.
    pub(super) fn number(&self, patient: PatientId) -> Option<u64> {
        self.lock().get(&patient).map(|connected| connected.number)
    }

    /// Tells a patient's headset; the number of the one that was told.
    pub(super) fn tell(&self, patient: PatientId, order: &ToHeadset) -> Option<u64> {
        let headsets = self.lock();
        let connected = headsets.get(&patient)?;
        connected.outlet.send(text(order)).ok()?;
        Some(connected.number)
    }
}

fn text(order: &ToHeadset) -> Frame {
    Frame::Text(order.frame().into())
}

impl Place {
    /// Returns when another headset has taken this place.
    pub(super) async fn replaced(&mut self) {
        // The sender goes only with the place itself.
        let _ = self.replaced.wait_for(|replaced| *replaced).await;
    }

    /// Whether another headset has taken this place.
    pub(super) fn is_replaced(&self) -> bool {
        *self.replaced.borrow()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut headsets = self.headsets.lock();
        if headsets.get(&self.patient).is_some_and(|connected| connected.number == self.number) {
            headsets.remove(&self.patient);
            metrics::gauge!("nightshift_diagnosis_headsets_connected").decrement(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlet::{Drain, OutletLimits, outlet};

    const PATIENT: PatientId = PatientId(1);

    fn line() -> (Outlet, Drain) {
        outlet(OutletLimits { frames_max: 4, bytes_max: 4_096 })
    }

    #[tokio::test]
    async fn the_end_of_an_older_headset_does_not_evict_the_new_one() {
        let headsets = Arc::new(Headsets::default());
        let ((old_out, mut old_drain), (new_out, mut new_drain)) = (line(), line());
        let mut old = headsets.connect(PATIENT, old_out);
        assert!(headsets.has(PATIENT) && !old.is_replaced());
        let new = headsets.connect(PATIENT, new_out);
        old.replaced().await;
        assert!(old.is_replaced() && !new.is_replaced());
        assert_eq!(old_drain.next().await, Some(text(&ToHeadset::force_disconnect())));
        drop(old);
        assert_eq!(headsets.tell(PATIENT, &ToHeadset::stop()), headsets.number(PATIENT));
        assert_eq!(new_drain.next().await, Some(text(&ToHeadset::stop())));
        drop(new);
        assert!(!headsets.has(PATIENT));
        assert_eq!(headsets.tell(PATIENT, &ToHeadset::stop()), None);
    }

    #[tokio::test]
    async fn a_headset_whose_socket_is_closed_is_not_there() {
        let headsets = Arc::new(Headsets::default());
        let (out, drain) = line();
        let _place = headsets.connect(PATIENT, out);
        drop(drain);
        assert!(!headsets.has(PATIENT));
        assert_eq!(headsets.tell(PATIENT, &ToHeadset::stop()), None);
    }
}
