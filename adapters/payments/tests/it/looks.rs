//! What a test sees of its world, and what happens at Stripe.

use std::{collections::BTreeMap, time::Duration};

use kontor_domain::{credit_ledger::credit_ledger_id, payment::Standing};
use kontor_projections::{
    credits,
    payments::{self, PaymentRow},
};
use serde_json::Value;
use tokio::time::sleep;
use uuid::Uuid;

use crate::world::{World, until};

impl World {
    /// What the stand-in has of the account: `pages`, `intents`, `refunds`, `disputes`, `events`.
    pub(crate) async fn objects(&self, kind: &str) -> Vec<Value> {
        let url = format!("{}/sandbox/stripe/shop", self.stripe);
        let all: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        all[kind].as_array().unwrap().clone()
    }

    /// Something happens at Stripe.
    pub(crate) async fn at_stripe(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/sandbox/stripe/{path}", self.stripe);
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        let (status, body) = (answer.status(), answer.json().await.unwrap());
        assert!(status.is_success(), "{path}: {body}");
        body
    }

    pub(crate) async fn payment(&self, payment_id: Uuid) -> PaymentRow {
        until("the payment shows", || async {
            payments::find(&self.pool, &self.tenant, payment_id).await.unwrap()
        })
        .await
    }

    pub(crate) async fn until_payment(
        &self,
        payment_id: Uuid,
        what: &str,
        is_so: impl Fn(&PaymentRow) -> bool,
    ) -> PaymentRow {
        until(what, || async {
            let row = self.payment(payment_id).await;
            is_so(&row).then_some(row)
        })
        .await
    }

    pub(crate) async fn until_standing(&self, payment_id: Uuid, standing: Standing) -> PaymentRow {
        let what = format!("the payment is {standing:?}");
        self.until_payment(payment_id, &what, |row| row.standing == standing).await
    }

    /// What the customer has, and owes.
    pub(crate) async fn balance(&self) -> (i64, i64) {
        let ledger_id = credit_ledger_id(self.account_id);
        let row = credits::find(&self.pool, &self.tenant, ledger_id).await.unwrap();
        row.map_or((0, 0), |row| (row.available, row.owed))
    }

    /// The three of the welcome are among them.
    pub(crate) async fn until_available(&self, credits: i64) {
        until(&format!("there are {credits} credits"), || async {
            (self.balance().await.0 == credits).then_some(())
        })
        .await;
    }

    /// What the books say that Stripe holds for the business; every booking adds up to nothing.
    pub(crate) async fn clearing(&self) -> i64 {
        let all: Vec<(String, i64)> = sqlx::query_as(
            "select account, sum(amount)::bigint from ledger_entries group by account",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        let unbalanced: i64 = sqlx::query_scalar(
            "select count(*) from (select 1 from ledger_entries group by position, unit \
             having sum(amount) <> 0) wrong",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap();
        assert_eq!(unbalanced, 0);
        let held = ["assets:clearing:stripe", "assets:dispute_reserve"];
        all.iter().filter(|(name, _)| held.contains(&name.as_str())).map(|(_, sum)| sum).sum()
    }

    pub(crate) async fn until_clearing(&self, amount: i64) {
        until(&format!("Stripe holds {amount}"), || async {
            (self.clearing().await == amount).then_some(())
        })
        .await;
    }

    /// The events of a payment, by type.
    pub(crate) async fn events(&self, payment_id: Uuid) -> Vec<String> {
        sqlx::query_scalar("select event_type from events where stream_id = $1 order by version")
            .bind(payment_id)
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    /// How often was turned away, by reason.
    pub(crate) async fn denied(&self) -> BTreeMap<String, i64> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("select reason, count(*) from denied_attempts group by reason")
                .fetch_all(&self.pool)
                .await
                .unwrap();
        rows.into_iter().collect()
    }

    /// Waits until no notification waits and none is under way.
    pub(crate) async fn settled(&self) {
        // Longer than a delivery that is held back, and a sweep.
        sleep(Duration::from_secs(2)).await;
        until("no notification waits", || async {
            let waiting: i64 =
                sqlx::query_scalar("select count(*) from inbox where state <> 'done'")
                    .fetch_one(&self.pool)
                    .await
                    .unwrap();
            (waiting == 0).then_some(())
        })
        .await;
    }
}
