//! Numbers of credits, messages and days with their words, in the form that the language asks for.

use crate::{
    format,
    texts::{Voice, say},
};

/// `3 кредита`, `1,250 credits`.
pub(crate) fn credits(voice: Voice, count: i64) -> String {
    let figure = format::count(voice.language(), count);
    say!(voice, "credits-count", count = count, figure = figure)
}

/// The same after *fewer than*: `3 кредитов`, `1 credit`.
pub(crate) fn credits_below(voice: Voice, count: i64) -> String {
    let figure = format::count(voice.language(), count);
    say!(voice, "credits-below", count = count, figure = figure)
}

/// `1 сообщение`, `5 messages`.
pub(super) fn messages(voice: Voice, count: i64) -> String {
    let figure = format::count(voice.language(), count);
    say!(voice, "messages-count", count = count, figure = figure)
}

/// `21 день`, `5 days`.
pub(super) fn days(voice: Voice, count: i64) -> String {
    let figure = format::count(voice.language(), count);
    say!(voice, "days-count", count = count, figure = figure)
}

#[cfg(test)]
mod tests {
    use kontor_domain::Language;

    use super::{Voice, credits, credits_below, days, messages};

    #[test]
    fn words_follow_their_numbers() {
        let (ru, en) = (Voice::new(Language::Ru), Voice::new(Language::En));
        let said = |count| credits(ru, count).replace('\u{a0}', " ");
        assert_eq!(
            [0, 1, 2, 5, 11, 21, 104, 1250].map(said),
            [
                "0 кредитов",
                "1 кредит",
                "2 кредита",
                "5 кредитов",
                "11 кредитов",
                "21 кредит",
                "104 кредита",
                "1 250 кредитов"
            ]
        );
        assert_eq!(
            (credits(en, 1), credits(en, 1250)),
            ("1 credit".into(), "1,250 credits".into())
        );
        assert_eq!((messages(ru, 3), days(ru, 31)), ("3 сообщения".into(), "31 день".into()));
        let below = |count| credits_below(ru, count);
        let expected = ["1 кредита", "3 кредитов", "21 кредита", "50 кредитов"];
        assert_eq!([1, 3, 21, 50].map(below), expected);
        assert_eq!((messages(en, 1), days(en, 0)), ("1 message".into(), "0 days".into()));
    }
}
