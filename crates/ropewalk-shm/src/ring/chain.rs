//! Which segments hold records, in the order in which they are emptied.
//!
//! Numbers of segments as hexadecimal digits of one word, the first to be emptied lowest; so a chain is committed
//! with the rest of the state. The last segment is the one being filled.

use super::layout::SEGMENTS;

/// The segments in use; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    order: u64,
    len: u8,
}

impl Chain {
    pub const fn only(number: usize) -> Chain {
        Chain { order: number as u64, len: 1 }
    }

    /// A chain as two words of memory have it; `None` if that is none of segments up to `largest`.
    #[inline]
    pub fn from_words(order: u64, len: u8, largest: usize) -> Option<Chain> {
        let chain = Chain { order, len };
        if len == 1 {
            return (order <= largest as u64).then_some(chain);
        }
        if len == 0 || len as usize > SEGMENTS || order >> (4 * u32::from(len)) != 0 {
            return None;
        }
        let mut seen = 0_u32;
        for number in chain.numbers() {
            if number > largest || seen & 1 << number != 0 {
                return None;
            }
            seen |= 1 << number;
        }
        Some(chain)
    }

    #[inline]
    pub fn words(self) -> (u64, u8) {
        (self.order, self.len)
    }

    #[inline]
    pub fn is_single(self) -> bool {
        self.len == 1
    }

    /// The segment being emptied.
    #[inline]
    pub fn first(self) -> usize {
        (self.order & 15) as usize
    }

    /// The segment being filled.
    #[inline]
    pub fn last(self) -> usize {
        (self.order >> (4 * (u32::from(self.len) - 1)) & 15) as usize
    }

    pub fn numbers(self) -> impl Iterator<Item = usize> {
        (0..u32::from(self.len)).map(move |place| (self.order >> (4 * place) & 15) as usize)
    }

    /// A bit for each segment.
    pub fn mask(self) -> u32 {
        self.numbers().fold(0, |mask, number| mask | 1 << number)
    }

    pub fn contains(self, number: usize) -> bool {
        self.mask() & 1 << number != 0
    }

    /// With another segment to fill.
    pub fn then(self, number: usize) -> Chain {
        Chain { order: self.order | (number as u64) << (4 * u32::from(self.len)), len: self.len + 1 }
    }

    /// Without the segment that is empty.
    pub fn without_first(self) -> Chain {
        Chain { order: self.order >> 4, len: self.len - 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_leave_in_the_order_in_which_they_came() {
        let chain = Chain::only(4).then(5).then(0);
        assert_eq!((chain.first(), chain.last()), (4, 0));
        assert_eq!(chain.numbers().collect::<Vec<_>>(), [4, 5, 0]);
        let chain = chain.without_first();
        assert_eq!((chain.first(), chain.last(), chain.is_single()), (5, 0, false));
        assert!(chain.contains(0) && !chain.contains(4));
        assert_eq!(chain.without_first(), Chain::only(0));
    }

    #[test]
    fn a_chain_of_all_segments_goes_through_memory() {
        let chain = (1..SEGMENTS).fold(Chain::only(0), Chain::then);
        let (order, len) = chain.words();
        assert_eq!(Chain::from_words(order, len, SEGMENTS - 1), Some(chain));
    }

    #[test]
    fn what_is_no_chain_is_refused() {
        for (order, len) in [(0, 0), (0x11, 2), (0x5, 1), (0x210, 2), (0, 15), (0xf, 1), (0x50, 2)] {
            assert_eq!(Chain::from_words(order, len, 4), None, "{order:x} {len}");
        }
    }
}
