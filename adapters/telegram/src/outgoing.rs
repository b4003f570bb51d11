//! Messages on their way out: the Bot API method, its payload and the keyboards.

use serde_json::{Map, Value, json};
use teloxide::types::{
    ButtonRequest, InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, KeyboardMarkup,
    KeyboardRemove,
};

/// The longest text of a message, in characters (Bot API).
pub(crate) const TEXT_LENGTH_MAX: usize = 4096;

/// The longest caption of a picture, in characters (Bot API).
pub(crate) const CAPTION_LENGTH_MAX: usize = 1024;

/// The longest title of an invoice, in characters (Bot API).
pub(crate) const INVOICE_TITLE_LENGTH_MAX: usize = 32;

/// The longest description of an invoice, in characters (Bot API).
pub(crate) const INVOICE_DESCRIPTION_LENGTH_MAX: usize = 255;

/// The longest callback data, in bytes (Bot API).
pub(crate) const CALLBACK_DATA_BYTES_MAX: usize = 64;

/// The methods that conversations use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Method {
    SendMessage,
    SendPhoto,
    SendDocument,
    SendInvoice,
    EditMessageText,
    EditMessageReplyMarkup,
}

impl Method {
    /// The name in the Bot API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SendMessage => "sendMessage",
            Self::SendPhoto => "sendPhoto",
            Self::SendDocument => "sendDocument",
            Self::SendInvoice => "sendInvoice",
            Self::EditMessageText => "editMessageText",
            Self::EditMessageReplyMarkup => "editMessageReplyMarkup",
        }
    }

    /// The method of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [
            Self::SendMessage,
            Self::SendPhoto,
            Self::SendDocument,
            Self::SendInvoice,
            Self::EditMessageText,
            Self::EditMessageReplyMarkup,
        ];
        all.into_iter().find(|method| method.name() == name)
    }

    /// Whether the customer gets a new message, which counts against the limit of their chat.
    pub(crate) fn is_new_message(self) -> bool {
        match self {
            Self::SendMessage | Self::SendPhoto | Self::SendDocument | Self::SendInvoice => true,
            Self::EditMessageText | Self::EditMessageReplyMarkup => false,
        }
    }
}

/// What an invoice says.
pub(crate) struct Invoice<'a> {
    pub(crate) title: &'a str,
    pub(crate) description: String,
    /// What comes back with the payment; the person never sees it.
    pub(crate) payload: String,
    /// Whole Stars.
    pub(crate) stars: i64,
}

/// One call of the Bot API for a chat; the chat's id is added when it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) payload: Map<String, Value>,
    /// A picture in PNG for [`Method::SendPhoto`], or the file itself for [`Method::SendDocument`].
    pub(crate) picture: Option<Vec<u8>>,
    /// What the customer sees a file called.
    pub(crate) file_name: Option<String>,
}

impl Outgoing {
    /// A new message.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = cut(text.into(), TEXT_LENGTH_MAX);
        Self::call(Method::SendMessage, [("text", text.into())])
    }

    /// A picture with a caption.
    pub(crate) fn picture(png: Vec<u8>, caption: impl Into<String>) -> Self {
        let caption = cut(caption.into(), CAPTION_LENGTH_MAX);
        let mut outgoing = Self::call(Method::SendPhoto, [("caption", caption.into())]);
        outgoing.picture = Some(png);
        outgoing
    }

    /// A file with a caption.
    pub(crate) fn document(name: String, bytes: Vec<u8>, caption: impl Into<String>) -> Self {
        let caption = cut(caption.into(), CAPTION_LENGTH_MAX);
        let mut outgoing = Self::call(Method::SendDocument, [("caption", caption.into())]);
        outgoing.picture = Some(bytes);
        outgoing.file_name = Some(name);
        outgoing
    }

    /// An invoice in Stars, with Telegram's own button to pay it.
    pub(crate) fn invoice(invoice: Invoice<'_>) -> Self {
        let Invoice { title, description, payload, stars } = invoice;
        let title = cut(title.to_owned(), INVOICE_TITLE_LENGTH_MAX);
        let prices = json!([{"label": title, "amount": stars}]);
        Self::call(
            Method::SendInvoice,
            [
                ("title", title.into()),
                ("description", cut(description, INVOICE_DESCRIPTION_LENGTH_MAX).into()),
                ("payload", payload.into()),
                ("provider_token", "".into()),
                ("currency", "XTR".into()),
                ("prices", prices),
            ],
        )
    }

    /// New text for a message of the bot; its keyboard goes unless another is given.
    pub(crate) fn edit(message_id: i32, text: impl Into<String>) -> Self {
        let text = cut(text.into(), TEXT_LENGTH_MAX);
        Self::call(
            Method::EditMessageText,
            [("message_id", message_id.into()), ("text", text.into())],
        )
    }

    /// Takes the buttons of a message away.
    pub(crate) fn remove_keyboard(message_id: i32) -> Self {
        Self::call(
            Method::EditMessageReplyMarkup,
            [("message_id", message_id.into()), ("reply_markup", json!({"inline_keyboard": []}))],
        )
    }

    /// With buttons under the message.
    #[must_use]
    pub(crate) fn buttons(self, rows: Vec<Vec<InlineKeyboardButton>>) -> Self {
        debug_assert!(
            rows.iter().flatten().all(fits),
            "callback data has at most {CALLBACK_DATA_BYTES_MAX} bytes"
        );
        self.markup(&InlineKeyboardMarkup::new(rows))
    }

    /// With a keyboard in place of the telephone's own.
    #[must_use]
    pub(crate) fn keyboard(self, keyboard: &KeyboardMarkup) -> Self {
        self.markup(keyboard)
    }

    /// Takes the keyboard in place of the telephone's own away.
    #[must_use]
    pub(crate) fn no_keyboard(self) -> Self {
        self.markup(&KeyboardRemove::new())
    }

    /// The message that this call changes, if it changes one.
    pub(crate) fn message_id(&self) -> Option<i32> {
        self.payload.get("message_id").and_then(Value::as_i64).and_then(|id| id.try_into().ok())
    }

    fn call<const N: usize>(method: Method, fields: [(&str, Value); N]) -> Self {
        let payload = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { method, payload, picture: None, file_name: None }
    }

    fn markup(mut self, markup: &impl serde::Serialize) -> Self {
        match serde_json::to_value(markup) {
            Ok(markup) => {
                self.payload.insert("reply_markup".to_owned(), markup);
            }
            Err(err) => tracing::error!("A keyboard cannot be written as JSON: {err}"),
        }
        self
    }
}

/// A button under a message that sends `data` back.
pub(crate) fn button(text: impl Into<String>, data: impl Into<String>) -> InlineKeyboardButton {
    InlineKeyboardButton::callback(text.into(), data.into())
}

/// A button under a message that opens an address; none when it is no address.
pub(crate) fn link(text: impl Into<String>, url: &str) -> Option<InlineKeyboardButton> {
    Some(InlineKeyboardButton::url(text.into(), url.parse().ok()?))
}

/// A keyboard in place of the telephone's own.
pub(crate) fn keyboard(rows: Vec<Vec<String>>) -> KeyboardMarkup {
    KeyboardMarkup::new(
        rows.into_iter().map(|row| row.into_iter().map(KeyboardButton::new).collect::<Vec<_>>()),
    )
    .persistent()
    .resize_keyboard()
}

/// A keyboard with one button that shares the person's own number, and one that does not.
pub(crate) fn contact_keyboard(share: String, back: String) -> KeyboardMarkup {
    KeyboardMarkup::new([
        vec![KeyboardButton::new(share).request(ButtonRequest::Contact)],
        vec![KeyboardButton::new(back)],
    ])
    .resize_keyboard()
    .one_time_keyboard()
}

fn fits(button: &InlineKeyboardButton) -> bool {
    match &button.kind {
        teloxide::types::InlineKeyboardButtonKind::CallbackData(data) => {
            (1..=CALLBACK_DATA_BYTES_MAX).contains(&data.len())
        }
        teloxide::types::InlineKeyboardButtonKind::Url(_)
        | teloxide::types::InlineKeyboardButtonKind::LoginUrl(_)
        | teloxide::types::InlineKeyboardButtonKind::WebApp(_)
        | teloxide::types::InlineKeyboardButtonKind::SwitchInlineQuery(_)
        | teloxide::types::InlineKeyboardButtonKind::SwitchInlineQueryCurrentChat(_)
        | teloxide::types::InlineKeyboardButtonKind::SwitchInlineQueryChosenChat(_)
        | teloxide::types::InlineKeyboardButtonKind::CopyText(_)
        | teloxide::types::InlineKeyboardButtonKind::CallbackGame(_)
        | teloxide::types::InlineKeyboardButtonKind::Pay(_) => true,
    }
}

/// Cuts a text to a number of characters, with an ellipsis where it was cut.
pub(crate) fn cut(text: String, length_max: usize) -> String {
    if text.chars().count() <= length_max {
        return text;
    }
    let mut short: String = text.chars().take(length_max.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        CALLBACK_DATA_BYTES_MAX, Outgoing, TEXT_LENGTH_MAX, button, contact_keyboard, cut,
    };

    #[test]
    fn payloads_have_the_shape_of_the_bot_api() {
        let message = Outgoing::text("Да?").buttons(vec![vec![button("Да", "y")]]);
        assert_eq!(message.method.name(), "sendMessage");
        assert_eq!(
            serde_json::Value::from(message.payload),
            json!({"text": "Да?", "reply_markup": {"inline_keyboard": [[{"text": "Да", "callback_data": "y"}]]}})
        );
        let removal = Outgoing::remove_keyboard(7);
        assert_eq!(removal.message_id(), Some(7));
        assert_eq!(removal.payload["reply_markup"], json!({"inline_keyboard": []}));
        let contact =
            Outgoing::text("?").keyboard(&contact_keyboard("Мой номер".into(), "Назад".into()));
        assert_eq!(contact.payload["reply_markup"]["keyboard"][0][0]["request_contact"], true);
    }

    #[test]
    fn texts_are_cut_at_the_limit_of_the_bot_api() {
        let long = Outgoing::text("ы".repeat(TEXT_LENGTH_MAX + 1));
        let text = long.payload["text"].as_str().unwrap();
        assert_eq!(text.chars().count(), TEXT_LENGTH_MAX);
        assert!(text.ends_with('…'));
        assert_eq!(cut("short".into(), 5), "short");
    }

    #[test]
    #[should_panic(expected = "callback data")]
    fn callback_data_that_is_too_long_is_a_defect() {
        let _message = Outgoing::text("?")
            .buttons(vec![vec![button("?", "x".repeat(CALLBACK_DATA_BYTES_MAX + 1))]]);
    }
}
