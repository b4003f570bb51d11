//! The page on which people pay: a card's number, and the bank's question when it has one.
//!
//! Plain forms without a script. Nothing that is typed here is kept.

use std::sync::Arc;

use axum::Form as Fields;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde_json::Value;

use super::cards::{self, CARDS, Verdict};
use super::state::Form;
use crate::shared::Shared;
use crate::{page, stripe, world};

/// Forms go to this page alone, and lead back to where the seller said.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action *; base-uri 'none'; \
     frame-ancestors 'none'";

/// `GET /stripe/pay/<id>`
pub(super) async fn show(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    render(&shared, &id, None)
}

/// `POST /stripe/pay/<id>`: somebody typed a card, or chose one.
pub(super) async fn pay(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Fields(form): Fields<Form>,
) -> Response {
    // A button with a card of its own goes before what was typed.
    let number = form.get("card").or(form.get("number")).map(String::as_str).unwrap_or_default();
    let Some(verdict) = cards::verdict(number) else {
        return render(&shared, &id, Some(Word::NoCard));
    };
    let paid = stripe::act(&shared, |stripe| {
        stripe.keep_card(&id, &cards::digits(number));
        stripe.pay(&id, verdict)
    });
    if let Err(error) = paid {
        return error.into_response();
    }
    match verdict {
        Verdict::Declined(code) => render(&shared, &id, Some(Word::Declined(code))),
        Verdict::Challenge => render(&shared, &id, None),
        Verdict::Paid | Verdict::Later { .. } => back(&shared, &id),
    }
}

/// `POST /stripe/pay/<id>/confirm`: what the holder says to the bank.
pub(super) async fn confirm(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Fields(form): Fields<Form>,
) -> Response {
    let is_right = form.get("answer").is_some_and(|answer| answer == "yes");
    let asked = shared.with(|world| {
        let (_, page) = world.stripe.any(&id, "cs_").ok()?;
        let (_, intent) = world.stripe.any(page["payment_intent"].as_str()?, "pi_").ok()?;
        (intent["status"] == "requires_action").then_some(())
    });
    if asked.is_none() {
        return render(&shared, &id, None);
    }
    let code = "authentication_required";
    let verdict = if is_right { Verdict::Paid } else { Verdict::Declined(code) };
    if let Err(error) = stripe::act(&shared, |stripe| stripe.pay(&id, verdict)) {
        return error.into_response();
    }
    if is_right { back(&shared, &id) } else { render(&shared, &id, Some(Word::Declined(code))) }
}

/// A word above the form.
enum Word {
    NoCard,
    Declined(&'static str),
}

fn back(shared: &Shared, id: &str) -> Response {
    let page = shared.with(|world| world.stripe.any(id, "cs_"));
    let url = page.ok().and_then(|(_, page)| page["success_url"].as_str().map(str::to_owned));
    match url {
        Some(url) => Redirect::to(&url.replace("{CHECKOUT_SESSION_ID}", id)).into_response(),
        None => render(shared, id, None),
    }
}

fn render(shared: &Shared, id: &str, word: Option<Word>) -> Response {
    let found = shared.with(|world| {
        let (_, page) = world.stripe.any(id, "cs_")?;
        let intent_id = page["payment_intent"].as_str().unwrap_or_default();
        let (_, intent) = world.stripe.any(intent_id, "pi_")?;
        Ok::<_, super::StripeError>((page, intent))
    });
    let Ok((page, intent)) = found else {
        return (StatusCode::NOT_FOUND, headers(), Html(frame("en", "<h1>404</h1>")))
            .into_response();
    };
    let russian = page["locale"] == "ru";
    let say = |ru: &'static str, en: &'static str| if russian { ru } else { en };
    let is_over = page["expires_at"].as_i64().unwrap_or_default() < world::now_seconds();
    let body = if page["status"] == "complete" {
        let (title, text) = if page["payment_status"] == "paid" {
            (say("Оплачено", "Paid"), say("Можно вернуться в чат.", "You can go back to the chat."))
        } else {
            (
                say("Оплата обрабатывается", "The payment is being processed"),
                say("Банк сообщит позже.", "The bank will say later."),
            )
        };
        notice(&page, (title, text), say("Вернуться", "Go back"))
    } else if page["status"] == "expired" || is_over {
        let text = say("Деньги не списаны.", "You were not charged.");
        notice(
            &page,
            (say("Ссылка устарела", "This link has expired"), text),
            say("Вернуться", "Go back"),
        )
    } else if intent["status"] == "requires_action" {
        challenge(id, &page, &say)
    } else {
        form(id, &page, word, (&say, russian))
    };
    let status = StatusCode::OK;
    (status, headers(), Html(frame(if russian { "ru" } else { "en" }, &body))).into_response()
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    page::protect(&mut headers);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers
}

fn frame(language: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Stripe · sandbox</title>\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/assets/checkout.css\">\
         </head><body><main class=\"checkout\">{body}</main></body></html>"
    )
}

/// What is paid for: name and amount.
fn summary(page: &Value) -> String {
    let name = escaped(page["description"].as_str().unwrap_or_default());
    format!(
        "<header class=\"summary\"><p class=\"mark\">stripe <span>sandbox</span></p>\
         <p class=\"name\">{name}</p><p class=\"amount\">{}</p></header>",
        escaped(&price(page))
    )
}

/// `2.29 USD`.
pub(super) fn price(page: &Value) -> String {
    let amount = page["amount_total"].as_i64().unwrap_or_default();
    let currency = page["currency"].as_str().unwrap_or_default().to_ascii_uppercase();
    if currency == "JPY" {
        return format!("{amount} {currency}");
    }
    format!("{}.{:02} {currency}", amount / 100, amount % 100)
}

fn notice(page: &Value, (title, text): (&str, &str), back: &str) -> String {
    let url = escaped(page["success_url"].as_str().unwrap_or("/"));
    format!(
        "{}<section class=\"notice\"><h1>{title}</h1><p>{text}</p>\
         <a class=\"primary\" href=\"{url}\">{back}</a></section>",
        summary(page)
    )
}

fn challenge(
    id: &str,
    page: &Value,
    say: &impl Fn(&'static str, &'static str) -> &'static str,
) -> String {
    format!(
        "{}<form class=\"bank\" method=\"post\" action=\"/stripe/pay/{}/confirm\"><h1>{}</h1><p>{}</p>\
         <button class=\"primary\" name=\"answer\" value=\"yes\">{}</button>\
         <button class=\"second\" name=\"answer\" value=\"no\">{}</button></form>",
        summary(page),
        escaped(id),
        say("Подтвердите оплату", "Confirm the payment"),
        say(
            "Ваш банк спрашивает, вы ли это платите (3-D Secure).",
            "Your bank asks whether it is you who pays (3-D Secure)."
        ),
        say("Подтвердить", "Confirm"),
        say("Это не я", "It is not me"),
    )
}

fn form(
    id: &str,
    page: &Value,
    word: Option<Word>,
    (say, russian): (&impl Fn(&'static str, &'static str) -> &'static str, bool),
) -> String {
    let word = word.map(|word| match word {
        Word::NoCard => say(
            "Это не номер карты: нужно от 12 до 19 цифр.",
            "This is no card number: it has 12 to 19 digits.",
        ),
        Word::Declined("insufficient_funds") => {
            say("На карте не хватает денег.", "There is not enough money on the card.")
        }
        Word::Declined("expired_card") => say("Срок карты истёк.", "The card has expired."),
        Word::Declined("authentication_required") => {
            say("Банк не получил подтверждение.", "The bank got no confirmation.")
        }
        Word::Declined("test_mode_live_card") => say(
            "Здесь работают только карты для проб, список ниже.",
            "Only test cards work here; they are listed below.",
        ),
        Word::Declined(_) => say("Банк отклонил карту.", "The bank declined the card."),
    });
    let word =
        word.map_or(String::new(), |word| format!("<p class=\"word\" role=\"alert\">{word}</p>"));
    let choices: String = CARDS
        .iter()
        .map(|card| {
            let (number, label) = (card.number, if russian { card.ru } else { card.en });
            format!(
                "<li><button name=\"card\" value=\"{number}\" formnovalidate><span>{label}</span>\
                 <code>{}</code></button></li>",
                grouped(number)
            )
        })
        .collect();
    format!(
        "{}<form method=\"post\" action=\"/stripe/pay/{}\">{word}\
         <label>{}<input name=\"number\" inputmode=\"numeric\" autocomplete=\"off\" \
         placeholder=\"4242 4242 4242 4242\" maxlength=\"24\" required autofocus></label>\
         <button class=\"primary\">{} {}</button>\
         <details open><summary>{}</summary><ul class=\"cards\">{choices}</ul></details></form>",
        summary(page),
        escaped(id),
        say("Номер карты", "Card number"),
        say("Оплатить", "Pay"),
        escaped(&price(page)),
        say("Карты для проб", "Cards to try"),
    )
}

/// `4242 4242 4242 4242`.
fn grouped(number: &str) -> String {
    let digits: Vec<char> = number.chars().collect();
    digits.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

pub(super) fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_sellers_cannot_become_markup_and_cards_are_grouped() {
        assert_eq!(escaped("<b>\"A\"&'"), "&lt;b&gt;&quot;A&quot;&amp;&#39;");
        assert_eq!(grouped("4242424242424242"), "4242 4242 4242 4242");
    }
}
