//! CRC-16/X.25, the check of both ends of a frame (DL/T 698.45 annex D).

const TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0_u16;
    while index < 256 {
        let mut crc = index;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0x8408
            } else {
                crc >> 1
            };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "the index is below 256")]
        {
            table[index as usize] = crc;
        }
        index += 1;
    }
    table
}

/// The check of these bytes.
pub(super) fn of(bytes: &[u8]) -> u16 {
    !bytes.iter().fold(0xffff, |crc, byte| {
        let [low, _] = (crc ^ u16::from(*byte)).to_le_bytes();
        crc >> 8 ^ TABLE.get(usize::from(low)).copied().unwrap_or_default()
    })
}

/// The number in the first two bytes, low first, for which bytes that go on with `rest` have this check: going
/// back from the check, there is just one.
pub(super) fn first_two(rest: &[u8], check: u16) -> u16 {
    let back = |crc: u16| {
        (0..8).fold(crc, |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc ^ 0x8408) << 1 | 1
            }
        })
    };
    let state = rest
        .iter()
        .rev()
        .fold(!check, |crc, byte| back(crc) ^ u16::from(*byte));
    !back(back(state))
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_bytes_are_found_again() {
        for first in [0_u16, 1, 0x0024, 0x3fff, 0xffff] {
            let rest = b"\xc3\x05 and so on";
            let bytes = [&first.to_le_bytes()[..], rest].concat();
            assert_eq!(super::first_two(rest, super::of(&bytes)), first);
        }
    }

    #[test]
    fn the_check_value_is_the_catalogues() {
        assert_eq!(super::of(b"123456789"), 0x906e);
    }
}
