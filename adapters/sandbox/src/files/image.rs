//! Recognises the pictures that Telegram takes as photos, and reads their size from the header.

/// What a picture's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) mime: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Image {
    /// Reads the header of a JPEG, PNG, GIF or WebP.
    pub(crate) fn recognise(bytes: &[u8]) -> Option<Self> {
        let found = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            ("image/png", big(bytes, 16, 4)?, big(bytes, 20, 4)?)
        } else if bytes.starts_with(b"GIF8") {
            ("image/gif", little(bytes, 6, 2)?, little(bytes, 8, 2)?)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            let (width, height) = jpeg_sides(bytes)?;
            ("image/jpeg", width, height)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            let (width, height) = webp_sides(bytes)?;
            ("image/webp", width, height)
        } else {
            return None;
        };
        let (mime, width, height) = found;
        (width > 0 && height > 0).then_some(Self { mime, width, height })
    }
}

fn big(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let number = bytes.get(at..at + length)?;
    Some(number.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
}

fn little(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let number = bytes.get(at..at + length)?;
    Some(number.iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
}

/// Walks over the segments to the one that starts the frame.
fn jpeg_sides(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    while at + 4 <= bytes.len() {
        if bytes.get(at) != Some(&0xff) {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        let starts_frame = (0xc0..=0xcf).contains(&marker) && ![0xc4, 0xc8, 0xcc].contains(&marker);
        if starts_frame {
            return Some((big(bytes, at + 7, 2)?, big(bytes, at + 5, 2)?));
        }
        let stands_alone = marker == 0x01 || (0xd0..=0xd8).contains(&marker);
        at += match marker {
            // A fill byte before the marker itself.
            0xff => 1,
            _ if stands_alone => 2,
            _ => 2 + usize::try_from(big(bytes, at + 2, 2)?).ok()?,
        };
    }
    None
}

fn webp_sides(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8X" => Some((little(bytes, 24, 3)? + 1, little(bytes, 27, 3)? + 1)),
        b"VP8L" => {
            let packed = little(bytes, 21, 4)?;
            Some(((packed & 0x3fff) + 1, ((packed >> 14) & 0x3fff) + 1))
        }
        b"VP8 " => Some((little(bytes, 26, 2)? & 0x3fff, little(bytes, 28, 2)? & 0x3fff)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(bytes: &[u8]) -> Option<(&'static str, u32, u32)> {
        Image::recognise(bytes).map(|image| (image.mime, image.width, image.height))
    }

    #[test]
    fn sizes_are_read_from_the_headers() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x40\0\0\0\xf0";
        assert_eq!(sides(png), Some(("image/png", 320, 240)));
        assert_eq!(sides(b"GIF89a\x02\x00\x01\x00"), Some(("image/gif", 2, 1)));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\xf0\x01\x40\x03";
        assert_eq!(sides(jpeg), Some(("image/jpeg", 320, 240)));
        let webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x3f\x01\0\xef\0\0";
        assert_eq!(sides(webp), Some(("image/webp", 320, 240)));
    }

    #[test]
    fn broken_or_foreign_bytes_are_no_picture() {
        assert_eq!(sides(b""), None);
        assert_eq!(sides(b"\xff\xd8\xff\xe0\xff"), None);
        assert_eq!(sides(b"\xff\xd8\xff\xe0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(sides(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), None);
        assert_eq!(sides(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0\0\0\0\0"), None, "no sides");
    }
}
