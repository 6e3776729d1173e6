//! Runs of bits: which granules of the arena are free, side by side.

use std::ops::Range;

/// The first run of `count` ones among the first `len` bits that `word` gives, 64 at a time.
pub fn find_run(len: usize, count: usize, word: impl Fn(usize) -> u64) -> Option<usize> {
    let mut run = 0;
    for number in 0..len.div_ceil(64) {
        let bits = word(number) & mask(number, 0..len);
        if bits == 0 {
            run = 0;
        } else if bits == u64::MAX {
            run += 64;
            if run >= count {
                return Some((number + 1) * 64 - run);
            }
        } else {
            let mut at = 0;
            while at < 64 {
                let ones = (bits >> at).trailing_ones() as usize;
                run += ones;
                if run >= count {
                    return Some(number * 64 + at + ones - run);
                }
                at += ones;
                if at < 64 {
                    run = 0;
                    at += ((bits >> at).trailing_zeros() as usize).min(64 - at);
                }
            }
        }
    }
    None
}

/// The last run of ones of at least one bit, as long as it goes, among the bits from `from` to `len`.
pub fn last_run(from: usize, len: usize, word: impl Fn(usize) -> u64) -> Option<Range<usize>> {
    let is_one = |at: usize| word(at / 64) & 1 << (at % 64) != 0;
    let last = (from / 64..len.div_ceil(64)).rev().find_map(|number| {
        let bits = word(number) & mask(number, from..len);
        (bits != 0).then(|| number * 64 + 63 - bits.leading_zeros() as usize)
    })?;
    let start = (from..last).rev().take_while(|&at| is_one(at)).last().unwrap_or(last);
    Some(start..last + 1)
}

/// The bits of word `number` that belong to a range of all bits.
pub fn mask(number: usize, range: Range<usize>) -> u64 {
    let below = |end: usize| match end.saturating_sub(number * 64) {
        bits @ 0..64 => (1_u64 << bits) - 1,
        _ => u64::MAX,
    };
    below(range.end) & !below(range.start)
}

/// The numbers of the words that a range of bits lies in.
pub fn words(range: &Range<usize>) -> Range<usize> {
    range.start / 64..range.end.div_ceil(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_run_that_is_long_enough_is_found() {
        let bits = [0b0110_1110, u64::MAX << 60, u64::MAX, 0b11];
        let find = |len, count| find_run(len, count, |number| bits[number]);
        assert_eq!(find(256, 1), Some(1));
        assert_eq!(find(256, 3), Some(1));
        assert_eq!(find(256, 4), Some(124));
        assert_eq!(find(256, 68), Some(124));
        assert_eq!(find(256, 70), Some(124));
        assert_eq!(find(256, 71), None);
        assert_eq!(find(193, 70), None, "what lies beyond does not count");
        assert_eq!(find(193, 69), Some(124));
        assert_eq!(find(3, 3), None);
    }

    #[test]
    fn runs_agree_with_looking_at_each_bit() {
        let mut seed = 1_u64;
        for _ in 0..2000 {
            let bits: [u64; 3] = std::array::from_fn(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                seed | seed << 3 | seed >> 5
            });
            let (len, count) = (1 + (seed >> 40) as usize % 192, 1 + (seed >> 50) as usize % 30);
            let one = |at: usize| bits[at / 64] & 1 << (at % 64) != 0;
            let plain = (0..len).find(|&at| at + count <= len && (at..at + count).all(one));
            assert_eq!(find_run(len, count, |number| bits[number]), plain, "{bits:x?} {len} {count}");
            let from = count.min(len);
            let last = (from..len).rev().find(|&at| one(at)).map(|last| {
                let start = (from..=last).rev().take_while(|&at| one(at)).last();
                start.expect("the last one is one")..last + 1
            });
            assert_eq!(last_run(from, len, |number| bits[number]), last, "{bits:x?} {len} {from}");
        }
    }

    #[test]
    fn a_mask_has_the_bits_of_its_range() {
        assert_eq!(mask(1, 60..70), 0b11_1111);
        assert_eq!(mask(0, 60..70), 0xf << 60);
        assert_eq!(mask(2, 60..70), 0);
        assert_eq!(mask(1, 0..256), u64::MAX);
        assert_eq!(words(&(60..70)), 0..2);
        assert_eq!(words(&(64..128)), 1..2);
    }
}
