use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use fluent_bundle::FluentResource;
use kontor_domain::Language;

use super::source;

/// The texts of a language with the values that each one names.
fn texts(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let resource = FluentResource::try_new(source(language).to_owned())
        .map_err(|(_, errors)| errors)
        .expect("the file has no errors");
    drop(resource);
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in source(language).lines() {
        let starts = line.starts_with(|c: char| c.is_ascii_lowercase());
        if let Some((key, _)) = line.split_once('=').filter(|_| starts) {
            current = key.trim().to_owned();
            assert!(texts.insert(current.clone(), BTreeSet::new()).is_none(), "`{current}` twice");
        }
        let values = line.split('$').skip(1).map(|rest| {
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
        });
        if let Some(of_text) = texts.get_mut(&current) {
            of_text.extend(values);
        }
    }
    texts
}

/// The texts that the sources name, with the values that they give.
fn named(folder: &Path, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("texts.rs")
            && !path.ends_with("tests.rs")
        {
            for call in fs::read_to_string(&path).unwrap().split("say!(").skip(1) {
                let (key, values) = parse_call(call);
                found.entry(key).or_default().extend(values);
            }
        }
    }
}

/// Reads what follows `say!(`: the first text in quotes, and the names before each ` = `.
fn parse_call(call: &str) -> (String, BTreeSet<String>) {
    let mut depth = 1_u32;
    let end = call
        .char_indices()
        .find(|(_, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        })
        .map_or(call.len(), |(index, _)| index);
    let call = &call[..end];
    let mut quoted = call.split('"');
    quoted.next();
    let key = quoted.next().unwrap_or_default().to_owned();
    let rest: String = quoted.collect();
    let values = rest
        .match_indices(" = ")
        .map(|(at, _)| {
            let name: String = rest[..at]
                .chars()
                .rev()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            name.chars().rev().collect()
        })
        .collect();
    (key, values)
}

#[test]
fn both_languages_have_the_same_texts_with_the_same_values() {
    let (ru, en) = (texts(Language::Ru), texts(Language::En));
    assert!(ru.len() > 100, "the files are read");
    assert_eq!(ru, en);
}

#[test]
fn every_text_is_used_with_its_values_and_every_text_used_exists() {
    let mut used = BTreeMap::new();
    named(Path::new("src"), &mut used);
    used.remove("");
    let texts = texts(Language::En);
    let missing: Vec<_> = used.keys().filter(|key| !texts.contains_key(*key)).collect();
    assert!(missing.is_empty(), "texts that are used and not written: {missing:?}");
    let unused: Vec<_> = texts.keys().filter(|key| !used.contains_key(*key)).collect();
    assert!(unused.is_empty(), "texts that are written and not used: {unused:?}");
    for (key, values) in &texts {
        let given = &used[key];
        assert!(values.is_subset(given), "`{key}` needs {values:?} and gets {given:?}");
    }
}
