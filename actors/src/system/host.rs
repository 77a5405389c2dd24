//! Measures the machine: processors, memory, the disk of the data directory, network.
//!
//! Owned by `system`. Takes only its own ticks. Measuring happens on a thread of its own: a file system that is gone may
//! keep it waiting, and then the next ticks pass until it is back. Nothing is kept but the last figures. When the disk runs
//! out, people hear of it while there is still room to write that down.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{counter, gauge};
use nightshift_domain::Timestamp;
use nightshift_domain::alerts::storage_trouble;
use nightshift_kernel::{Actor, Context, Fault};
use sysinfo::{DiskRefreshKind, Disks, Networks, System};
use tokio::task::JoinHandle;

use crate::writer::Writer;

/// Time between two measurements.
const INTERVAL: Duration = Duration::from_secs(15);
/// How long a measurement is waited for before the next tick looks again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an alert may wait for its commit.
const ALERT_DEADLINE: Duration = Duration::from_secs(10);
/// Used share of the memory above which it is told.
const MEMORY_RATIO_MAX: f64 = 0.85;
const MIB: u64 = 1024 * 1024;

/// Room that there is, and how much of it is free, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) total: u64,
    pub(crate) available: u64,
}

impl Room {
    /// The share that is used.
    fn used_ratio(self) -> f64 {
        if self.total == 0 { 0.0 } else { 1.0 - self.available as f64 / self.total as f64 }
    }
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct HostFigures {
    /// Share of all processors' time since the last measurement that was used; absent at the first.
    pub(crate) cpu_ratio: Option<f64>,
    /// Memory of the machine, or of the container where that has less.
    pub(crate) memory: Option<Room>,
    /// The file system of the data directory.
    pub(crate) disk: Option<Room>,
    /// Bytes that all interfaces but the loopback have received and sent since the machine started.
    pub(crate) network: Option<(u64, u64)>,
}

/// The last figures. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct HostView {
    last: Arc<Mutex<HostFigures>>,
    disk_free_min_bytes: u64,
}

impl HostView {
    pub(crate) fn new(disk_free_min_bytes: u64) -> Self {
        Self { last: Arc::default(), disk_free_min_bytes }
    }

    pub(crate) fn last(&self) -> HostFigures {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, figures: HostFigures) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }

    /// Why memory runs out, if it does.
    pub(crate) fn memory_warning(&self) -> Option<String> {
        let memory = self.last().memory.filter(|memory| memory.used_ratio() > MEMORY_RATIO_MAX)?;
        let (percent, free) = (memory.used_ratio() * 100.0, memory.available / MIB);
        Some(format!(
            "{percent:.0} % of the memory is used, {free} MiB are free: look what else runs on the machine"
        ))
    }

    /// Why the disk runs out, if it does.
    pub(crate) fn disk_warning(&self) -> Option<String> {
        let disk = self.last().disk.filter(|disk| disk.available < self.disk_free_min_bytes)?;
        let (free, wanted) = (disk.available / MIB, self.disk_free_min_bytes / MIB);
        Some(format!(
            "{free} MiB are free in the data directory's file system, {wanted} wanted: free some, or keep less"
        ))
    }
}

/// What is measured with. Processors are measured against the time before.
struct Meter {
    system: System,
    disks: Disks,
    networks: Networks,
    data_dir: PathBuf,
    has_measured: bool,
}

impl Meter {
    fn new(data_dir: PathBuf) -> Self {
        let (system, disks, networks) = (System::new(), Disks::new(), Networks::new());
        Self { system, disks, networks, data_dir, has_measured: false }
    }

    fn measure(&mut self) -> HostFigures {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
        self.networks.refresh(true);
        let before = std::mem::replace(&mut self.has_measured, true);
        HostFigures {
            cpu_ratio: before.then(|| f64::from(self.system.global_cpu_usage()) / 100.0),
            memory: Some(self.memory()).filter(|memory| memory.total > 0),
            disk: self.disk(),
            network: self.network(),
        }
    }

    fn memory(&self) -> Room {
        let machine = Room { total: self.system.total_memory(), available: self.system.available_memory() };
        let container = self.system.cgroup_limits().filter(|c| c.total_memory < machine.total);
        container.map_or(machine, |c| Room { total: c.total_memory, available: c.free_memory })
    }

    fn disk(&self) -> Option<Room> {
        let dir = self.data_dir.canonicalize().unwrap_or_else(|_| self.data_dir.clone());
        let holds = |mount: &Path| dir.starts_with(mount);
        let holding = self.disks.iter().filter(|disk| holds(disk.mount_point()));
        let disk = holding.max_by_key(|disk| disk.mount_point().as_os_str().len())?;
        Some(Room { total: disk.total_space(), available: disk.available_space() })
    }

    fn network(&self) -> Option<(u64, u64)> {
        let outside = || self.networks.iter().filter(|(name, _)| *name != "lo");
        outside().next()?;
        let sum = |bytes: fn(&sysinfo::NetworkData) -> u64| outside().map(|(_, data)| bytes(data)).sum();
        Some((sum(sysinfo::NetworkData::total_received), sum(sysinfo::NetworkData::total_transmitted)))
    }
}

/// What the host's actor takes.
pub(super) enum HostMessage {
    Measure,
}

/// The actor.
pub(super) struct Host {
    view: HostView,
    /// Absent while a measurement is under way.
    meter: Option<Meter>,
    /// The measurement under way.
    under_way: Option<JoinHandle<(Meter, HostFigures)>>,
    writer: Writer,
    /// Whether people were told that the disk runs out, since it last had room.
    told: bool,
}

impl Host {
    pub(super) fn new(data_dir: PathBuf, view: HostView, writer: Writer) -> Self {
        Self { view, meter: Some(Meter::new(data_dir)), under_way: None, writer, told: false }
    }

    /// Raises an alert when the disk runs out; one that could not be written is tried again at the next measurement.
    async fn tell(&mut self, now: Timestamp) {
        let Some(warning) = self.view.disk_warning() else {
            self.told = false;
            return;
        };
        if self.told {
            return;
        }
        let raise = storage_trouble("disk", &warning, now);
        let raised = self.writer.run(ALERT_DEADLINE, move |tx| {
            Box::pin(async move { crate::alerts::raise(tx, vec![raise], now).await.map(|_| ()) })
        });
        match raised.await {
            Ok(()) => self.told = true,
            Err(error) => {
                tracing::warn!(error = %error, warning, "the disk runs out, and that could not be made an alert")
            }
        }
    }

    async fn measure(&mut self) -> Result<(), Fault> {
        if let Some(mut meter) = self.meter.take() {
            self.under_way = Some(tokio::task::spawn_blocking(move || {
                let figures = meter.measure();
                (meter, figures)
            }));
        }
        let Some(under_way) = &mut self.under_way else { return Ok(()) };
        match tokio::time::timeout(PATIENCE, under_way).await {
            Ok(Ok((meter, figures))) => {
                (self.meter, self.under_way) = (Some(meter), None);
                self.view.set(figures);
                show(figures);
                Ok(())
            }
            Ok(Err(error)) => Err(Fault::new(format!("measuring the machine failed: {error}"))),
            Err(_) => {
                tracing::warn!("the machine could not be measured in time: does a network file system hang?");
                Ok(())
            }
        }
    }
}

fn show(figures: HostFigures) {
    if let Some(ratio) = figures.cpu_ratio {
        gauge!("nightshift_host_cpu_used_ratio").set(ratio);
    }
    if let Some(memory) = figures.memory {
        gauge!("nightshift_host_memory_total_bytes").set(memory.total as f64);
        gauge!("nightshift_host_memory_available_bytes").set(memory.available as f64);
    }
    if let Some(disk) = figures.disk {
        gauge!("nightshift_host_disk_total_bytes").set(disk.total as f64);
        gauge!("nightshift_host_disk_available_bytes").set(disk.available as f64);
    }
    if let Some((received, transmitted)) = figures.network {
        counter!("nightshift_host_network_received_bytes_total").absolute(received);
        counter!("nightshift_host_network_transmitted_bytes_total").absolute(transmitted);
    }
}

impl Actor for Host {
    type Message = HostMessage;

    async fn start(&mut self, ctx: &Context<HostMessage>) -> Result<(), Fault> {
        ctx.send_after(Duration::ZERO, HostMessage::Measure)?;
        ctx.send_every(INTERVAL, || HostMessage::Measure)
    }

    async fn handle(
        &mut self,
        ctx: &Context<HostMessage>,
        HostMessage::Measure: HostMessage,
    ) -> Result<(), Fault> {
        self.measure().await?;
        self.tell(Timestamp::from_us(ctx.clock().now_us())).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nightshift_kernel::{ChildSpec, Clock, Mailbox, Random, Runtime, Supervisor};
    use nightshift_store::Slice;
    use nightshift_store::alerts::{AlertQuery, alert_list};
    use nightshift_store::testing::{TestDb, sqlite};

    use super::*;
    use crate::hub::Hub;
    use crate::writer::{Queue, StoreWriter};

    /// A writer on `home`, below a root of its own.
    fn writer_on(home: &TestDb) -> (Supervisor, Writer) {
        let runtime = Runtime::new(Clock::system(), Random::seeded(7), 8);
        let root = Supervisor::root("plant", runtime).expect("root");
        let queue = Arc::<Queue>::default();
        let (db, of) = (home.db.clone(), Arc::clone(&queue));
        let spec = ChildSpec::new("store-writer").mailbox(Mailbox::wait(16));
        let make = move || StoreWriter::new(db.clone(), Hub::new(0), Arc::clone(&of));
        let address = root.spawn(spec, make).expect("writer");
        (root, Writer::new(address, queue))
    }

    #[tokio::test]
    async fn people_hear_once_that_the_disk_runs_out() {
        let home = sqlite().await;
        let (root, writer) = writer_on(&home);
        let view = HostView::new(100 * MIB);
        let mut host = Host::new(PathBuf::from("."), view.clone(), writer);
        let now = Timestamp::from_s(1_800_000_000);
        let mut alerts = Vec::new();
        for free in [200, 99, 98, 200, 97] {
            let disk = Some(Room { total: 1_000 * MIB, available: free * MIB });
            view.set(HostFigures { disk, ..HostFigures::default() });
            host.tell(now).await;
            let page = alert_list(&home.db, &AlertQuery::default(), Slice::first(10)).await.expect("alerts");
            alerts.push(page.items.first().map(|alert| {
                assert!(alert.alert.raise.message.contains("are free"), "{alert:?}");
                (alert.alert.raise.subject.clone(), alert.alert.count)
            }));
        }
        let disk = |times| Some(("storage:disk".to_owned(), times));
        assert_eq!(alerts, [None, disk(1), disk(1), disk(1), disk(2)], "again when it had room meanwhile");
        // While the database is full as well it is tried again.
        assert!(root.shutdown(PATIENCE).await.clean);
        host.told = false;
        host.tell(now).await;
        assert!(!host.told);
    }

    #[tokio::test]
    async fn the_machine_is_measured() {
        let folder = tempfile::tempdir().expect("a folder");
        let view = HostView::new(1);
        let home = sqlite().await;
        let (_root, writer) = writer_on(&home);
        let mut host = Host::new(folder.path().to_owned(), view.clone(), writer);
        assert_eq!(view.last(), HostFigures::default());
        host.measure().await.expect("measured");
        let first = view.last();
        assert_eq!(first.cpu_ratio, None, "there is no time before the first measurement");
        for room in [first.memory, first.disk] {
            let room = room.expect("measured");
            assert!(room.total > 0 && room.available <= room.total, "{room:?}");
        }
        host.measure().await.expect("measured");
        let ratio = view.last().cpu_ratio.expect("measured");
        assert!((0.0..=1.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn what_runs_out_is_told() {
        let view = HostView::new(100 * MIB);
        let look = |memory_free: u64, disk_free: u64| {
            let room = |free: u64| Some(Room { total: 1_000 * MIB, available: free * MIB });
            view.set(HostFigures {
                memory: room(memory_free),
                disk: room(disk_free),
                ..HostFigures::default()
            });
            (view.memory_warning(), view.disk_warning())
        };
        assert_eq!(look(150, 100), (None, None));
        let (memory, disk) = look(149, 99);
        assert!(memory.is_some_and(|text| text.contains("85 %") && text.contains("149 MiB")));
        assert!(disk.is_some_and(|text| text.contains("99 MiB")));
        view.set(HostFigures::default());
        assert_eq!((view.memory_warning(), view.disk_warning()), (None, None), "nothing is known yet");
    }
}
