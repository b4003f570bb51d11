//! The books of a tenant in the files of accountants' tools: hledger, Ledger, Beancount, CSV and
//! XLSX. Bookings go in, in the order of the log; files come out that the tools check by themselves,
//! with the balance of every account behind every line.

mod accounts;
mod beancount;
mod error;
mod export;
mod journal;
mod posted;
mod report;
mod running;
mod tables;
mod workbook;

pub use self::{
    error::BooksError,
    export::{Books, Export, Summary, TrialLine},
    posted::Posted,
    report::{report_workbook, write_report},
};
