//! A part of the log by stream, so that several followers can share the work on one read model.

use uuid::Uuid;

/// The most segments: more than that would read the log more often than they save work.
pub const SEGMENTS_MAX: i32 = 64;

/// One of 2^k parts of the log. A stream's id decides, by its last byte, to which part all events of
/// the stream belong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment {
    index: i32,
    count: i32,
}

/// A segment that does not exist.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no segment {index} of {count}: 1, 2, 4 ... {SEGMENTS_MAX} segments are possible")]
pub struct NoSuchSegment {
    /// Its number.
    pub index: i32,
    /// How many segments there should be.
    pub count: i32,
}

impl Segment {
    /// The whole log.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Segment number `index`, from 0, of `count`.
    ///
    /// # Errors
    /// When `count` is no power of two up to [`SEGMENTS_MAX`], or `index` is not below it.
    pub fn new(index: i32, count: i32) -> Result<Self, NoSuchSegment> {
        let possible = (1..=SEGMENTS_MAX).contains(&count) && count.count_ones() == 1;
        if possible && (0..count).contains(&index) {
            Ok(Self { index, count })
        } else {
            Err(NoSuchSegment { index, count })
        }
    }

    /// All segments of a log that is cut into `count`.
    ///
    /// # Errors
    /// When `count` is no power of two up to [`SEGMENTS_MAX`].
    pub fn all(count: i32) -> Result<Vec<Self>, NoSuchSegment> {
        Self::new(0, count)?;
        Ok((0..count).map(|index| Self { index, count }).collect())
    }

    /// Its number, from 0.
    pub fn index(self) -> i32 {
        self.index
    }

    /// How many segments there are.
    pub fn count(self) -> i32 {
        self.count
    }

    /// Whether a stream belongs to it.
    pub fn contains(self, stream: Uuid) -> bool {
        let [.., last] = *stream.as_bytes();
        i32::from(last) & self.mask() == self.index
    }

    /// The bits of the last byte that decide.
    pub(crate) fn mask(self) -> i32 {
        self.count - 1
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::Segment;

    #[test]
    fn every_stream_belongs_to_one_segment() {
        for count in [1, 2, 4, 8, 16, 32, 64] {
            let segments = Segment::all(count).unwrap_or_default();
            assert_eq!(segments.len(), usize::try_from(count).unwrap_or_default());
            for n in 0..256_u128 {
                let stream = Uuid::from_u128(n << 64 | n);
                assert_eq!(segments.iter().filter(|it| it.contains(stream)).count(), 1);
            }
        }
    }

    #[test]
    fn counts_that_are_no_power_of_two_and_numbers_beyond_them_do_not_exist() {
        for (index, count) in [(0, 0), (0, 3), (0, 128), (0, -1), (-1, 2), (2, 2), (0, i32::MIN)] {
            assert!(Segment::new(index, count).is_err(), "{index} of {count}");
        }
        assert!(Segment::all(0).is_err());
    }
}
