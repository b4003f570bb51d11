//! The one transaction that an update ends with.

use kontor_domain::Language;
use kontor_postgres::inbox::{self, InboxRow};

use super::{Failure, Worker, prepare::spoken};
use crate::{
    dialogue,
    input::{self, Act, Input},
    outbox,
    outgoing::Outgoing,
    texts::{Voice, say},
    turn::{Effects, outbox_key},
};

/// News about an update that is not handled yet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Notice {
    /// It takes longer than a person expects.
    Wait,
    /// It was given up.
    Broken,
}

impl Worker {
    /// Finishes the update together with its effects.
    pub(super) async fn commit(
        &self,
        row: &InboxRow,
        effects: Option<(Input, Effects)>,
    ) -> Result<(), Failure> {
        let mut tx = self.ports.pool.begin().await?;
        if !inbox::finish(&mut tx, &self.source, &row.external_id).await? {
            // Another owner of the bot finished it; its effects stand, not these.
            tx.rollback().await?;
            return Ok(());
        }
        let update_id = input::update_id(&row.payload).unwrap_or_default();
        let mut written = false;
        if let Some((input, effects)) = effects {
            // A group has no conversation; what is said there leaves no trace here.
            if input.is_private {
                dialogue::save(&mut tx, &self.dialogue_key(&input), &effects.dialogue).await?;
            }
            for (number, outgoing) in effects.outgoing.iter().enumerate() {
                let key = outbox_key(update_id, number);
                written |= self.write(&mut tx, input.chat_id, &key, outgoing).await?;
            }
        }
        tx.commit().await?;
        if written {
            self.wake_sender.notify_one();
        }
        Ok(())
    }

    async fn write(
        &self,
        db: &mut sqlx::PgConnection,
        chat_id: i64,
        key: &str,
        outgoing: &Outgoing,
    ) -> Result<bool, Failure> {
        let written = outbox::enqueue(
            db,
            (&self.ports.bot, chat_id),
            key,
            outgoing,
            self.settings.outbox_backlog_max,
        )
        .await?;
        if !written {
            tracing::warn!(
                bot = self.ports.bot,
                outbox.key = key,
                "The message `{key}` was not written: it is there, or the chat has too many"
            );
        }
        Ok(written)
    }

    /// Tells a person how their message stands; each piece of news once.
    pub(super) async fn tell(&self, row: &InboxRow, notice: Notice) -> Result<(), Failure> {
        let Some(input) = input::read(&row.payload).filter(|input| input.is_private) else {
            return Ok(());
        };
        if matches!(input.act, Act::Membership { .. }) {
            return Ok(());
        }
        let voice = Voice::new(self.language_of(&input).await);
        let (name, text) = match notice {
            Notice::Wait => ("wait", say!(voice, "notice-wait")),
            Notice::Broken => ("broken", say!(voice, "notice-broken")),
        };
        let key = format!("u{}:{name}", row.external_id);
        let mut tx = self.ports.pool.begin().await?;
        let written = outbox::enqueue(
            &mut tx,
            (&self.ports.bot, input.chat_id),
            &key,
            &Outgoing::text(text),
            self.settings.outbox_backlog_max,
        )
        .await?;
        tx.commit().await?;
        if written {
            self.wake_sender.notify_one();
        }
        Ok(())
    }

    /// The person's language, as well as it can be known while things fail.
    async fn language_of(&self, input: &Input) -> Language {
        match self.ports.account_of(input.person.id).await {
            Ok((_, Some(account))) => account.language,
            Ok((_, None)) | Err(_) => spoken(&input.person, Language::default()),
        }
    }
}
