//! Where locks, semaphores, events and barriers lie, and how another process gets at them.
//!
//! This process has one slab in which it makes objects, and knows those that it was given. A forked child has
//! neither: it makes a slab of its own, and what it inherited stays where it is.
//!
//! What must stay true: a slot is given out again only if no other process can have it, which is when nobody was
//! forked since it was made ([`fork::forks`]) and its descriptor was never asked for.

use crate::per_process::PerProcess;
use crate::primitive::{Arc, AtomicBool, Mutex, Ordering};
use crate::wait_graph::{self, Note};
use ropewalk_os::{Deadline, fork};
use ropewalk_shm::segment::OpenError;
use ropewalk_shm::slab::{Kind, Place, SLOTS, Slab};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Weak;

static SLABS: PerProcess<Mutex<Slabs>> = PerProcess::new(Mutex::default);

#[derive(Debug, Default)]
struct Slabs {
    /// Where objects are made, and how many slots of it were ever given out.
    making: Option<Arc<Slab>>,
    next: u32,
    /// Slots of it that are free again.
    free: Vec<u32>,
    /// By the device and the inode of their memory.
    known: Vec<(u64, u64, Weak<Slab>)>,
}

impl Slabs {
    fn fresh(&mut self, kind: Kind) -> io::Result<Place> {
        loop {
            if let Some(slab) = &self.making {
                let number = self.free.pop().unwrap_or_else(|| {
                    self.next += 1;
                    self.next - 1
                });
                if let Some(place) = Place::fresh(slab, number, kind) {
                    return Ok(place);
                }
            }
            let slab = Arc::new(Slab::create()?);
            self.remember(&slab, File::from(slab.as_fd().try_clone_to_owned()?))?;
            (self.making, self.next, self.free) = (Some(slab), 0, Vec::new());
        }
    }

    fn remember(&mut self, slab: &Arc<Slab>, file: File) -> io::Result<()> {
        let memory = file.metadata()?;
        self.known.retain(|(_, _, slab)| slab.strong_count() > 0);
        self.known.push((memory.dev(), memory.ino(), Arc::downgrade(slab)));
        Ok(())
    }

    /// The slab behind a descriptor, mapped once however often it is received.
    fn receive(&mut self, fd: OwnedFd) -> Result<Arc<Slab>, OpenError> {
        let file = File::from(fd);
        let memory = file.metadata()?;
        let same = |(dev, ino, _): &&(u64, u64, _)| (*dev, *ino) == (memory.dev(), memory.ino());
        if let Some(slab) = self.known.iter().find(same).and_then(|(_, _, slab)| slab.upgrade()) {
            if file.as_raw_fd() == slab.as_fd().as_raw_fd() {
                let _ = file.into_raw_fd(); // it is the slab's own, given once more
            }
            return Ok(slab);
        }
        let slab = Arc::new(Slab::open(file.try_clone()?.into())?);
        self.remember(&slab, file)?;
        Ok(slab)
    }
}

/// One object, made here or received.
#[derive(Debug)]
pub(crate) struct Object {
    place: Place,
    /// Fork epoch and count of forks when it was made; `None` if it was received.
    made: Option<(u32, u32)>,
    asked_for: AtomicBool,
}

impl Object {
    pub(crate) fn new(kind: Kind) -> io::Result<Object> {
        let slabs = SLABS.get(); // it has forks counted
        let made = Some((fork::epoch(), fork::forks()));
        let place = slabs.lock().fresh(kind)?;
        debug_assert!(place.number() < SLOTS);
        Ok(Object { place, made, asked_for: AtomicBool::new(false) })
    }

    pub(crate) fn receive(fd: OwnedFd, number: u32, kind: Kind) -> Result<Object, OpenError> {
        let slab = SLABS.get().lock().receive(fd)?;
        Object::in_slab(&slab, number, kind)
    }

    pub(crate) fn in_slab(slab: &Arc<Slab>, number: u32, kind: Kind) -> Result<Object, OpenError> {
        Ok(Object { place: Place::open(slab, number, kind)?, made: None, asked_for: AtomicBool::new(true) })
    }

    /// A wait for it, to be noted if it lasts.
    pub(crate) fn note(&self, kind: wait_graph::Kind, deadline: Deadline) -> Note<'_> {
        Note::new(kind, self.place.slab().as_fd(), self.place.number(), deadline)
    }

    /// The words.
    #[inline]
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The slab, for other processes.
    pub(crate) fn slab(&self) -> &Arc<Slab> {
        self.asked_for.store(true, Ordering::Relaxed);
        self.place.slab()
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let alone = self.made == Some((fork::epoch(), fork::forks()));
        if alone && !self.asked_for.load(Ordering::Relaxed) {
            let mut slabs = SLABS.get().lock();
            if slabs.making.as_ref().is_some_and(|making| Arc::ptr_eq(making, self.place.slab())) {
                slabs.free.push(self.place.number());
            }
        }
    }
}

/// The memory of many small objects, as it goes from process to process. For bindings; programs use [`Passed`].
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Memory(pub(crate) Arc<Slab>);

impl Memory {
    /// As another process has sent it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn receive(fd: OwnedFd) -> Result<Memory, OpenError> {
        SLABS.get().lock().receive(fd).map(Memory)
    }

    /// A number that no other memory has in this process while this lives.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What goes from process to process: a descriptor, and a number within its memory.
///
/// Many objects lie side by side in one memory, so they share its descriptor. A process that was forked has the
/// objects of its parent already.
///
/// ```
/// use ropewalk::process::{Lock, Passed};
/// let lock = Lock::new()?;
/// let fd = lock.memory().try_clone_to_owned()?; // inherited, or sent over a socket
/// let same = Lock::from_fd(fd, lock.number()).unwrap();
/// assert!(lock.try_acquire());
/// assert!(!same.try_acquire());
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Passed: Sized {
    /// The object that another process made.
    ///
    /// # Errors
    /// [`OpenError`], if there is no such object, or one of another version or pid namespace.
    ///
    /// ```
    /// use ropewalk::process::{Lock, Passed, Semaphore};
    /// let lock = Lock::new()?;
    /// let fd = lock.memory().try_clone_to_owned()?;
    /// assert!(Semaphore::from_fd(fd, lock.number()).is_err()); // it is a lock
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn from_fd(fd: OwnedFd, number: u32) -> Result<Self, OpenError>;

    /// The memory that it lies in.
    ///
    /// ```
    /// use ropewalk::process::{Lock, Passed};
    /// use std::os::fd::AsRawFd;
    /// let (one, other) = (Lock::new()?, Lock::new()?);
    /// assert_eq!(one.memory().as_raw_fd(), other.memory().as_raw_fd());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn memory(&self) -> BorrowedFd<'_>;

    /// Its number in that memory.
    ///
    /// ```
    /// use ropewalk::process::{Lock, Passed};
    /// assert_ne!(Lock::new()?.number(), u32::MAX);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn number(&self) -> u32;

    /// Where other processes of this user can [`open`](Passed::open) it for as long as this value lives: a
    /// descriptor in `/proc` and a number, so it names nothing that could be left behind.
    ///
    /// ```
    /// use ropewalk::process::{Passed, Semaphore};
    /// assert!(Semaphore::new(1)?.place().starts_with("/proc"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn place(&self) -> PathBuf {
        let fd = self.memory().as_raw_fd();
        format!("/proc/{}/fd/{fd}#{}", std::process::id(), self.number()).into()
    }

    /// The object at the [`place`](Passed::place) that another process of the same user has told.
    ///
    /// # Errors
    /// As [`Passed::from_fd`], or if the process there has ended.
    ///
    /// ```
    /// use ropewalk::process::{Passed, Semaphore};
    /// let semaphore = Semaphore::new(1)?;
    /// let same = Semaphore::open(&semaphore.place()).unwrap();
    /// assert!(same.try_acquire());
    /// assert!(!semaphore.try_acquire());
    /// assert!(Semaphore::open("/nowhere".as_ref()).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn open(place: &Path) -> Result<Self, OpenError> {
        let told = place.to_str().and_then(|text| text.rsplit_once('#'));
        let told = told.and_then(|(path, number)| Some((path, number.parse().ok()?)));
        let Some((path, number)) = told else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the place of an object").into());
        };
        let file = File::options().read(true).write(true).open(path)?;
        Self::from_fd(file.into(), number)
    }
}

/// Objects of one kind are passed as all are.
macro_rules! passed {
    ($class:ident) => {
        impl $crate::process::Passed for $class {
            fn from_fd(fd: std::os::fd::OwnedFd, number: u32) -> Result<Self, $crate::process::OpenError> {
                let object = $crate::process::object::Object::receive(fd, number, Self::KIND)?;
                Ok($class { object })
            }

            fn memory(&self) -> std::os::fd::BorrowedFd<'_> {
                std::os::fd::AsFd::as_fd(&**self.object.slab())
            }

            fn number(&self) -> u32 {
                self.object.place().number()
            }
        }

        impl $class {
            const KIND: ropewalk_shm::slab::Kind = ropewalk_shm::slab::Kind::$class;

            /// The memory that it lies in, to be passed to another process.
            #[doc(hidden)]
            pub fn passed_memory(&self) -> $crate::process::object::Memory {
                $crate::process::object::Memory(self.object.slab().clone())
            }

            /// The object that lies in memory which was received.
            #[doc(hidden)]
            pub fn in_memory(
                memory: &$crate::process::object::Memory,
                number: u32,
            ) -> Result<Self, $crate::process::OpenError> {
                let object = $crate::process::object::Object::in_slab(&memory.0, number, Self::KIND)?;
                Ok($class { object })
            }
        }
    };
}
pub(crate) use passed;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// All in one: the slab is the process's.
    #[test]
    fn a_slot_is_given_out_again_only_if_no_other_process_can_have_it() {
        let made = |kind| Object::new(kind).expect("memory");
        let first = made(Kind::Lock);
        let number = first.place().number();
        drop(first);
        let second = made(Kind::Event);
        assert_eq!(second.place().number(), number, "nobody else could have it");
        second.slab();
        drop(second);
        let third = made(Kind::Lock);
        assert_ne!(third.place().number(), number, "its memory was asked for");
        let same = Object::in_slab(third.place().slab(), third.place().number(), Kind::Lock).expect("a lock");
        let number = third.place().number();
        drop(same);
        assert_ne!(made(Kind::Lock).place().number(), number, "it was not the maker's to give back");
    }
}
