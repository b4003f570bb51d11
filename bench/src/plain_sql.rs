//! A peer in plain SQL: double entry in three tables, as a team without an event log writes it.
//!
//! It promises what a spend of Kontor promises, as far as tables can: durable, once for each command id,
//! never below zero, two entries that add up to zero. It knows no grants with their expiry, no chain of
//! hashes, and no past. Its one account that all customers share, of what was consumed, keeps no
//! balance: that row would be locked by everybody.

use anyhow::{Context, ensure};
use async_trait::async_trait;
use sqlx::{PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

use crate::{drive::Contender, workload::Reading};

const TABLES: &str = "
    create table accounts (
        id uuid primary key,
        balance bigint not null check (balance >= 0)
    );
    create table transfers (
        command_id uuid primary key,
        booked_at timestamptz not null default clock_timestamp()
    );
    create table entries (
        id bigint primary key generated always as identity,
        command_id uuid not null references transfers (command_id),
        account_id uuid not null references accounts (id),
        amount bigint not null
    );
    create index entries_of_account on entries (account_id, id);
    insert into accounts (id, balance) values ('00000000-0000-0000-0000-000000000000', 0);
    create function spend(of_account uuid, credits bigint, with_command uuid) returns bigint
    language plpgsql as $$
    declare
        before bigint;
    begin
        select balance into before from accounts where id = of_account for update;
        if before is null or before < credits then
            return null;
        end if;
        insert into transfers (command_id) values (with_command);
        insert into entries (command_id, account_id, amount)
        values (with_command, of_account, -credits),
            (with_command, '00000000-0000-0000-0000-000000000000', credits);
        update accounts set balance = before - credits where id = of_account;
        return before - credits;
    end
    $$;
";

/// What every customer has at first: more than one run can spend.
const CREDITS: i64 = 1_000_000_000;

/// How a spend gets to the database.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// A transaction of several statements, which a program decides between.
    Statements,
    /// One call of a function: as little as a round trip can be.
    OneCall,
}

/// The peer.
pub(crate) struct PlainSql {
    pool: PgPool,
    way: Way,
}

impl PlainSql {
    /// Both of them, on one empty database.
    pub(crate) async fn start(url: &str, connections: u32) -> anyhow::Result<[Self; 2]> {
        let pool = PgPoolOptions::new().max_connections(connections).connect(url).await;
        let pool = pool.context("the database of plain SQL cannot be reached")?;
        sqlx::raw_sql(TABLES).execute(&pool).await.context("its tables cannot be made")?;
        Ok([Way::Statements, Way::OneCall].map(|way| Self { pool: pool.clone(), way }))
    }

    async fn by_statements(&self, account: Uuid, command: Uuid) -> anyhow::Result<()> {
        let mut tx = self.pool.begin().await?;
        let balance: i64 =
            sqlx::query_scalar("select balance from accounts where id = $1 for update")
                .bind(account)
                .fetch_one(&mut *tx)
                .await?;
        ensure!(balance > 0, "there are no credits left");
        sqlx::query("insert into transfers (command_id) values ($1)")
            .bind(command)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "insert into entries (command_id, account_id, amount) values ($1, $2, -1), ($1, $3, 1)",
        )
        .bind(command)
        .bind(account)
        .bind(Uuid::nil())
        .execute(&mut *tx)
        .await?;
        sqlx::query("update accounts set balance = balance - 1 where id = $1")
            .bind(account)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn by_call(&self, account: Uuid, command: Uuid) -> anyhow::Result<()> {
        let left: Option<i64> = sqlx::query_scalar("select spend($1, 1, $2)")
            .bind(account)
            .bind(command)
            .fetch_one(&self.pool)
            .await?;
        ensure!(left.is_some(), "there are no credits left");
        Ok(())
    }
}

#[async_trait]
impl Contender for PlainSql {
    fn name(&self) -> &'static str {
        match self.way {
            Way::Statements => crate::report::SQL_SPENDS,
            Way::OneCall => crate::report::SQL_CALL_SPENDS,
        }
    }

    async fn register(&self, account: Uuid) -> anyhow::Result<()> {
        sqlx::query("insert into accounts (id, balance) values ($1, $2)")
            .bind(account)
            .bind(CREDITS)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn submit(&self, reading: Reading) -> anyhow::Result<()> {
        let command = Uuid::now_v7();
        match self.way {
            Way::Statements => self.by_statements(reading.meter, command).await,
            Way::OneCall => self.by_call(reading.meter, command).await,
        }
    }
}
