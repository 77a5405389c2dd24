//! Printers and print jobs. A job is read and moved by one actor, its printer's; the states are the domain's.

mod job;
mod job_row;
mod printer;

pub use job::{
    JobQuery, job_find, job_list, job_next, job_read, job_save, jobs_count, jobs_insert, jobs_of_printer,
    jobs_open, jobs_open_of, jobs_open_since,
};
pub use printer::{printer_delete, printer_find, printer_insert, printer_list, printer_read, printer_update};
