//! The cards that this Stripe knows, and what the bank says of each.

/// What the bank says of a card.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It is charged.
    Paid,
    /// It is not; the code says why.
    Declined(&'static str),
    /// The holder is asked first.
    Challenge,
    /// It takes its time, and is charged in the end or not.
    Later {
        /// Whether it is charged in the end.
        paid: bool,
    },
}

/// What the bank says of a card that is charged without its holder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OffSession {
    /// The same as on a page.
    Same,
    /// Something else.
    Else(Verdict),
}

/// A card to try, with what it shows.
pub(crate) struct Card {
    pub(crate) off_session: OffSession,
    pub(crate) number: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) en: &'static str,
    pub(crate) ru: &'static str,
}

/// The first ones are Stripe's own test cards; the last two stand for slow banks.
pub(crate) const CARDS: [Card; 10] = [
    card("4242424242424242", Verdict::Paid, ("Paid at once", "Оплата проходит")),
    card("4000000000003220", Verdict::Challenge, ("3-D Secure", "3-D Secure")),
    card(
        "4000000000009995",
        Verdict::Declined("insufficient_funds"),
        ("Insufficient funds", "Не хватает денег"),
    ),
    card("4000000000000002", Verdict::Declined("generic_decline"), ("Declined", "Банк отклонил")),
    card("4000000000000069", Verdict::Declined("expired_card"), ("Expired", "Срок карты истёк")),
    card(
        "4000000000000085",
        Verdict::Later { paid: true },
        ("Paid after a while", "Оплата проходит позже"),
    ),
    card(
        "4000000000000093",
        Verdict::Later { paid: false },
        ("Fails after a while", "Отказ приходит позже"),
    ),
    Card {
        off_session: OffSession::Else(Verdict::Declined("authentication_required")),
        ..card(
            "4000002500003155",
            Verdict::Challenge,
            ("3-D Secure also when kept", "3-D Secure и после сохранения"),
        )
    },
    Card {
        off_session: OffSession::Else(Verdict::Declined("insufficient_funds")),
        ..card(
            "4000000000000341",
            Verdict::Paid,
            ("Paid, then declined when kept", "Проходит, после сохранения — отказ"),
        )
    },
    Card {
        off_session: OffSession::Else(Verdict::Later { paid: true }),
        ..card(
            "4000000000000077",
            Verdict::Paid,
            ("Paid, then slow when kept", "Проходит, после сохранения — не сразу"),
        )
    },
];

const fn card(
    number: &'static str,
    verdict: Verdict,
    (en, ru): (&'static str, &'static str),
) -> Card {
    Card { off_session: OffSession::Same, number, verdict, en, ru }
}

/// What the bank says of a kept card when it is charged without its holder.
pub(crate) fn off_session(number: &str) -> Verdict {
    let known = CARDS.iter().find(|card| card.number == number);
    match known.map(|card| (card.off_session, card.verdict)) {
        Some((OffSession::Else(verdict), _)) => verdict,
        // Its holder confirmed it once.
        Some((OffSession::Same, Verdict::Challenge)) => Verdict::Paid,
        Some((OffSession::Same, verdict)) => verdict,
        None => Verdict::Declined("test_mode_live_card"),
    }
}

/// The digits of a card number as somebody typed it.
pub(crate) fn digits(typed: &str) -> String {
    typed.chars().filter(|c| ![' ', '-', '\u{a0}'].contains(c)).collect()
}

/// What the bank says of a card number as somebody typed it; none when it is no card number.
pub(crate) fn verdict(typed: &str) -> Option<Verdict> {
    let number = digits(typed);
    if !(12..=19).contains(&number.len()) || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let known = CARDS.iter().find(|card| card.number == number);
    // Nobody should type a real one here, and it works nowhere.
    Some(known.map_or(Verdict::Declined("test_mode_live_card"), |card| card.verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_type_them() {
        assert_eq!(verdict("4242 4242 4242 4242"), Some(Verdict::Paid));
        assert_eq!(verdict("4000-0000-0000-3220"), Some(Verdict::Challenge));
        let real = verdict("5555555555554444");
        assert_eq!(real, Some(Verdict::Declined("test_mode_live_card")));
        for wrong in ["", "4242", "четыре два", "42424242424242424242", "4242 4242 4242 424x"]
        {
            assert_eq!(verdict(wrong), None, "{wrong}");
        }
    }
}
