//! Do two trees have the same leaves in the same order, whatever their shapes?
//!
//!     cargo run --release --example same_fringe
//!
//! Each tree is walked by a fiber that pauses at every leaf, so neither list is ever built, and the walk ends at the first
//! difference.

use ropewalk::fiber::{Fiber, Pause, Step};

enum Tree {
    Leaf(u32),
    Pair(Box<Tree>, Box<Tree>),
}

fn pair(left: Tree, right: Tree) -> Tree {
    Tree::Pair(Box::new(left), Box::new(right))
}

/// An ordinary walk: that it stops at each leaf is seen by nobody but the leaf.
fn walk(tree: &Tree, pause: &Pause<(), u32>) {
    match tree {
        Tree::Leaf(value) => pause.with(*value),
        Tree::Pair(left, right) => {
            walk(left, pause);
            walk(right, pause);
        }
    }
}

fn leaves(tree: &Tree) -> impl Iterator<Item = u32> {
    let mut walker = Fiber::new(move |pause, ()| walk(tree, pause));
    std::iter::from_fn(move || {
        if walker.is_ended() {
            return None;
        }
        match walker.resume(()) {
            Step::Paused(value) => Some(value),
            Step::Ended(()) => None,
        }
    })
}

fn same_fringe(left: &Tree, right: &Tree) -> bool {
    leaves(left).eq(leaves(right))
}

/// The leaves from `first` on, `count` of them; how they hang is decided by `lean`.
fn grow(first: u32, count: u32, lean: u32) -> Tree {
    if count == 1 {
        return Tree::Leaf(first);
    }
    let left = (count * lean / 10).clamp(1, count - 1);
    pair(grow(first, left, lean), grow(first + left, count - left, lean))
}

fn main() {
    let (broad, crooked, other) = (grow(0, 10_000, 5), grow(0, 10_000, 8), grow(1, 10_000, 5));
    println!("broad and crooked: {}", same_fringe(&broad, &crooked));
    println!("broad and another: {}", same_fringe(&broad, &other));
}

#[test]
fn trees_of_other_shapes_with_the_same_leaves_are_the_same() {
    assert!(same_fringe(&grow(0, 100, 5), &grow(0, 100, 9)));
}

#[test]
fn one_leaf_more_or_another_leaf_makes_the_difference() {
    assert!(!same_fringe(&grow(0, 100, 5), &grow(0, 101, 5)));
    assert!(!same_fringe(&grow(0, 100, 5), &pair(grow(0, 99, 5), Tree::Leaf(7))));
}
