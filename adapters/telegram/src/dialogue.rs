//! Where a conversation stands: one row per bot, chat and user, kept in PostgreSQL and changed only
//! in the transaction that finishes an update.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kontor_domain::{
    Language, Quantity,
    meter::{MeterKind, Zone},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// The version of [`Dialogue`]'s JSON. A row of another version begins anew: nothing in it is
/// worth more than a few questions.
pub(crate) const DIALOGUE_VERSION: i32 = 1;

/// What is kept of a conversation.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(crate) struct Dialogue {
    /// The language chosen here, before there is an account that keeps it.
    pub(crate) language: Option<Language>,
    /// The person was greeted by name; that is done once.
    pub(crate) greeted: bool,
    /// An account with consent exists, even if the read model does not show it yet.
    pub(crate) registered: bool,
    /// The tutorial was taken or declined; it is not offered by itself any more.
    pub(crate) tutorial_over: bool,
    /// Grows with every question asked; buttons of earlier questions carry a lower one.
    pub(crate) revision: u32,
    /// The message whose buttons belong to the question asked last.
    pub(crate) prompt: Option<Prompt>,
    /// What is being asked.
    pub(crate) step: Step,
}

/// A message with buttons.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Prompt {
    /// Its number is known when it has been sent: the row of the outbox with this key.
    Outbox {
        /// The row's key.
        key: String,
    },
    /// A message that was changed in place.
    Message {
        /// Its number in the chat.
        id: i32,
    },
}

/// What is being asked.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Step {
    /// Nothing.
    #[default]
    Idle,
    /// The particulars of a new meter.
    AddMeter(MeterDraft),
    /// What a meter shows.
    Reading(ReadingDraft),
    /// Whether the tutorial goes on.
    Tutorial {
        /// The step that was shown, from 1; 0 while it is being offered.
        number: u8,
    },
    /// A telephone number for the receipt of what is about to be paid for.
    ReceiptPhone {
        /// The product.
        product_id: Uuid,
        /// The account that takes the money, by its name.
        account: String,
    },
}

/// A meter that is being added.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct MeterDraft {
    /// The question asked.
    pub(crate) stage: MeterStage,
    /// What it counts.
    pub(crate) kind: MeterKind,
    /// How many tariff zones it shows.
    pub(crate) zones: u8,
    /// Digits before the decimal point.
    pub(crate) digits: u8,
    /// The number on its case.
    pub(crate) serial_number: String,
    /// Where it hangs.
    pub(crate) place: String,
    /// The last day on which its verification is valid.
    pub(crate) verification_due_on: Option<NaiveDate>,
    /// What it shows now.
    pub(crate) initial: BTreeMap<Zone, Quantity>,
}

/// The questions about a new meter, in their order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(crate) enum MeterStage {
    /// What it counts.
    Kind,
    /// How many zones; electricity only.
    Zones,
    /// How many digits.
    Digits,
    /// The number on its case.
    SerialNumber,
    /// Where it hangs.
    Place,
    /// Until when its verification is valid.
    Verification,
    /// What a zone shows now.
    Initial {
        /// The zone.
        zone: Zone,
    },
    /// Whether all of it is right.
    Summary,
}

/// A reading that is being given or corrected.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct ReadingDraft {
    /// The question asked.
    pub(crate) stage: ReadingStage,
    /// The meter; none while it is being chosen.
    pub(crate) meter_id: Option<Uuid>,
    /// The meter was chosen among several, so the choice can be made again.
    #[serde(default)]
    pub(crate) chosen: bool,
    /// The reading that is corrected; none for a new one.
    pub(crate) corrects: Option<Uuid>,
    /// The id of the reading once it was sent and sent back for confirmation.
    pub(crate) reading_id: Option<Uuid>,
    /// What each zone shows, as far as it is known.
    pub(crate) values: BTreeMap<Zone, Quantity>,
    /// Telegram's id of a photo of the meter.
    pub(crate) photo: Option<String>,
}

/// The questions about a reading.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(crate) enum ReadingStage {
    /// Which meter.
    Meter,
    /// What a zone shows.
    Zone {
        /// The zone.
        zone: Zone,
    },
    /// Whether a figure below the last one is right, before the other zones are asked.
    Lower {
        /// The zone.
        zone: Zone,
    },
    /// Whether all figures are right.
    Review,
    /// Whether an unusual figure is right.
    Confirm,
    /// A photo of the meter.
    Photo,
}

impl MeterDraft {
    /// Nothing known yet.
    pub(crate) fn new() -> Self {
        Self {
            stage: MeterStage::Kind,
            kind: MeterKind::Electricity,
            zones: 1,
            digits: 0,
            serial_number: String::new(),
            place: String::new(),
            verification_due_on: None,
            initial: BTreeMap::new(),
        }
    }

    /// The zones that the meter will have.
    pub(crate) fn zone_list(&self) -> impl Iterator<Item = Zone> {
        Zone::ALL.into_iter().take(usize::from(self.zones))
    }

    /// The questions for this kind of meter, in order.
    fn stages(&self) -> Vec<MeterStage> {
        let mut stages = vec![MeterStage::Kind];
        if self.kind == MeterKind::Electricity {
            stages.push(MeterStage::Zones);
        }
        stages.extend([
            MeterStage::Digits,
            MeterStage::SerialNumber,
            MeterStage::Place,
            MeterStage::Verification,
        ]);
        stages.extend(self.zone_list().map(|zone| MeterStage::Initial { zone }));
        stages.push(MeterStage::Summary);
        stages
    }

    /// The draft at its next question.
    #[must_use]
    pub(crate) fn forward(mut self) -> Self {
        let stages = self.stages();
        let here = stages.iter().position(|stage| *stage == self.stage).unwrap_or(0);
        self.stage = stages.get(here + 1).copied().unwrap_or(MeterStage::Summary);
        self
    }

    /// The draft at the question before; at the first one it stays.
    #[must_use]
    pub(crate) fn back(mut self) -> Self {
        let stages = self.stages();
        let here = stages.iter().position(|stage| *stage == self.stage).unwrap_or(0);
        self.stage = stages.get(here.saturating_sub(1)).copied().unwrap_or(MeterStage::Kind);
        self
    }
}

impl ReadingDraft {
    /// Nothing known yet.
    pub(crate) fn new() -> Self {
        Self {
            stage: ReadingStage::Meter,
            meter_id: None,
            chosen: false,
            corrects: None,
            reading_id: None,
            values: BTreeMap::new(),
            photo: None,
        }
    }
}

/// Whose conversation it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DialogueKey {
    /// The bot's name.
    pub(crate) bot: String,
    /// The chat.
    pub(crate) chat_id: i64,
    /// The person.
    pub(crate) user_id: i64,
}

/// Reads where a conversation stands; one that never began, or that another version of the program
/// wrote, begins anew.
pub(crate) async fn load(pool: &PgPool, key: &DialogueKey) -> Result<Dialogue, sqlx::Error> {
    let row: Option<(i32, serde_json::Value)> = sqlx::query_as(
        "select version, state from telegram_dialogues \
         where bot = $1 and chat_id = $2 and user_id = $3",
    )
    .bind(&key.bot)
    .bind(key.chat_id)
    .bind(key.user_id)
    .fetch_optional(pool)
    .await?;
    let Some((version, state)) = row else {
        return Ok(Dialogue::default());
    };
    if version != DIALOGUE_VERSION {
        tracing::info!(bot = key.bot, "A dialogue of version {version} begins anew");
        return Ok(Dialogue::default());
    }
    Ok(serde_json::from_value(state).unwrap_or_else(|err| {
        tracing::warn!(bot = key.bot, "A stored dialogue cannot be read and begins anew: {err}");
        Dialogue::default()
    }))
}

/// Writes where a conversation stands.
pub(crate) async fn save(
    db: &mut PgConnection,
    key: &DialogueKey,
    dialogue: &Dialogue,
) -> Result<(), sqlx::Error> {
    let state = serde_json::to_value(dialogue).map_err(|err| sqlx::Error::Encode(err.into()))?;
    sqlx::query(
        "insert into telegram_dialogues (bot, chat_id, user_id, version, state) \
         values ($1, $2, $3, $4, $5) on conflict (bot, chat_id, user_id) do update \
         set version = excluded.version, state = excluded.state, changed_at = clock_timestamp()",
    )
    .bind(&key.bot)
    .bind(key.chat_id)
    .bind(key.user_id)
    .bind(DIALOGUE_VERSION)
    .bind(state)
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use kontor_domain::meter::{MeterKind, Zone};
    use serde_json::json;

    use super::{Dialogue, MeterDraft, MeterStage, Prompt, ReadingDraft, Step};

    #[test]
    fn the_questions_about_a_meter_follow_its_kind() {
        let mut draft = MeterDraft::new();
        draft.zones = 2;
        let mut asked = vec![draft.stage];
        while draft.stage != MeterStage::Summary {
            draft = draft.forward();
            asked.push(draft.stage);
        }
        let initial = |zone| MeterStage::Initial { zone };
        assert_eq!(asked[1], MeterStage::Zones);
        assert_eq!(asked[6..], [initial(Zone::T1), initial(Zone::T2), MeterStage::Summary]);
        while draft.stage != MeterStage::Kind {
            draft = draft.back();
            assert_eq!(asked.iter().rev().nth(1), Some(&draft.stage));
            asked.pop();
        }
        draft.kind = MeterKind::ColdWater;
        assert_eq!(draft.forward().stage, MeterStage::Digits, "water has no zones to ask for");
    }

    #[test]
    fn the_stored_form_stays_readable() {
        let mut dialogue = Dialogue { revision: 3, greeted: true, ..Dialogue::default() };
        dialogue.prompt = Some(Prompt::Outbox { key: "u7:0".into() });
        dialogue.step = Step::Reading(ReadingDraft::new());
        let stored = json!({
            "language": null, "greeted": true, "registered": false,
            "tutorial_over": false, "revision": 3,
            "prompt": {"kind": "outbox", "key": "u7:0"},
            "step": {
                "step": "reading", "stage": {"ask": "meter"}, "meter_id": null, "chosen": false,
                "corrects": null,
                "reading_id": null, "values": {}, "photo": null,
            },
        });
        assert_eq!(serde_json::to_value(&dialogue).unwrap(), stored);
        assert_eq!(serde_json::from_value::<Dialogue>(stored).unwrap(), dialogue);
        assert_eq!(serde_json::from_value::<Dialogue>(json!({})).unwrap(), Dialogue::default());
    }
}
