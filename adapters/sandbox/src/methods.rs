//! The methods of the Bot API that the sandbox answers.

mod callback;
mod commands;
mod copy;
mod edit;
mod lookup;
mod media;
mod polling;
mod send;
mod stars;
mod webhook;

pub(crate) use media::check as check_file;

use std::sync::Arc;

use serde_json::Value;

use crate::files::FileEntry;
use crate::shared::Shared;
use crate::wire::Asked;
use crate::wire::error::WireError;
use crate::wire::params::Params;
use crate::world::World;

/// A call as a method sees it.
pub(crate) struct Call<'a> {
    pub(crate) bot_id: i64,
    pub(crate) params: &'a Params,
    /// The file that the call sends, already stored.
    pub(crate) file: Option<FileEntry>,
}

/// What answers a method.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handler {
    /// Looks at or changes the world at once.
    Now(fn(&mut World, &Call<'_>) -> Result<Value, WireError>),
    /// As `Now`, after the file in this parameter was stored.
    WithFile(&'static str, fn(&mut World, &Call<'_>) -> Result<Value, WireError>),
    /// Waits for updates.
    Polling,
    /// Nothing to do in a sandbox: the answer is `true`.
    True,
}

/// All methods by the names that Telegram gives them.
const METHODS: &[(&str, Handler)] = &[
    ("getMe", Handler::Now(lookup::get_me)),
    ("getUpdates", Handler::Polling),
    ("setWebhook", Handler::Now(webhook::set_webhook)),
    ("deleteWebhook", Handler::Now(webhook::delete_webhook)),
    ("getWebhookInfo", Handler::Now(webhook::get_webhook_info)),
    ("sendMessage", Handler::Now(send::send_message)),
    ("sendPhoto", Handler::WithFile("photo", send::send_photo)),
    ("sendDocument", Handler::WithFile("document", send::send_document)),
    ("sendContact", Handler::Now(send::send_contact)),
    ("sendChatAction", Handler::Now(send::send_chat_action)),
    ("editMessageText", Handler::Now(edit::edit_message_text)),
    ("editMessageCaption", Handler::Now(edit::edit_message_caption)),
    ("editMessageReplyMarkup", Handler::Now(edit::edit_message_reply_markup)),
    ("editMessageMedia", Handler::WithFile("media", edit::edit_message_media)),
    ("deleteMessage", Handler::Now(edit::delete_message)),
    ("deleteMessages", Handler::Now(edit::delete_messages)),
    ("answerCallbackQuery", Handler::Now(callback::answer_callback_query)),
    ("sendInvoice", Handler::Now(stars::send_invoice)),
    ("answerPreCheckoutQuery", Handler::Now(stars::answer_pre_checkout_query)),
    ("refundStarPayment", Handler::Now(stars::refund_star_payment)),
    ("getStarTransactions", Handler::Now(stars::get_star_transactions)),
    ("copyMessage", Handler::Now(copy::copy_message)),
    ("forwardMessage", Handler::Now(copy::forward_message)),
    ("setMyCommands", Handler::Now(commands::set_my_commands)),
    ("getMyCommands", Handler::Now(commands::get_my_commands)),
    ("deleteMyCommands", Handler::Now(commands::delete_my_commands)),
    ("setChatMenuButton", Handler::Now(commands::set_chat_menu_button)),
    ("getChatMenuButton", Handler::Now(commands::get_chat_menu_button)),
    ("setMyName", Handler::Now(commands::set_my_name)),
    ("getMyName", Handler::Now(commands::get_my_name)),
    ("setMyDescription", Handler::Now(commands::set_my_description)),
    ("getMyDescription", Handler::Now(commands::get_my_description)),
    ("setMyShortDescription", Handler::Now(commands::set_my_short_description)),
    ("getMyShortDescription", Handler::Now(commands::get_my_short_description)),
    ("setMyDefaultAdministratorRights", Handler::True),
    ("getChat", Handler::Now(lookup::get_chat)),
    ("getChatMember", Handler::Now(lookup::get_chat_member)),
    ("getUserProfilePhotos", Handler::Now(lookup::get_user_profile_photos)),
    ("getFile", Handler::Now(lookup::get_file)),
    ("setMessageReaction", Handler::True),
    ("logOut", Handler::True),
    ("close", Handler::True),
];

/// Finds a method in any letter case; gives its name as Telegram spells it.
pub(crate) fn find(name: &str) -> Option<(&'static str, Handler)> {
    METHODS.iter().copied().find(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// Runs a call.
pub(crate) async fn run(shared: &Arc<Shared>, asked: &Asked) -> Result<Value, WireError> {
    let Asked { bot_id, params, handler, .. } = asked;
    match handler {
        Handler::True => Ok(Value::Bool(true)),
        Handler::Polling => polling::get_updates(shared, *bot_id, params).await,
        Handler::Now(act) => {
            let call = Call { bot_id: *bot_id, params, file: None };
            shared.with(|world| act(world, &call))
        }
        Handler::WithFile(field, act) => {
            let file = media::store(shared, *bot_id, params, field).await?;
            let call = Call { bot_id: *bot_id, params, file: Some(file) };
            shared.with(|world| act(world, &call))
        }
    }
}
