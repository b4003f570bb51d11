//! What the bot says, in Russian and English, from the Fluent files in `locales`.
//!
//! Code names a text with [`say!`]; a test reads the sources and proves that every text named
//! exists in both files and every text in the files is named.

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use kontor_domain::Language;
use unic_langid::langid;

type Bundle = FluentBundle<FluentResource>;

const RU: &str = concat!(
    include_str!("../locales/ru.ftl"),
    "\n",
    include_str!("../locales/ru-credits.ftl"),
    "\n",
    include_str!("../locales/ru-payments.ftl"),
    "\n",
    include_str!("../locales/ru-billing.ftl")
);
const EN: &str = concat!(
    include_str!("../locales/en.ftl"),
    "\n",
    include_str!("../locales/en-credits.ftl"),
    "\n",
    include_str!("../locales/en-payments.ftl"),
    "\n",
    include_str!("../locales/en-billing.ftl")
);

static BUNDLE_RU: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::Ru));
static BUNDLE_EN: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::En));

/// Speaks one language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice {
    language: Language,
}

impl Voice {
    pub(crate) fn new(language: Language) -> Self {
        Self { language }
    }

    pub(crate) fn language(self) -> Language {
        self.language
    }

    /// Formats a text. Call it through [`say!`], which the tests can find.
    pub(crate) fn render(self, key: &str, values: Vec<(&'static str, FluentValue<'_>)>) -> String {
        let bundle = match self.language {
            Language::Ru => &*BUNDLE_RU,
            Language::En => &*BUNDLE_EN,
        };
        let args: FluentArgs<'_> = values.into_iter().collect();
        let mut errors = Vec::new();
        let text = bundle
            .get_message(key)
            .and_then(|message| message.value())
            .map(|pattern| bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned());
        debug_assert!(errors.is_empty(), "the text `{key}` lacks a value: {errors:?}");
        if !errors.is_empty() || text.is_none() {
            tracing::error!(text.key = key, "The text `{key}` is missing or lacks a value");
        }
        text.unwrap_or_else(|| key.to_owned())
    }
}

/// Formats a text of the voice's language: `say!(voice, "key", name = value)`.
macro_rules! say {
    ($voice:expr, $key:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::texts::Voice::render(
            *::std::borrow::Borrow::<$crate::texts::Voice>::borrow(&$voice),
            $key,
            vec![$((stringify!($name), ::fluent_bundle::FluentValue::from($value))),*],
        )
    };
}
pub(crate) use say;

fn source(language: Language) -> &'static str {
    match language {
        Language::Ru => RU,
        Language::En => EN,
    }
}

/// Builds a language's bundle. The files are part of the program and a test proves them free of
/// errors, so a bad entry is left out instead of stopping the bot.
fn bundle(language: Language) -> Bundle {
    let locale = match language {
        Language::Ru => langid!("ru"),
        Language::En => langid!("en"),
    };
    let mut bundle = Bundle::new_concurrent(vec![locale]);
    // Figures come formatted, and the isolation marks of Fluent show up as boxes in some clients.
    bundle.set_use_isolating(false);
    let resource = match FluentResource::try_new(source(language).to_owned()) {
        Ok(resource) => resource,
        Err((resource, errors)) => {
            tracing::error!("The {} texts have {} errors", language.code(), errors.len());
            resource
        }
    };
    bundle.add_resource_overriding(resource);
    bundle
}

#[cfg(test)]
mod tests;
