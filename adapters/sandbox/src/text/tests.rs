use super::*;

/// Writes a parsed text as `text | kind offset+length …`.
fn shown(mode: &str, source: &str) -> String {
    match Formatted::parse(source, Some(mode), None) {
        Err(error) => error.description,
        Ok(formatted) => {
            let mut parts = vec![formatted.text];
            parts.extend(formatted.entities.into_iter().map(|entity| {
                let extra = entity.url.or(entity.language).map(|extra| format!(" {extra}"));
                let (kind, offset, length) = (entity.kind, entity.offset, entity.length);
                format!("{kind} {offset}+{length}{}", extra.unwrap_or_default())
            }));
            parts.join(" | ")
        }
    }
}

#[test]
fn html_tags_become_entities_counted_in_utf16() {
    assert_eq!(shown("HTML", "<b>Ж</b> 😀 <i>x</i>"), "Ж 😀 x | bold 0+1 | italic 5+1");
    assert_eq!(shown("html", "<b>a<u>b</u></b>"), "ab | bold 0+2 | underline 1+1");
    assert_eq!(
        shown("HTML", "<a href=\"https://e.test/?a=1&amp;b=2\">go</a>"),
        "go | text_link 0+2 https://e.test/?a=1&b=2"
    );
    assert_eq!(
        shown("HTML", "<pre><code class=\"language-rust\">let x;</code></pre>"),
        "let x; | pre 0+6 rust"
    );
    assert_eq!(shown("HTML", "1 &lt; 2 &amp;&#33; &nbsp;"), "1 < 2 &! &nbsp;");
}

#[test]
fn html_that_telegram_refuses_is_refused_in_its_words() {
    let refused = |source: &str| shown("HTML", source);
    assert_eq!(
        refused("a <script>"),
        "Bad Request: can't parse entities: Unsupported start tag \"script\" at byte offset 2"
    );
    assert_eq!(
        refused("<b>x</i>"),
        "Bad Request: can't parse entities: Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\""
    );
    assert_eq!(
        refused("<b>x"),
        "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\""
    );
    assert_eq!(
        refused("x</b>"),
        "Bad Request: can't parse entities: Unexpected end tag at byte offset 1"
    );
    assert_eq!(
        refused("5 < 6"),
        "Bad Request: can't parse entities: Unclosed start tag at byte offset 2"
    );
}

#[test]
fn a_link_to_a_script_is_no_link() {
    assert_eq!(shown("HTML", "<a href=\"javascript://x%0Aalert(1)\">x</a>"), "x");
    assert_eq!(shown("MarkdownV2", "[x](javascript://alert)"), "x");
}

#[test]
fn markdown_v2_marks_nest_and_reserved_letters_must_be_escaped() {
    assert_eq!(
        shown("MarkdownV2", "*b _i_* __u__ ~s~ ||p|| `c`"),
        "b i u s p c | bold 0+3 | italic 2+1 | underline 4+1 | strikethrough 6+1 | spoiler 8+1 | code 10+1"
    );
    assert_eq!(shown("MarkdownV2", "1\\.5 \\- ok\\!"), "1.5 - ok!");
    assert_eq!(
        shown("MarkdownV2", "1.5"),
        "Bad Request: can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'"
    );
    assert_eq!(
        shown("MarkdownV2", "*b"),
        "Bad Request: can't parse entities: Can't find end of bold entity at byte offset 0"
    );
    assert_eq!(
        shown("MarkdownV2", "[go](https://e.test/a\\)b)"),
        "go | text_link 0+2 https://e.test/a)b"
    );
    assert_eq!(shown("MarkdownV2", "```rust\nlet x = 1.0;\n```"), "let x = 1.0; | pre 0+12 rust");
    assert_eq!(shown("MarkdownV2", ">a\n>b\nc"), "a\nb\nc | blockquote 0+3");
}

#[test]
fn the_older_markdown_does_not_nest() {
    assert_eq!(
        shown("Markdown", "*b* _i_ 1.5 [go](https://e.test)"),
        "b i 1.5 go | bold 0+1 | italic 2+1 | text_link 8+2 https://e.test"
    );
    assert_eq!(
        shown("Markdown", "snake_case"),
        "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 5"
    );
}

#[test]
fn commands_links_and_mentions_are_found_outside_of_code() {
    assert_eq!(
        shown("", "/start ref, see https://e.test/a. @kontor_bot #счёт"),
        "/start ref, see https://e.test/a. @kontor_bot #счёт | bot_command 0+6 | url 16+16 | mention 34+11 | hashtag 46+5"
    );
    assert_eq!(shown("HTML", "<code>/start</code> a/b"), "/start a/b | code 0+6");
}

#[test]
fn space_around_a_text_is_cut_and_entities_move_along() {
    assert_eq!(shown("HTML", "\n  <b> x</b>  "), "x | bold 0+1");
    assert_eq!(shown("HTML", "<b>  </b>"), "");
}

#[test]
fn explicit_entities_must_lie_in_the_text() {
    let entities = serde_json::json!([{"type": "bold", "offset": 0, "length": 9}]);
    assert!(Formatted::parse("short", None, Some(entities)).is_err());
    let entities = serde_json::json!([{"type": "evil", "offset": 0, "length": 1}]);
    assert!(Formatted::parse("short", None, Some(entities)).is_err());
}
