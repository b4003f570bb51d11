//! How many credits are left, as a row of coloured squares.

/// How many squares the row has: a narrow telephone shows them in one line.
const SQUARES: i64 = 10;
/// The smallest number of credits that fills the row.
const FULL_MIN: i64 = 10;
/// From how many squares on the row is green: half of it.
const GREEN_FROM: i64 = 5;

/// The row of a balance. Full is the last purchase, and red begins at the threshold of the warning.
/// Whoever has a credit sees a square.
pub(crate) fn bar(balance: i64, last_purchase: Option<i64>, low_credits: i64) -> String {
    let full = last_purchase.unwrap_or_default().max(FULL_MIN);
    let balance = balance.clamp(0, full);
    let filled = balance.saturating_mul(SQUARES).saturating_add(full - 1) / full;
    let filled = filled.clamp(0, SQUARES);
    let square = if balance <= low_credits {
        "🟥"
    } else if filled >= GREEN_FROM {
        "🟩"
    } else {
        "🟨"
    };
    let repeated = |square: &str, times: i64| square.repeat(usize::try_from(times).unwrap_or(0));
    repeated(square, filled) + &repeated("⬜", SQUARES - filled)
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn the_colour_says_how_much_is_left_of_the_last_purchase() {
        assert_eq!(bar(100, Some(100), 5), "🟩🟩🟩🟩🟩🟩🟩🟩🟩🟩");
        assert_eq!(bar(41, Some(100), 5), "🟩🟩🟩🟩🟩⬜⬜⬜⬜⬜");
        assert_eq!(bar(40, Some(100), 5), "🟨🟨🟨🟨⬜⬜⬜⬜⬜⬜");
        assert_eq!(bar(5, Some(100), 5), "🟥⬜⬜⬜⬜⬜⬜⬜⬜⬜");
        assert_eq!(bar(0, Some(100), 0), "⬜⬜⬜⬜⬜⬜⬜⬜⬜⬜");
    }

    #[test]
    fn a_full_row_is_ten_credits_at_least_and_nothing_breaks_it() {
        assert_eq!(bar(3, None, 2), "🟨🟨🟨⬜⬜⬜⬜⬜⬜⬜");
        assert_eq!(bar(25, Some(4), 5), "🟩🟩🟩🟩🟩🟩🟩🟩🟩🟩");
        for balance in [i64::MIN, -1, 0, 1, i64::MAX] {
            for purchase in [None, Some(i64::MIN), Some(0), Some(i64::MAX)] {
                assert_eq!(bar(balance, purchase, 5).chars().count(), 10, "{balance} {purchase:?}");
            }
        }
    }
}
