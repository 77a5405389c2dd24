//! The one table of permissions. A route names the permission it needs; who has it is said here and nowhere else.

use std::fmt;

use serde::Serialize;

use super::{Role, Scope};

/// Who has a permission: people of these roles, and machines whose token has one of these scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Who {
    /// Roles of people.
    pub roles: &'static [Role],
    /// Scopes of machine tokens.
    pub scopes: &'static [Scope],
}

use Role::{Admin, Doctor, Manager, Nurse, Operator, Viewer};

const EVERYONE: &[Role] = &[Admin, Manager, Operator, Doctor, Nurse, Viewer];
/// Those who see production; doctors and nurses do not.
const PLANT: &[Role] = &[Admin, Manager, Operator, Viewer];
/// Those who work at the line.
const LINE: &[Role] = &[Admin, Manager, Operator];
/// Those who have patients. The table alone opens nothing: each sees their own patients, and an administrator has none.
const CLINIC: &[Role] = &[Admin, Doctor];
const LEADS: &[Role] = &[Admin, Manager];
const ADMINS: &[Role] = &[Admin];

/// Declares the permissions together with their table: name, doc, word, roles, scopes.
macro_rules! permissions {
    ($($(#[$doc:meta])+ $name:ident = $word:literal: $roles:ident, [$($scope:ident),*];)+) => {
        /// One kind of act. An administrator may do everything.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(into = "&'static str")]
        pub enum Permission {
            $($(#[$doc])+ $name,)+
        }

        impl Permission {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in the API's description and in the audit.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// Who has it.
            #[must_use]
            pub const fn who(self) -> Who {
                match self {
                    $(Self::$name => Who { roles: $roles, scopes: &[$(Scope::$scope),*] },)+
                }
            }
        }
    };
}

permissions! {
    /// See metrics.
    MetricsRead = "metrics.read": ADMINS, [MetricsRead];
    /// Listen to events.
    EventsRead = "events.read": EVERYONE, [EventsRead];
    /// See the tree, devices, models, and the state of the system in full.
    SystemRead = "system.read": EVERYONE, [SystemRead];
    /// Restart actors and release them from quarantine; promote a model and take that back.
    SystemManage = "system.manage": ADMINS, [];

    /// See sensors, readings, verdicts and the schedule.
    SensingRead = "sensing.read": EVERYONE, [SensingRead, SensingWrite, SensingManage];
    /// Push readings.
    SensingPush = "sensing.push": LINE, [SensingWrite];
    /// Ask for an analysis.
    SensingAnalyze = "sensing.analyze": LINE, [SensingWrite];
    /// Register, change and remove sensors; set the schedule.
    SensingManage = "sensing.manage": LEADS, [SensingManage];

    /// See users.
    UserRead = "user.read": LEADS, [];
    /// Make, change and remove users; set others' passwords; unlock.
    UserManage = "user.manage": ADMINS, [];
    /// See, make and revoke machine tokens.
    TokenManage = "token.manage": ADMINS, [];
    /// Read the audit.
    AuditRead = "audit.read": ADMINS, [];

    /// See product models, lines, equipment, processes, lots, serials, runs, dashboards and analyses.
    ProductionRead = "production.read": PLANT, [ProductionRead, Station, Agent];
    /// Change product models, lines, equipment and processes; set targets.
    CatalogManage = "catalog.manage": LEADS, [];
    /// Make lots and serials, and move them on.
    LotManage = "lot.manage": LINE, [];
    /// Close and cancel lots, recount, correct what was recorded.
    LotClose = "lot.close": LEADS, [];
    /// Report starts, completions and measurements.
    ProcessReport = "process.report": LINE, [Station];
    /// Start a process out of its order, with a reason.
    ProcessOverride = "process.override": LEADS, [];
    /// Approve rework.
    ReworkApprove = "rework.approve": LEADS, [];
    /// Print and reprint labels.
    LabelPrint = "label.print": LINE, [Station];
    /// Register, change and remove printers.
    PrinterManage = "printer.manage": LEADS, [];
    /// See and fetch firmware.
    FirmwareRead = "firmware.read": PLANT, [Station, Agent];
    /// Upload firmware.
    FirmwareManage = "firmware.manage": LEADS, [];
    /// Send firmware to a station.
    FirmwareDeploy = "firmware.deploy": LINE, [Station];
    /// Speak for a station's agent.
    AgentConnect = "agent.connect": ADMINS, [Agent];
    /// See the own patients.
    PatientRead = "patient.read": CLINIC, [];
    /// Make, change, remove and erase the own patients, and make tokens for their headsets.
    PatientManage = "patient.manage": CLINIC, [];
    /// Give the patients of a doctor who is gone to another one, without seeing them.
    PatientHandOver = "patient.hand_over": ADMINS, [];
    /// Start, follow and stop diagnoses of the own patients.
    DiagnosisRun = "diagnosis.run": CLINIC, [];
    /// See the records of the own patients.
    DiagnosisRead = "diagnosis.read": CLINIC, [];
    /// See vehicles, maps, chases and roadblocks.
    FleetRead = "fleet.read": PLANT, [FleetRead];
    /// Rename and remove vehicles, acknowledge their events.
    FleetManage = "fleet.manage": LEADS, [];
    /// See alerts.
    AlertRead = "alert.read": PLANT, [ProductionRead, Station];
    /// Have briefings, and read the plant's own.
    BriefingRead = "briefing.read": PLANT, [Briefing];
    /// Tell what an outside pipeline has seen.
    ObservationPush = "observation.push": LINE, [ObservationWrite];
    /// Make alerts by hand, mark them as read, put them away.
    AlertHandle = "alert.handle": LINE, [];
}

impl From<Permission> for &'static str {
    fn from(permission: Permission) -> Self {
        permission.as_str()
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_administrator_may_do_everything_and_words_are_one_each() {
        let words: HashSet<&str> = Permission::ALL.iter().map(|p| p.as_str()).collect();
        assert_eq!(words.len(), Permission::ALL.len());
        for permission in Permission::ALL {
            let who = permission.who();
            assert!(who.roles.contains(&Role::Admin), "{permission}");
            let roles: HashSet<_> = who.roles.iter().collect();
            assert_eq!(roles.len(), who.roles.len(), "{permission}");
        }
    }

    #[test]
    fn every_scope_opens_something_and_none_opens_people() {
        for scope in Scope::ALL {
            let opened: Vec<_> = Permission::ALL.iter().filter(|p| p.who().scopes.contains(&scope)).collect();
            assert!(!opened.is_empty(), "{scope}");
            assert_eq!(scope.as_str().parse::<Scope>(), Ok(scope));
        }
        for closed in [
            Permission::UserRead,
            Permission::UserManage,
            Permission::TokenManage,
            Permission::AuditRead,
            Permission::SystemManage,
            Permission::ReworkApprove,
            Permission::ProcessOverride,
        ] {
            assert!(closed.who().scopes.is_empty(), "{closed}");
        }
        assert!("SENSING:READ".parse::<Scope>().is_err());
    }

    #[test]
    fn who_looks_on_changes_nothing() {
        let reads = |p: &Permission| p.as_str().ends_with(".read");
        for permission in Permission::ALL.iter().filter(|p| p.who().roles.contains(&Role::Viewer)) {
            assert!(reads(permission), "{permission}");
        }
        let may = |role: Role| -> Vec<Permission> {
            Permission::ALL.iter().copied().filter(|p| p.who().roles.contains(&role)).collect()
        };
        let looks_on = [Permission::EventsRead, Permission::SystemRead, Permission::SensingRead];
        assert_eq!(may(Role::Nurse), looks_on);
        let treats = [
            Permission::PatientRead,
            Permission::PatientManage,
            Permission::DiagnosisRun,
            Permission::DiagnosisRead,
        ];
        assert_eq!(may(Role::Doctor), [&looks_on[..], &treats[..]].concat());
        for permission in treats {
            assert!(permission.who().scopes.is_empty(), "{permission}: patients are no machine's");
        }
    }
}
