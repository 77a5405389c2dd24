//! The catalogues: product models, lines, equipment and processes, all kept in the same way.

use futures::future::BoxFuture;
use nightshift_domain::Timestamp;
use nightshift_domain::audit::Action;
use nightshift_domain::production::{
    Equipment, EquipmentId, EquipmentSpec, FieldFault, Line, LineId, LineSpec, Process, ProcessId,
    ProcessSpec, ProductModel, ProductModelId, ProductModelSpec, amend,
};
use nightshift_store::production as store;
use nightshift_store::{Db, Page, Slice, StoreError, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Production;
use super::error::ProductionError;
use super::shared::Change;
use crate::identity::By;

type Done<'t, T> = BoxFuture<'t, Result<T, StoreError>>;

/// A kind of catalogue entry: how its rows are kept. Everything else is the same for all of them.
pub trait Catalogued: Clone + Send + Sync + Sized + 'static {
    /// Its number.
    type Id: Copy + Send + std::fmt::Display + 'static;
    /// What it says about itself.
    type Spec: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What lists are filtered by.
    type Query: Send + Sync;
    /// What it is called, in words.
    const NAME: &'static str;
    /// What it is called, in the audit.
    const KIND: &'static str;

    /// Its number as it is stored.
    fn id_number(id: Self::Id) -> i64;
    /// Its number.
    fn id(&self) -> Self::Id;
    /// What it says about itself.
    fn spec(&self) -> &Self::Spec;
    /// What people call it.
    fn code(spec: &Self::Spec) -> String;
    /// Refuses what it cannot be.
    ///
    /// # Errors
    /// Every field that is out of its range.
    fn checked(spec: Self::Spec) -> Result<Self::Spec, Vec<FieldFault>>;
    /// Stores a new one.
    fn insert<'t>(tx: &'t mut Tx, spec: &'t Self::Spec, now: Timestamp) -> Done<'t, Self>;
    /// Stores a change.
    fn update<'t>(tx: &'t mut Tx, id: Self::Id, spec: &'t Self::Spec, now: Timestamp) -> Done<'t, ()>;
    /// Removes it.
    fn delete(tx: &mut Tx, id: Self::Id) -> Done<'_, ()>;
    /// Reads it in a unit of work.
    fn read(tx: &mut Tx, id: Self::Id) -> Done<'_, Option<Self>>;
    /// Reads it.
    fn find(db: &Db, id: Self::Id) -> Done<'_, Option<Self>>;
    /// Reads it by its code.
    fn find_code<'d>(db: &'d Db, code: &'d str) -> Done<'d, Option<Self>>;
    /// Reads a part of the list.
    fn list<'d>(db: &'d Db, query: &'d Self::Query, slice: Slice) -> Done<'d, Page<Self>>;
}

macro_rules! catalogued {
    ($entry:ty, $id:ident, $spec:ty, $query:ty, $name:literal, $kind:literal, code: $code:expr,
     insert: $insert:path, update: $update:path, delete: $delete:path, read: $read:expr,
     find: $find:path, find_code: $find_code:path, list: $list:expr $(,)?) => {
        impl Catalogued for $entry {
            type Id = $id;
            type Spec = $spec;
            type Query = $query;
            const NAME: &'static str = $name;
            const KIND: &'static str = $kind;

            fn id_number(id: $id) -> i64 {
                id.0
            }
            fn id(&self) -> $id {
                self.id
            }
            fn spec(&self) -> &$spec {
                &self.spec
            }
            fn code(spec: &$spec) -> String {
                let code: fn(&$spec) -> String = $code;
                code(spec)
            }
            fn checked(spec: $spec) -> Result<$spec, Vec<FieldFault>> {
                spec.validated()
            }
            fn insert<'t>(tx: &'t mut Tx, spec: &'t $spec, now: Timestamp) -> Done<'t, Self> {
                Box::pin($insert(tx, spec, now))
            }
            fn update<'t>(tx: &'t mut Tx, id: $id, spec: &'t $spec, now: Timestamp) -> Done<'t, ()> {
                Box::pin($update(tx, id, spec, now))
            }
            fn delete(tx: &mut Tx, id: $id) -> Done<'_, ()> {
                Box::pin($delete(tx, id))
            }
            fn read(tx: &mut Tx, id: $id) -> Done<'_, Option<Self>> {
                Box::pin($read(tx, id))
            }
            fn find(db: &Db, id: $id) -> Done<'_, Option<Self>> {
                Box::pin($find(db, id))
            }
            fn find_code<'d>(db: &'d Db, code: &'d str) -> Done<'d, Option<Self>> {
                Box::pin($find_code(db, code))
            }
            fn list<'d>(db: &'d Db, query: &'d $query, slice: Slice) -> Done<'d, Page<Self>> {
                let list: for<'x> fn(&'x Db, &'x $query, Slice) -> Done<'x, Page<Self>> = $list;
                list(db, query, slice)
            }
        }
    };
}

catalogued!(
    ProductModel, ProductModelId, ProductModelSpec, store::ProductModelQuery, "product model", "product_model",
    code: |spec| spec.model_code.clone(),
    insert: store::product_model_insert, update: store::product_model_update,
    delete: store::product_model_delete, read: store::product_model_read,
    find: store::product_model_find, find_code: store::product_model_find_code,
    list: |db, query, slice| Box::pin(store::product_model_list(db, query, slice)),
);
catalogued!(
    Line, LineId, LineSpec, Option<bool>, "production line", "production_line",
    code: |spec| spec.line_code.clone(),
    insert: store::line_insert, update: store::line_update, delete: store::line_delete, read: store::line_read,
    find: store::line_find, find_code: store::line_find_code,
    list: |db, active, slice| Box::pin(store::line_list(db, *active, slice)),
);
catalogued!(
    Equipment, EquipmentId, EquipmentSpec, store::EquipmentQuery, "equipment", "equipment",
    code: |spec| spec.equipment_code.clone(),
    insert: store::equipment_insert, update: store::equipment_update, delete: store::equipment_delete,
    read: store::equipment_read, find: store::equipment_find, find_code: store::equipment_find_code,
    list: |db, query, slice| Box::pin(store::equipment_list(db, query, slice)),
);
catalogued!(
    Process, ProcessId, ProcessSpec, Option<bool>, "process", "process",
    code: |spec| spec.process_code.clone(),
    insert: store::process_insert, update: store::process_update, delete: store::process_delete,
    read: process_read, find: store::process_find, find_code: store::process_find_code,
    list: |db, active, slice| Box::pin(store::process_list(db, *active, slice)),
);

async fn process_read(tx: &mut Tx, id: ProcessId) -> Result<Option<Process>, StoreError> {
    Ok(store::process_read_all(tx).await?.into_iter().find(|process| process.id == id))
}

impl Production {
    /// Registers an entry of a catalogue.
    ///
    /// # Errors
    /// `Invalid`, `Exists` when its code or number is taken, or a part is away.
    pub async fn create<T: Catalogued>(&self, by: &By, spec: T::Spec) -> Result<T, ProductionError> {
        let (spec, by, at) = (T::checked(spec)?, by.clone(), self.shared.now());
        let made = self.shared.decide(move |tx| {
            Box::pin(async move {
                let made = T::insert(tx, &spec, at).await?;
                let (name, id) = (T::code(&spec), T::id_number(made.id()));
                let change = Change {
                    by: &by,
                    at,
                    action: Action::Create,
                    kind: T::KIND,
                    id,
                    name: &name,
                    before: None,
                    after: Some(&spec),
                };
                change.note(tx).await?;
                Ok(Ok(made))
            })
        });
        let made = made.await?;
        self.settle_stations::<T>().await;
        Ok(made)
    }

    /// Changes the fields of an entry that `change` names.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Exists` when its new code or number is taken, or a part is away.
    pub async fn change<T: Catalogued>(
        &self,
        by: &By,
        id: T::Id,
        change: Map<String, Value>,
    ) -> Result<T, ProductionError> {
        let (by, at) = (by.clone(), self.shared.now());
        let changed = self.shared.decide(move |tx| {
            Box::pin(async move {
                let Some(old) = T::read(tx, id).await? else {
                    return Ok(Err(ProductionError::not_found(T::NAME, id)));
                };
                let spec = match amend(old.spec(), &change).and_then(T::checked) {
                    Ok(spec) => spec,
                    Err(faults) => return Ok(Err(faults.into())),
                };
                if spec == *old.spec() {
                    return Ok(Ok(old));
                }
                T::update(tx, id, &spec, at).await?;
                let name = T::code(&spec);
                let (before, after) = (Some(old.spec()), Some(&spec));
                let number = T::id_number(id);
                let change = Change {
                    by: &by,
                    at,
                    action: Action::Update,
                    kind: T::KIND,
                    id: number,
                    name: &name,
                    before,
                    after,
                };
                change.note(tx).await?;
                Ok(T::read(tx, id).await?.ok_or_else(|| ProductionError::not_found(T::NAME, id)))
            })
        });
        let changed = changed.await?;
        self.settle_stations::<T>().await;
        Ok(changed)
    }

    /// Removes an entry that nothing refers to.
    ///
    /// # Errors
    /// `NotFound`, `InUse`, or a part is away.
    pub async fn remove<T: Catalogued>(&self, by: &By, id: T::Id) -> Result<(), ProductionError> {
        let (by, at) = (by.clone(), self.shared.now());
        let removed = self.shared.decide(move |tx| {
            Box::pin(async move {
                let Some(old) = T::read(tx, id).await? else {
                    return Ok(Err(ProductionError::not_found(T::NAME, id)));
                };
                T::delete(tx, id).await?;
                let (name, id) = (T::code(old.spec()), T::id_number(id));
                let before = Some(old.spec());
                let change = Change {
                    by: &by,
                    at,
                    action: Action::Delete,
                    kind: T::KIND,
                    id,
                    name: &name,
                    before,
                    after: None,
                };
                change.note(tx).await?;
                Ok(Ok(()))
            })
        });
        removed.await?;
        self.settle_stations::<T>().await;
        Ok(())
    }

    /// The entry with `id`.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn get<T: Catalogued>(&self, id: T::Id) -> Result<T, ProductionError> {
        T::find(&self.shared.db, id).await?.ok_or_else(|| ProductionError::not_found(T::NAME, id))
    }

    /// The entry with that code.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn get_by_code<T: Catalogued>(&self, code: &str) -> Result<T, ProductionError> {
        let found = T::find_code(&self.shared.db, code).await?;
        found.ok_or_else(|| ProductionError::not_found(T::NAME, code))
    }

    /// A part of the entries that `query` lets through.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn list<T: Catalogued>(
        &self,
        query: &T::Query,
        slice: Slice,
    ) -> Result<Page<T>, ProductionError> {
        Ok(T::list(&self.shared.db, query, slice).await?)
    }

    /// Gives every process its actor after processes have changed.
    async fn settle_stations<T: Catalogued>(&self) {
        if T::KIND != Process::KIND {
            return;
        }
        if let Err(error) = super::process::settle(&self.shared, &self.stations).await {
            tracing::warn!(error = %error, "the actors of processes are settled later");
        }
    }
}
