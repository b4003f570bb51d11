//! The page on which a person pays, in Russian, as plain forms that work without a script.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::answer::decimal;
use super::state::{Later, Payment, Status};
use crate::limits;
use crate::page::protect;
use crate::shared::Shared;
use crate::world::now_ms;

const CSS: &str = include_str!("checkout.css");
/// As the chat page, and forms that go back to where they came from.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The cards of the sandbox: a number, what it does, and how.
const CARDS: [(&str, &str, Card); 5] = [
    ("5555 5555 5555 4444", "оплата проходит сразу", Card::Pays),
    ("5555 5555 5555 4477", "банк спрашивает код (3-D Secure)", Card::AsksForCode),
    ("5555 5555 5555 4600", "не хватает денег", Card::Declined("insufficient_funds")),
    ("5555 5555 5555 4543", "банк думает и подтверждает", Card::PaysLater),
    ("5555 5555 5555 4527", "банк думает и отказывает", Card::DeclinedLater("general_decline")),
];

#[derive(Clone, Copy, Debug)]
enum Card {
    Pays,
    AsksForCode,
    Declined(&'static str),
    PaysLater,
    DeclinedLater(&'static str),
}

pub(super) async fn style() -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    protect(&mut headers);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    (headers, CSS).into_response()
}

pub(super) async fn show(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let found = shared.with(|world| {
        world.yookassa.tidy();
        world.yookassa.payment(&id).cloned()
    });
    let (status, body) = match &found {
        Some(payment) => (StatusCode::OK, body(payment)),
        None => (StatusCode::NOT_FOUND, lost()),
    };
    // Whoever waits for the bank sees the end without doing anything.
    let waits = found.as_ref().is_some_and(|payment| payment.later.is_some());
    let mut headers = HeaderMap::new();
    protect(&mut headers);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if waits {
        headers.insert(header::REFRESH, HeaderValue::from_static("1"));
    }
    (status, headers, Html(document(&body))).into_response()
}

/// What the person did.
#[derive(Debug, Deserialize)]
pub(super) struct Act {
    act: String,
    #[serde(default)]
    card: usize,
    #[serde(default)]
    receipt_fails: Option<String>,
}

pub(super) async fn act(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Form(act): Form<Act>,
) -> Response {
    shared.with(|world| {
        world.yookassa.tidy();
        world.yookassa.change(&id, |payment, _| apply(payment, &act));
        world.changed();
    });
    Redirect::to(&format!("/yookassa/checkout/{id}")).into_response()
}

fn apply(payment: &mut Payment, act: &Act) {
    if payment.status != Status::Pending || payment.later.is_some() {
        return;
    }
    if let Some(receipt) = payment.receipt.as_mut().filter(|_| act.receipt_fails.is_some()) {
        receipt.fails = true;
    }
    let (now, soon) = (now_ms(), now_ms() + limits::BANK_LATER_MS);
    match (act.act.as_str(), payment.asks_for_code) {
        ("pay", false) => match CARDS.get(act.card).map(|(_, _, card)| *card) {
            Some(Card::Pays) => payment.succeed(now),
            Some(Card::AsksForCode) => payment.asks_for_code = true,
            Some(Card::Declined(reason)) => payment.cancel("payment_network", reason),
            Some(Card::PaysLater) => payment.later = Some((soon, Later::Succeeds)),
            Some(Card::DeclinedLater(reason)) => {
                payment.later = Some((soon, Later::Fails { reason: reason.to_owned() }));
            }
            None => {}
        },
        ("confirm", true) => payment.succeed(now),
        ("deny", true) => payment.cancel("payment_network", "3d_secure_failed"),
        _ => {}
    }
}

fn document(body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"ru\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>Оплата · песочница ЮKassa</title>\
         <link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"/yookassa/assets/checkout.css\"></head>\
         <body><main><p class=\"sandbox\">Песочница: денег здесь нет</p>{body}</main></body></html>"
    )
}

fn lost() -> String {
    "<section class=\"card\"><h1>Такого платежа нет</h1><p>Проверьте ссылку: возможно, она \
     скопирована не целиком.</p></section>"
        .to_owned()
}

fn body(payment: &Payment) -> String {
    let head = format!(
        "<header><p class=\"what\">{}</p><p class=\"sum\">{}</p></header>",
        escaped(&payment.description),
        sum(payment)
    );
    let part = match payment.status {
        Status::Pending if payment.later.is_some() => waiting(),
        Status::Pending if payment.asks_for_code => code(payment),
        Status::Pending => cards(payment),
        Status::Succeeded | Status::WaitingForCapture => end(
            payment,
            ("good", "Оплачено"),
            "Вернитесь в бот: он уже знает об оплате или узнает через мгновение.",
        ),
        Status::Canceled => end(payment, ("bad", "Оплата не прошла"), &refusal(payment)),
    };
    format!("<section class=\"card\">{head}{part}</section>")
}

fn cards(payment: &Payment) -> String {
    let mut text = form(payment);
    text.push_str("<fieldset><legend>Карта</legend>");
    for (index, (number, does, _)) in CARDS.iter().enumerate() {
        let checked = if index == 0 { " checked" } else { "" };
        let label = format!(
            "<label><input type=\"radio\" name=\"card\" value=\"{index}\"{checked}>\
             <span class=\"number\">{number}</span><span class=\"does\">{does}</span></label>"
        );
        text.push_str(&label);
    }
    text.push_str("</fieldset>");
    if payment.receipt.is_some() {
        text.push_str(
            "<label class=\"option\"><input type=\"checkbox\" name=\"receipt_fails\">\
             <span>Касса не зарегистрирует чек</span></label>",
        );
    }
    let button = format!(
        "<button class=\"main\" name=\"act\" value=\"pay\">Заплатить {}</button></form>",
        sum(payment)
    );
    text.push_str(&button);
    text.push_str(&back(payment, "Вернуться без оплаты"));
    text
}

fn code(payment: &Payment) -> String {
    let mut text = String::from(
        "<h1>Подтвердите оплату</h1><p>Банк отправил код в сообщении. В песочнице подойдёт \
         любой.</p>",
    );
    text.push_str(&form(payment));
    text.push_str(
        "<label class=\"code\"><span>Код из сообщения</span><input name=\"code\" \
         inputmode=\"numeric\" autocomplete=\"one-time-code\" maxlength=\"6\" value=\"123456\">\
         </label><button class=\"main\" name=\"act\" value=\"confirm\">Подтвердить</button>\
         <button class=\"other\" name=\"act\" value=\"deny\">Код не подошёл</button></form>",
    );
    text
}

fn waiting() -> String {
    "<h1>Банк проверяет оплату</h1><p role=\"status\">Это займёт несколько секунд. Страница \
     обновится сама.</p>"
        .to_owned()
}

fn end(payment: &Payment, (look, title): (&str, &str), text: &str) -> String {
    let mut body = format!("<h1 class=\"{look}\">{title}</h1><p role=\"status\">{text}</p>");
    body.push_str(&back(payment, "Вернуться в магазин"));
    body
}

fn refusal(payment: &Payment) -> String {
    let reason = payment.cancellation.as_ref().map_or("", |cancellation| &cancellation.reason);
    let words = match reason {
        "insufficient_funds" => "На карте не хватает денег.",
        "3d_secure_failed" => "Банк не подтвердил, что платите вы.",
        "expired_on_confirmation" => "Время на оплату вышло.",
        "canceled_by_merchant" => "Магазин отменил оплату.",
        _ => "Банк отказал и не сказал почему.",
    };
    format!("{words} Деньги не списаны. Вернитесь в бот и попробуйте ещё раз.")
}

fn form(payment: &Payment) -> String {
    format!("<form method=\"post\" action=\"/yookassa/checkout/{}\">", escaped(&payment.id))
}

fn back(payment: &Payment, words: &str) -> String {
    format!("<a class=\"back\" href=\"{}\">{words}</a>", escaped(&payment.return_url))
}

fn sum(payment: &Payment) -> String {
    let amount = decimal(payment.amount_minor).replace('.', ",");
    match payment.currency.as_str() {
        "RUB" => format!("{amount}\u{a0}₽"),
        code => format!("{amount}\u{a0}{}", escaped(code)),
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
