//! Telegram's `MarkdownV2` and its older, simpler `Markdown`.

use super::{Builder, Entity, Formatted, link};

/// Letters that mean something in `MarkdownV2` and have to be escaped to stand for themselves.
const RESERVED: &str = "_*[]()~`>#+-=|{}.!";

/// What is open: its marker, and where it began (byte offset in the source, unit in the text).
struct Open {
    marker: &'static str,
    at: usize,
    offset: usize,
}

struct Parser<'a> {
    source: &'a str,
    position: usize,
    builder: Builder,
    open: Vec<Open>,
}

/// Parses a text as `MarkdownV2`.
///
/// # Errors
///
/// What Telegram would say after `can't parse entities: `.
pub(super) fn parse_v2(source: &str) -> Result<Formatted, String> {
    let mut parser = Parser { source, position: 0, builder: Builder::default(), open: Vec::new() };
    while parser.position < source.len() {
        parser.step()?;
    }
    parser.close_quote();
    match parser.open.last() {
        Some(open) => {
            let (name, at) = (kind_of(open.marker), open.at);
            Err(format!("Can't find end of {name} entity at byte offset {at}"))
        }
        None => Ok(parser.builder.formatted),
    }
}

fn kind_of(marker: &str) -> &'static str {
    match marker {
        "*" => "bold",
        "_" => "italic",
        "__" => "underline",
        "~" => "strikethrough",
        "||" => "spoiler",
        "`" => "code",
        "```" => "pre",
        ">" => "blockquote",
        "![" => "custom_emoji",
        _ => "text_link",
    }
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.position..).unwrap_or_default()
    }

    fn innermost(&self) -> Option<&'static str> {
        self.open.last().map(|open| open.marker)
    }

    fn step(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let Some(letter) = rest.chars().next() else { return Ok(()) };
        let escaped = rest.strip_prefix('\\').and_then(|after| after.chars().next());
        if let Some(escaped) = escaped.filter(char::is_ascii) {
            self.builder.push(escaped);
            self.position += 2;
            return Ok(());
        }
        if let Some(marker @ ("`" | "```")) = self.innermost() {
            return self.step_in_code(marker, letter);
        }
        if letter == '\n' {
            return self.new_line();
        }
        let at_line_start = self.position == 0 || self.source[..self.position].ends_with('\n');
        if letter == '>' && at_line_start {
            if !self.open.iter().any(|open| open.marker == ">") {
                self.begin(">");
            } else {
                self.position += 1;
            }
            return Ok(());
        }
        if RESERVED.contains(letter) {
            return self.mark(letter);
        }
        self.builder.push(letter);
        self.position += letter.len_utf8();
        Ok(())
    }

    fn step_in_code(&mut self, marker: &'static str, letter: char) -> Result<(), String> {
        if self.rest().starts_with(marker) {
            self.position += marker.len();
            self.end_code(marker);
            return Ok(());
        }
        if letter == '`' {
            return Err(reserved(letter));
        }
        self.builder.push(letter);
        self.position += letter.len_utf8();
        Ok(())
    }

    /// A quotation ends with the first line that does not begin with `>`.
    fn new_line(&mut self) -> Result<(), String> {
        let goes_on = self.rest().starts_with("\n>");
        if !goes_on && self.open.iter().any(|open| open.marker == ">") {
            if self.innermost() != Some(">") {
                let open = self.open.last().map_or((">", 0), |open| (open.marker, open.at));
                let name = kind_of(open.0);
                return Err(format!("Can't find end of {name} entity at byte offset {}", open.1));
            }
            self.close_quote();
        }
        self.builder.push('\n');
        self.position += 1;
        Ok(())
    }

    fn close_quote(&mut self) {
        if self.innermost() == Some(">") {
            self.end(Entity { kind: "blockquote".to_owned(), ..Entity::default() });
        }
    }

    fn begin(&mut self, marker: &'static str) {
        self.open.push(Open { marker, at: self.position, offset: self.builder.units });
        self.position += marker.len();
        if marker == "```" {
            self.skip_language();
        }
    }

    /// The word after three backticks is the language, when a line break follows it.
    fn skip_language(&mut self) {
        let rest = self.rest();
        let word = rest.find(|letter: char| letter.is_whitespace() || letter == '`');
        if let Some(end) = word.filter(|end| rest.get(*end..).is_some_and(|r| r.starts_with('\n')))
        {
            self.position += end + 1;
        }
    }

    fn end(&mut self, entity: Entity) {
        if let Some(open) = self.open.pop() {
            self.builder.close(Entity { offset: open.offset, ..entity });
        }
    }

    fn end_code(&mut self, marker: &'static str) {
        let start = self.open.last().map_or(0, |open| open.at);
        let after = self.source.get(start + marker.len()..).unwrap_or_default();
        let word = after.split('\n').next().unwrap_or_default();
        let is_language = marker == "```"
            && after.contains('\n')
            && !word.is_empty()
            && !word.contains(|letter: char| letter.is_whitespace() || letter == '`');
        let language = is_language.then(|| word.to_owned());
        self.end(Entity { kind: kind_of(marker).to_owned(), language, ..Entity::default() });
    }

    fn mark(&mut self, letter: char) -> Result<(), String> {
        let rest = self.rest();
        let marker = match letter {
            '`' if rest.starts_with("```") => "```",
            '`' => "`",
            '*' => "*",
            '~' => "~",
            '_' if rest.starts_with("__") && self.innermost() != Some("_") => "__",
            '_' => "_",
            '|' if rest.starts_with("||") => "||",
            '[' => "[",
            '!' if rest.starts_with("![") => "![",
            ']' if matches!(self.innermost(), Some("[" | "![")) => return self.end_link(),
            _ => return Err(reserved(letter)),
        };
        if self.innermost() == Some(marker) && marker != "[" {
            self.position += marker.len();
            self.end(Entity { kind: kind_of(marker).to_owned(), ..Entity::default() });
            return Ok(());
        }
        if marker == "||" && self.innermost() == Some(">") && self.ends_quote() {
            self.position += marker.len();
            self.end(Entity { kind: "expandable_blockquote".to_owned(), ..Entity::default() });
            return Ok(());
        }
        self.begin(marker);
        Ok(())
    }

    /// `||` at the very end of a quotation makes it one that folds.
    fn ends_quote(&self) -> bool {
        let after = self.rest().get(2..).unwrap_or_default();
        after.is_empty() || (after.starts_with('\n') && !after.starts_with("\n>"))
    }

    fn end_link(&mut self) -> Result<(), String> {
        let target = self.rest().strip_prefix("](").and_then(|after| {
            let mut url = String::new();
            let mut letters = after.char_indices();
            while let Some((index, letter)) = letters.next() {
                match letter {
                    ')' => return Some((url, index + "](".len() + 1)),
                    '\\' => url.extend(letters.next().map(|(_, escaped)| escaped)),
                    other => url.push(other),
                }
            }
            None
        });
        let is_emoji = self.innermost() == Some("![");
        let Some((url, length)) = target else {
            let at = self.position;
            return Err(format!("Can't find end of a URL at byte offset {at}"));
        };
        self.position += length;
        let entity = if is_emoji { None } else { link(0, &url) };
        match entity {
            Some(entity) => self.end(entity),
            None => drop(self.open.pop()),
        }
        Ok(())
    }
}

fn reserved(letter: char) -> String {
    format!("Character '{letter}' is reserved and must be escaped with the preceding '\\'")
}

/// Parses a text as the older `Markdown`: no nesting, few marks.
///
/// # Errors
///
/// What Telegram would say after `can't parse entities: `.
pub(super) fn parse_old(source: &str) -> Result<Formatted, String> {
    let mut parser = Parser { source, position: 0, builder: Builder::default(), open: Vec::new() };
    while let Some(letter) = parser.rest().chars().next() {
        let rest = parser.rest();
        let escaped = rest.strip_prefix('\\').and_then(|after| after.chars().next());
        if let Some(escaped @ ('_' | '*' | '`' | '[')) = escaped {
            parser.builder.push(escaped);
            parser.position += 2;
            continue;
        }
        let marker = match letter {
            '`' if rest.starts_with("```") => "```",
            '`' => "`",
            '*' => "*",
            '_' => "_",
            '[' if parser.open.is_empty() && rest.contains("](") => "[",
            ']' if parser.innermost() == Some("[") => {
                parser.end_link()?;
                continue;
            }
            _ => "",
        };
        match parser.innermost() {
            None if !marker.is_empty() => parser.begin(marker),
            Some(open @ ("`" | "```")) if open == marker => {
                parser.position += marker.len();
                parser.end_code(marker);
            }
            Some(open) if open == marker => {
                parser.position += marker.len();
                parser.end(Entity { kind: kind_of(marker).to_owned(), ..Entity::default() });
            }
            _ => {
                parser.builder.push(letter);
                parser.position += letter.len_utf8();
            }
        }
    }
    match parser.open.last() {
        Some(open) => {
            let at = open.at;
            Err(format!("Can't find end of the entity starting at byte offset {at}"))
        }
        None => Ok(parser.builder.formatted),
    }
}
