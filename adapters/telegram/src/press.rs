//! What a button under a message carries: short keys, at most 64 bytes.
//!
//! A changed client can send anything here, so nothing in it is trusted: ids are looked up among
//! the sender's own meters, and buttons of a question count only while that question stands.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kontor_domain::Language;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A button.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Press {
    /// Belongs to a question and works while that question stands.
    Question {
        /// The dialogue's revision when it was asked.
        revision: u32,
        /// The answer.
        answer: Answer,
    },
    /// Gives consent.
    Consent,
    /// Chooses a language.
    Language(Language),
    /// Begins to add a meter.
    AddMeter,
    /// Begins to submit a reading.
    SubmitReading,
    /// Shows the meters.
    Meters,
    /// Shows a meter's history in new messages.
    OpenHistory {
        /// The meter.
        meter_id: Uuid,
    },
    /// Shows a page of a meter's history, from 0, in place of the one shown.
    History {
        /// The meter.
        meter_id: Uuid,
        /// The page.
        page: u16,
    },
    /// Begins to correct a reading.
    Correct {
        /// The meter.
        meter_id: Uuid,
        /// The reading.
        reading_id: Uuid,
    },
    /// Asks for the telephone number.
    SharePhone,
    /// Removes the telephone number.
    RemovePhone,
    /// Asks whether consent is to be withdrawn.
    WithdrawConsent,
    /// Withdraws consent.
    WithdrawConsentSure,
    /// Shows the settings.
    Settings,
    /// Asks to be told when readings are taken again.
    RemindMe,
    /// Switches reminders off.
    MuteReminders,
    /// Switches reminders on.
    UnmuteReminders,
    /// Shows the balance.
    Balance,
    /// Shows the packages of credits.
    Packages,
    /// Begins to buy a product.
    Product {
        /// The product.
        product_id: Uuid,
    },
    /// Begins to buy a product, with a card, through one of the accounts.
    PayByCard {
        /// The product.
        product_id: Uuid,
        /// The account's name.
        account: String,
    },
    /// Shows the kept card and what is bought with it by itself.
    Billing,
    /// Asks which package is bought by itself.
    RechargePackages,
    /// Chooses what is bought by itself, or agrees to it.
    Recharge(Recharge),
    /// Ends that something is bought by itself.
    RechargeOff,
    /// Forgets the kept card.
    RemoveCard,
    /// Begins the tutorial.
    Tutorial,
    /// Shows a page of the history of credits, from 0.
    CreditHistory {
        /// The page.
        page: u16,
    },
    /// Sends the history of credits as a file.
    CreditExport,
}

/// What is bought by itself: a package, and what else is chosen, by its place on the buttons.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Recharge {
    /// The package.
    pub(crate) product_id: Uuid,
    /// Below how many credits.
    pub(crate) threshold: u8,
    /// How much at most in a month.
    pub(crate) cap: u8,
    /// The account that charges it.
    pub(crate) account: String,
    /// The fingerprint of the words that the customer agrees to; none while they still choose.
    pub(crate) agreed_to: Option<String>,
}

/// An answer to a question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// Leave it altogether.
    Cancel,
    /// Ask the question before again.
    Back,
    /// Go on without an answer.
    Skip,
    /// Yes, it is right.
    Yes,
    /// No, let me change it.
    Edit,
    /// One of the choices, by a short key.
    Choice(String),
    /// One of the meters.
    Meter(Uuid),
}

impl Press {
    /// Reads callback data; none for what this build never wrote.
    pub(crate) fn parse(data: &str) -> Option<Self> {
        let (head, rest) = data.split_once(':').unwrap_or((data, ""));
        match (head, rest) {
            ("q", rest) => {
                let (revision, answer) = rest.split_once(':')?;
                Some(Self::Question {
                    revision: revision.parse().ok()?,
                    answer: Answer::parse(answer)?,
                })
            }
            ("l", code) => code.parse().ok().map(Self::Language),
            ("o", meter_id) => Some(Self::OpenHistory { meter_id: id(meter_id)? }),
            ("h", rest) => {
                let (meter_id, page) = rest.split_once(':')?;
                Some(Self::History { meter_id: id(meter_id)?, page: page.parse().ok()? })
            }
            ("c", rest) => {
                let (meter_id, reading_id) = rest.split_once(':')?;
                Some(Self::Correct { meter_id: id(meter_id)?, reading_id: id(reading_id)? })
            }
            ("ok", "") => Some(Self::Consent),
            ("a", "") => Some(Self::AddMeter),
            ("r", "") => Some(Self::SubmitReading),
            ("m", "") => Some(Self::Meters),
            ("s", "") => Some(Self::Settings),
            ("sp", "") => Some(Self::SharePhone),
            ("sd", "") => Some(Self::RemovePhone),
            ("sw", "") => Some(Self::WithdrawConsent),
            ("sy", "") => Some(Self::WithdrawConsentSure),
            ("rm", "") => Some(Self::RemindMe),
            ("r0", "") => Some(Self::MuteReminders),
            ("r1", "") => Some(Self::UnmuteReminders),
            ("cb", "") => Some(Self::Balance),
            ("cp", "") => Some(Self::Packages),
            ("cg", product_id) => Some(Self::Product { product_id: id(product_id)? }),
            ("cy", rest) => {
                let (product_id, account) = rest.split_once(':')?;
                let account = account.to_owned();
                Some(Self::PayByCard { product_id: id(product_id)?, account })
            }
            ("bi", "") => Some(Self::Billing),
            ("bp", "") => Some(Self::RechargePackages),
            ("bx", "") => Some(Self::RechargeOff),
            ("bd", "") => Some(Self::RemoveCard),
            ("br", rest) => Recharge::choosing(rest).map(Self::Recharge),
            ("ba", rest) => Recharge::agreeing(rest).map(Self::Recharge),
            ("ct", "") => Some(Self::Tutorial),
            ("ce", "") => Some(Self::CreditExport),
            ("ch", page) => Some(Self::CreditHistory { page: page.parse().ok()? }),
            _ => None,
        }
    }
}

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Question { revision, answer } => write!(f, "q:{revision}:{answer}"),
            Self::Consent => f.write_str("ok"),
            Self::Language(language) => write!(f, "l:{}", language.code()),
            Self::AddMeter => f.write_str("a"),
            Self::SubmitReading => f.write_str("r"),
            Self::Meters => f.write_str("m"),
            Self::OpenHistory { meter_id } => write!(f, "o:{}", short(*meter_id)),
            Self::History { meter_id, page } => write!(f, "h:{}:{page}", short(*meter_id)),
            Self::Correct { meter_id, reading_id } => {
                write!(f, "c:{}:{}", short(*meter_id), short(*reading_id))
            }
            Self::SharePhone => f.write_str("sp"),
            Self::RemovePhone => f.write_str("sd"),
            Self::WithdrawConsent => f.write_str("sw"),
            Self::WithdrawConsentSure => f.write_str("sy"),
            Self::Settings => f.write_str("s"),
            Self::RemindMe => f.write_str("rm"),
            Self::MuteReminders => f.write_str("r0"),
            Self::UnmuteReminders => f.write_str("r1"),
            Self::Balance => f.write_str("cb"),
            Self::Packages => f.write_str("cp"),
            Self::Product { product_id } => write!(f, "cg:{}", short(*product_id)),
            Self::PayByCard { product_id, account } => {
                write!(f, "cy:{}:{account}", short(*product_id))
            }
            Self::Billing => f.write_str("bi"),
            Self::RechargePackages => f.write_str("bp"),
            Self::RechargeOff => f.write_str("bx"),
            Self::RemoveCard => f.write_str("bd"),
            Self::Recharge(recharge) => recharge.fmt(f),
            Self::Tutorial => f.write_str("ct"),
            Self::CreditHistory { page } => write!(f, "ch:{page}"),
            Self::CreditExport => f.write_str("ce"),
        }
    }
}

impl Recharge {
    fn choosing(rest: &str) -> Option<Self> {
        let recharge = Self::agreeing(rest)?;
        let shown = recharge.agreed_to.filter(|shown| !shown.is_empty());
        shown.is_none().then_some(Self { agreed_to: None, ..recharge })
    }

    /// A button of before there were fingerprints agrees to an empty one, which no words have.
    fn agreeing(rest: &str) -> Option<Self> {
        let (product_id, rest) = rest.split_once(':')?;
        let (places, account) = rest.split_once(':')?;
        let (places, shown) = places.split_at_checked(2)?;
        let places: Vec<u8> = places.bytes().map(|digit| digit.wrapping_sub(b'0')).collect();
        let &[threshold, cap] = places.as_slice() else { return None };
        if threshold > 9 || cap > 9 {
            return None;
        }
        let (product_id, account) = (id(product_id)?, account.to_owned());
        Some(Self { product_id, threshold, cap, account, agreed_to: Some(shown.to_owned()) })
    }
}

impl fmt::Display for Recharge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { product_id, threshold, cap, account, agreed_to } = self;
        let head = if agreed_to.is_some() { "ba" } else { "br" };
        let shown = agreed_to.as_deref().unwrap_or_default();
        write!(f, "{head}:{}:{threshold}{cap}{shown}:{account}", short(*product_id))
    }
}

impl Answer {
    fn parse(text: &str) -> Option<Self> {
        let mut characters = text.chars();
        match (characters.next()?, characters.as_str()) {
            ('x', "") => Some(Self::Cancel),
            ('b', "") => Some(Self::Back),
            ('s', "") => Some(Self::Skip),
            ('y', "") => Some(Self::Yes),
            ('e', "") => Some(Self::Edit),
            ('=', choice) => Some(Self::Choice(choice.to_owned())),
            ('m', meter) => id(meter).map(Self::Meter),
            _ => None,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancel => f.write_str("x"),
            Self::Back => f.write_str("b"),
            Self::Skip => f.write_str("s"),
            Self::Yes => f.write_str("y"),
            Self::Edit => f.write_str("e"),
            Self::Choice(choice) => write!(f, "={choice}"),
            Self::Meter(meter_id) => write!(f, "m{}", short(*meter_id)),
        }
    }
}

/// A short trace of words, to tell whether they are still those that were shown. With the longest name of
/// an account, a button has three characters left for it.
pub(crate) fn fingerprint(words: &str) -> String {
    let mut trace = URL_SAFE_NO_PAD.encode(Sha256::digest(words));
    trace.truncate(3);
    trace
}

/// An id in 22 characters.
fn short(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id.as_bytes())
}

fn id(text: &str) -> Option<Uuid> {
    Uuid::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use kontor_domain::Language;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::{Answer, Press, Recharge, fingerprint};
    use crate::outgoing::CALLBACK_DATA_BYTES_MAX;

    fn recharge(agreed_to: Option<String>) -> Press {
        let (product_id, account) = (Uuid::max(), "a".repeat(32));
        Press::Recharge(Recharge { product_id, threshold: 9, cap: 9, account, agreed_to })
    }

    #[test]
    fn every_button_is_read_back_and_fits() {
        let id = Uuid::max();
        let answers = [
            Answer::Cancel,
            Answer::Back,
            Answer::Skip,
            Answer::Yes,
            Answer::Edit,
            Answer::Choice("electricity".into()),
            Answer::Meter(id),
        ];
        let questions =
            answers.map(|answer| Press::Question { revision: u32::MAX, answer }).into_iter();
        let others = [
            Press::Consent,
            Press::Language(Language::Ru),
            Press::Language(Language::En),
            Press::AddMeter,
            Press::SubmitReading,
            Press::Meters,
            Press::OpenHistory { meter_id: id },
            Press::History { meter_id: id, page: u16::MAX },
            Press::Correct { meter_id: id, reading_id: Uuid::nil() },
            Press::SharePhone,
            Press::RemovePhone,
            Press::WithdrawConsent,
            Press::WithdrawConsentSure,
            Press::Settings,
            Press::RemindMe,
            Press::MuteReminders,
            Press::UnmuteReminders,
            Press::Balance,
            Press::Packages,
            Press::CreditExport,
            Press::Product { product_id: id },
            Press::PayByCard { product_id: id, account: "a".repeat(32) },
            Press::Billing,
            Press::RechargePackages,
            Press::RechargeOff,
            Press::RemoveCard,
            recharge(None),
            recharge(Some(fingerprint("words"))),
            recharge(Some(String::new())),
            Press::Tutorial,
            Press::CreditHistory { page: u16::MAX },
        ];
        for press in questions.chain(others) {
            let data = press.to_string();
            assert!(data.len() <= CALLBACK_DATA_BYTES_MAX, "{data}");
            assert_eq!(Press::parse(&data), Some(press));
        }
    }

    proptest! {
        #[test]
        fn forged_data_is_refused_without_a_panic(data in "\\PC{0,64}") {
            if let Some(press) = Press::parse(&data) {
                prop_assert_eq!(Press::parse(&press.to_string()), Some(press));
            }
        }
    }
}
