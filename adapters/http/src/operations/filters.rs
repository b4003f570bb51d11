//! What a list is narrowed to. The filters stand in the address, so that a link shows the same.

use axum::http::Uri;
use chrono::{DateTime, SecondsFormat, Utc};
use kontor_commands::clock;

use super::{operator::Operator, words::in_query};
use crate::{parameters::Parameters, problem::Problem};

/// The longest filter, in bytes: longer than any id or name.
const LENGTH_MAX: usize = 200;

/// The filters of dead letters, of a stream's events and of the journal; by default nothing is left
/// out.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    pub(super) tenant: Option<String>,
    pub(super) aggregate: Option<String>,
    /// The type of an event, a command or an action; `meter.*` takes all of an aggregate.
    pub(super) kind: Option<String>,
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) until: Option<DateTime<Utc>>,
    /// An id that it carries.
    pub(super) id: Option<String>,
}

impl Filters {
    /// The filters in an address; what is left empty filters nothing.
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        let parameters = Parameters::of(uri);
        let text = |name: &str| -> Result<Option<String>, Problem> {
            let text = parameters.parsed::<String>(name, "a text")?;
            let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            if text.as_ref().is_some_and(|text| text.len() > LENGTH_MAX) {
                return Err(Problem::parameter(name, "give a shorter text"));
            }
            // PostgreSQL knows no such text.
            if text.as_ref().is_some_and(|text| text.contains('\0')) {
                return Err(Problem::parameter(name, "give a text without NUL"));
            }
            Ok(text)
        };
        let instant = |name: &str| -> Result<Option<DateTime<Utc>>, Problem> {
            let expected = "give an instant such as 2026-11-27T12:00:00Z, or a day";
            let at = text(name)?.map(|text| clock::typed(&text).ok_or(expected));
            at.transpose().map_err(|expected| Problem::parameter(name, expected))
        };
        Ok(Self {
            tenant: text("tenant")?,
            aggregate: text("aggregate")?,
            kind: text("type")?,
            from: instant("from")?,
            until: instant("until")?,
            id: text("about")?,
        })
    }

    /// Whether nothing is left out.
    pub(super) fn is_empty(&self) -> bool {
        self.named().iter().all(|(_, value)| value.is_empty())
    }

    /// The filters as a query that begins with `&`, for a link to another page of the same list.
    pub(super) fn and_query(&self) -> String {
        let set = self.named().into_iter().filter(|(_, value)| !value.is_empty());
        set.map(|(name, value)| format!("&{name}={}", in_query(&value))).collect()
    }

    /// The filters as a query of their own.
    fn query(&self) -> String {
        self.and_query().split_off(usize::from(!self.is_empty()))
    }

    /// The value of a field of the form. Fields for instants know no time zone; they are in UTC.
    fn in_field(&self, field: &str) -> String {
        let named = self.named().into_iter();
        let value: String =
            named.filter(|(name, _)| *name == field).map(|(_, value)| value).collect();
        match field {
            "from" | "until" => value.trim_end_matches('Z').to_owned(),
            _ => value,
        }
    }

    /// The same without one of them.
    fn without(&self, field: &str) -> Self {
        let mut rest = self.clone();
        match field {
            "tenant" => rest.tenant = None,
            "aggregate" => rest.aggregate = None,
            "type" => rest.kind = None,
            "from" => rest.from = None,
            "until" => rest.until = None,
            _ => rest.id = None,
        }
        rest
    }

    /// The tenant whose rows an operator is shown: none for all, and an error for another's.
    pub(super) fn tenant_for(&self, operator: &Operator) -> Result<Option<String>, Problem> {
        match (operator.tenant(), &self.tenant) {
            (Some(own), Some(wanted)) if own.as_str() != wanted => Err(Problem::parameter(
                "tenant",
                format!("your key opens the tenant `{own}` and no other"),
            )),
            (Some(own), _) => Ok(Some(own.to_string())),
            (None, wanted) => Ok(wanted.clone()),
        }
    }

    /// Whether something of a type is wanted.
    pub(super) fn wants_type(&self, kind: &str) -> bool {
        self.kind.as_deref().is_none_or(|wanted| match wanted.strip_suffix('*') {
            Some(start) => kind.starts_with(start),
            None => kind == wanted,
        })
    }

    /// Whether something that carries these ids is wanted.
    pub(super) fn wants_one_of(&self, ids: &[String]) -> bool {
        let wanted = self.id.as_deref();
        wanted.is_none_or(|wanted| ids.iter().any(|id| id.eq_ignore_ascii_case(wanted)))
    }

    fn named(&self) -> [(&'static str, String); 6] {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let instant = |at: &Option<DateTime<Utc>>| {
            at.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)).unwrap_or_default()
        };
        [
            ("tenant", text(&self.tenant)),
            ("aggregate", text(&self.aggregate)),
            ("type", text(&self.kind)),
            ("from", instant(&self.from)),
            ("until", instant(&self.until)),
            ("about", text(&self.id)),
        ]
    }
}

/// A field of the form.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) value: String,
    /// What there is to choose from; anything may be typed when it is empty.
    pub(super) choices: Vec<&'static str>,
}

/// A filter that is set, and the address of the list without it.
pub(super) struct Chip {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) without: String,
}

/// A form for the filters of a page.
pub(super) struct FilterForm {
    pub(super) fields: Vec<Field>,
    pub(super) chips: Vec<Chip>,
    /// Where nothing is filtered.
    pub(super) page: String,
    /// Where the same rows are to be had as a table for a spreadsheet.
    pub(super) csv: String,
}

impl FilterForm {
    /// The form of a page: its address and that of its table, and name, label and hint of each field
    /// that it has.
    pub(super) fn new(
        filters: &Filters,
        (page, csv): (&str, &str),
        fields: &[(&'static str, &'static str, &'static str)],
    ) -> Self {
        let set = filters.named();
        let set = set.iter().filter(|(_, value)| !value.is_empty());
        let chip = |(name, value): &(&'static str, String)| {
            let label = fields.iter().find(|field| field.0 == *name)?.1;
            let without = format!("{page}?{}", filters.without(name).query());
            Some(Chip { label, value: value.clone(), without })
        };
        Self {
            fields: fields
                .iter()
                .map(|&(name, label, hint)| {
                    let value = filters.in_field(name);
                    Field { name, label, hint, value, choices: Vec::new() }
                })
                .collect(),
            chips: set.filter_map(chip).collect(),
            page: page.to_owned(),
            csv: format!("{csv}?{}", filters.query()),
        }
    }

    /// The same form, whose type is one of these.
    pub(super) fn choosing(mut self, choices: Vec<&'static str>) -> Self {
        for field in self.fields.iter_mut().filter(|field| field.name == "type") {
            field.choices.clone_from(&choices);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(query: &str) -> Result<Filters, Problem> {
        Filters::of(&format!("/x?{query}").parse().unwrap())
    }

    #[test]
    fn empty_fields_filter_nothing_and_wrong_ones_are_named() {
        assert!(filters("tenant=&type=%20&from=&about=").is_ok_and(|filters| filters.is_empty()));
        for wrong in ["from=yesterday", "until=%D0%B2%D1%87%D0%B5%D1%80%D0%B0"] {
            assert!(filters(wrong).is_err(), "{wrong}");
        }
        assert!(filters(&format!("about={}", "x".repeat(LENGTH_MAX + 1))).is_err());
    }

    #[test]
    fn a_link_carries_the_filters_on() {
        let Ok(first) = filters("type=meter.*&from=2026-11-27&about=a%26b") else {
            panic!("they are sound")
        };
        let query = first.and_query();
        assert_eq!(query, "&type=meter.%2A&from=2026-11-27T00%3A00%3A00Z&about=a%26b");
        let Ok(again) = filters(&query[1..]) else { panic!("they are sound") };
        assert_eq!(again.and_query(), query);
        assert_eq!(again.in_field("about"), "a&b");
        assert_eq!(again.in_field("from"), "2026-11-27T00:00:00");
        let form =
            FilterForm::new(&again, ("/x", "/x.csv"), &[("type", "Type", ""), ("about", "Id", "")]);
        let chips: Vec<&str> = form.chips.iter().map(|chip| chip.without.as_str()).collect();
        assert_eq!(
            chips,
            [
                "/x?from=2026-11-27T00%3A00%3A00Z&about=a%26b",
                "/x?type=meter.%2A&from=2026-11-27T00%3A00%3A00Z"
            ]
        );
    }

    #[test]
    fn a_type_may_stand_for_all_of_an_aggregate() {
        let Ok(meters) = filters("type=meter.*&about=AB") else { panic!("sound") };
        assert!(meters.wants_type("meter.archived") && !meters.wants_type("account.renamed"));
        assert!(meters.wants_one_of(&["x".to_owned(), "ab".to_owned()]));
        assert!(!meters.wants_one_of(&[]));
        let Ok(one) = filters("type=rename") else { panic!("sound") };
        assert!(one.wants_type("rename") && !one.wants_type("renamed"));
    }
}
