//! Briefings: who asks, what runs, what was told, the plant's own of each day, and where it is brought.

mod asker;
mod daily;
mod delivery;
mod observation;
mod request;
mod text;

pub use asker::{Asker, asker_count, asker_enter, asker_find, custom_get, custom_set};
pub use daily::{Daily, NewDaily, dailies_expire, daily_find, daily_insert, daily_last, daily_list};
pub use delivery::{
    Delivery, deliveries_due, deliveries_waiting, delivery_find, delivery_insert, delivery_save,
};
pub use observation::{observation_insert, observations_expire};
pub use request::{
    Progress, Running, request_end, request_find, request_latest, request_list, request_start,
    requests_expire, requests_running,
};
pub use text::{NewText, TextSource, ToldText, text_list, text_page, texts_insert};
