//! Whose a block is, in one word: two bits for what it is, ten for a slot, the rest for a record's number.

/// Whose a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Free,
    Writing { slot: usize },
    Queued { record: u64 },
    Reading { slot: usize, record: u64 },
}

impl Owner {
    pub fn from_bits(bits: u64) -> Owner {
        let (slot, record) = ((bits >> 2 & 0x3ff) as usize, bits >> 12);
        match bits & 3 {
            0 => Owner::Free,
            1 => Owner::Writing { slot },
            2 => Owner::Queued { record },
            _ => Owner::Reading { slot, record },
        }
    }

    pub fn bits(self) -> u64 {
        match self {
            Owner::Free => 0,
            Owner::Writing { slot } => 1 | (slot as u64) << 2,
            Owner::Queued { record } => 2 | record << 12,
            Owner::Reading { slot, record } => 3 | (slot as u64) << 2 | record << 12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_goes_through_memory() {
        for owner in [
            Owner::Free,
            Owner::Writing { slot: 1023 },
            Owner::Queued { record: (1 << 52) - 1 },
            Owner::Reading { slot: 1023, record: 1 },
        ] {
            assert_eq!(Owner::from_bits(owner.bits()), owner);
        }
    }
}
