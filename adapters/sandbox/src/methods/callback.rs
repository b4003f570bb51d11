//! answerCallbackQuery.

use serde_json::Value;

use super::Call;
use crate::limits;
use crate::wire::error::WireError;
use crate::world::events::Event;
use crate::world::{World, now_seconds};

pub(super) fn answer_callback_query(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, WireError> {
    let id = call.params.text("callback_query_id").unwrap_or_default();
    let text = call.params.text("text").filter(|text| !text.is_empty());
    let length = text.as_ref().map_or(0, |text| text.chars().count());
    if length > limits::CALLBACK_ANSWER_CHARACTERS {
        return Err(WireError::bad_request("MESSAGE_TOO_LONG"));
    }
    let key = world.callbacks.find(&id, call.bot_id, now_seconds()).ok_or_else(|| {
        WireError::bad_request(
            "query is too old and response timeout expired or query ID is invalid",
        )
    })?;
    let bot = world.bot_name(call.bot_id);
    world.events.tell(Event::CallbackAnswer {
        bot,
        person_id: key.person_id,
        callback_id: id,
        text,
        show_alert: call.params.flag("show_alert"),
        url: call.params.text("url"),
    });
    Ok(Value::Bool(true))
}
