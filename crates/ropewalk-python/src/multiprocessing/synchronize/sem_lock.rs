//! What `multiprocessing`'s locks and semaphores are made of: the engine's as a type made by hand.
//!
//! It has the interface of the original's `_multiprocessing.SemLock`. Which thread of this process holds it, and how
//! often it took it, is kept in the object, as there; the shared words only name the process.
//!
//! # Contract of the unsafe code, here, in `sem_lock_type` and in `arguments`
//!
//! 1. The interpreter alone calls the functions of a type, attached, with what their `METH_` flag or slot promises.
//!    `self` is an object of that type or of a subclass: method descriptors and slots check it.
//! 2. An object is its header and our fields (`#[repr(C)]`, header first). All fields are written before anybody
//!    else can reach the object, and dropped once, in `dealloc`.
//! 3. Types, method tables and their texts live as long as the process.
//! 4. A function that returns null has set the error indicator. Objects from the interpreter are looked at for null.
//! 5. The engine of an object is set once, so a reference to it is good while the object is; the other fields are
//!    cells that only attached threads touch.
#![allow(unsafe_code)]

use super::memory::{PyMemory, foreign};
use crate::detach::Attached;
use crate::error;
use crate::once::imported;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use ropewalk::Deadline;
use ropewalk::process::{Lock, Passed, Semaphore, Taken};
use ropewalk_os::thread;
use std::cell::Cell;
use std::ffi::{CString, c_int};
use std::mem::offset_of;
use std::sync::atomic::{AtomicU32, Ordering};

/// The object, as the interpreter sees it (rule 2).
#[repr(C)]
pub(crate) struct SemLock {
    header: ffi::PyObject,
    pub(super) weakrefs: *mut ffi::PyObject,
    pub(super) engine: Engine,
    /// The original's kind: 0 is a reentrant lock.
    pub(super) kind: c_int,
    pub(super) most: u32,
    /// How often this process has taken it, more than given back.
    pub(super) count: Cell<i64>,
    /// The thread that took it last.
    holder: Cell<u64>,
    /// What [`FAMILY`] was then.
    family: Cell<u32>,
}

pub(super) enum Engine {
    /// Not begun yet.
    None,
    Lock(Lock),
    Semaphore(Semaphore),
}

/// Changes when this process begins as a child of `multiprocessing`: what its parent held, it does not.
static FAMILY: AtomicU32 = AtomicU32::new(0);

pub(super) static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Makes a new object a lock or a semaphore: of `value` permits of at most `maxvalue`, or a lock that knows its owner.
#[pyfunction]
pub(crate) fn begin_sem_lock(
    object: &Bound<'_, PyAny>,
    kind: c_int,
    value: i64,
    maxvalue: i64,
    owned: bool,
) -> PyResult<()> {
    if !matches!(kind, 0 | 1) {
        return Err(PyValueError::new_err("unrecognized kind"));
    }
    let number = |value: i64| {
        u32::try_from(value).ok().filter(|&value| value <= Semaphore::MAX).ok_or_else(|| {
            let invalid = std::io::Error::from_raw_os_error(22); // the original asks the system, which says this
            PyErr::from(invalid)
        })
    };
    let (value, most) = (number(value)?, number(maxvalue)?);
    let is_lock = (owned || kind == 0) && (value, most) == (1, 1);
    let engine = if is_lock { Engine::Lock(Lock::new()?) } else { Engine::Semaphore(Semaphore::new(value)?) };
    begin(object, engine, kind, most)
}

/// Makes a new object the one that lies in memory which was received.
#[pyfunction]
pub(crate) fn open_sem_lock(
    object: &Bound<'_, PyAny>,
    memory: &Bound<'_, PyMemory>,
    number: u32,
    kind: c_int,
    maxvalue: u32,
    owned: bool,
) -> PyResult<()> {
    let memory = &memory.get().0;
    let engine = if owned {
        Engine::Lock(Lock::in_memory(memory, number).map_err(foreign)?)
    } else {
        Engine::Semaphore(Semaphore::in_memory(memory, number).map_err(foreign)?)
    };
    begin(object, engine, kind, maxvalue)
}

/// Memory, number in it, kind, largest value, and whether it knows its owner: what [`open_sem_lock`] takes.
#[pyfunction]
pub(crate) fn place_of_sem_lock(object: &Bound<'_, PyAny>) -> PyResult<(PyMemory, u32, c_int, u32, bool)> {
    let this = cast(object)?;
    let (memory, number) = match &this.engine {
        Engine::Lock(lock) => (lock.passed_memory(), lock.number()),
        Engine::Semaphore(semaphore) => (semaphore.passed_memory(), semaphore.number()),
        Engine::None => return Err(PyRuntimeError::new_err("this object was never begun")),
    };
    Ok((PyMemory(memory), number, this.kind, this.most, matches!(this.engine, Engine::Lock(_))))
}

/// This process has begun as a child of `multiprocessing`: it holds nothing of what its parent held.
#[pyfunction]
pub(crate) fn forget_locks() {
    FAMILY.fetch_add(1, Ordering::Relaxed);
}

impl SemLock {
    /// The fields of an object of our type; `None` for any other.
    #[inline]
    pub(super) fn of<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a SemLock> {
        let class = TYPE.get(object.py())?;
        // SAFETY: rules 2 and 5: the type is looked at.
        unsafe {
            let is_ours = ffi::PyObject_TypeCheck(object.as_ptr(), class.as_ptr().cast()) != 0;
            is_ours.then(|| &*object.as_ptr().cast::<SemLock>())
        }
    }
}

fn cast<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a SemLock> {
    SemLock::of(object).ok_or_else(|| PyTypeError::new_err("not a lock or semaphore of ropewalk's"))
}

fn begin(object: &Bound<'_, PyAny>, engine: Engine, kind: c_int, most: u32) -> PyResult<()> {
    if !matches!(cast(object)?.engine, Engine::None) {
        return Err(PyRuntimeError::new_err("this object was begun before"));
    }
    // SAFETY: rules 2 and 5: nobody has a reference to the fields of an object that was not begun, and we are attached.
    unsafe {
        let this = object.as_ptr().cast::<SemLock>();
        (*this).kind = kind;
        (*this).most = most;
        (*this).engine = engine;
    }
    Ok(())
}

impl SemLock {
    pub(super) const WEAKREFS: usize = offset_of!(SemLock, weakrefs);

    #[inline(always)]
    pub(super) fn taken(&self) -> i64 {
        if self.family.get() == FAMILY.load(Ordering::Relaxed) { self.count.get() } else { 0 }
    }

    #[inline(always)]
    fn change(&self, by: i64) {
        self.count.set(self.taken() + by);
        self.family.set(FAMILY.load(Ordering::Relaxed));
    }

    #[inline(always)]
    pub(super) fn mine(&self) -> bool {
        self.taken() > 0 && self.holder.get() == thread::current().0
    }

    /// Takes it if that needs no wait.
    #[inline(always)]
    pub(crate) fn take_at_once(&self) -> bool {
        if self.kind == 0 && self.mine() {
            self.count.set(self.count.get() + 1);
            return true;
        }
        let taken = match &self.engine {
            Engine::Lock(lock) => lock.try_acquire(),
            Engine::Semaphore(semaphore) => semaphore.try_acquire(),
            Engine::None => false,
        };
        if taken {
            self.note();
        }
        taken
    }

    #[inline(always)]
    fn note(&self) {
        self.change(1);
        self.holder.set(thread::current().0);
    }

    /// Takes it, waiting until the deadline; says whether it is taken.
    #[cold]
    pub(crate) fn take(&self, object: &Bound<'_, PyAny>, deadline: Deadline) -> PyResult<bool> {
        self.take_in(Manner::Fails, object, deadline)
    }

    /// Takes it for a thread that must come back with it: another thread of a deadlock is told.
    #[cold]
    pub(crate) fn take_again(&self, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.take_in(Manner::ComesBack, object, Deadline::NEVER)
    }

    fn take_in(&self, manner: Manner, object: &Bound<'_, PyAny>, deadline: Deadline) -> PyResult<bool> {
        let py = object.py();
        if self.take_at_once() {
            return Ok(true);
        }
        match &self.engine {
            Engine::Lock(lock) => {
                let taken = if deadline.is_now() {
                    lock.take_from_the_dead()
                } else {
                    self.wait_for(manner, lock, py, deadline)?
                };
                let Some(taken) = taken else { return Ok(false) };
                self.note();
                if let Taken::FromTheDead(pid) = taken {
                    // With the lock in hand: if the warning is an error, it is given back.
                    warn_of_dead(object, pid).inspect_err(|_| {
                        self.change(-1);
                        lock.release();
                    })?;
                }
                Ok(true)
            }
            Engine::Semaphore(semaphore) => {
                let taken = semaphore.acquire(&mut Attached(py), deadline)?;
                if taken {
                    self.note();
                }
                Ok(taken)
            }
            Engine::None => {
                let class = object.get_type().name()?;
                let message = format!("'{class}' object has no attribute '_semlock'");
                Err(pyo3::exceptions::PyAttributeError::new_err(message))
            }
        }
    }

    /// Only the thread that has it gives a reentrant lock back, so its wait may be in vain for certain.
    fn wait_for(
        &self,
        manner: Manner,
        lock: &Lock,
        py: Python<'_>,
        deadline: Deadline,
    ) -> PyResult<Option<Taken>> {
        let block = &mut Attached(py);
        match (self.kind, manner) {
            (0, Manner::Fails) => lock.acquire_owned(block, deadline).map_err(|why| error::stopped(py, why)),
            (0, Manner::ComesBack) => lock.acquire_again(block, deadline),
            _ => lock.acquire(block, deadline),
        }
    }

    /// Gives it back; what is wrong with that otherwise.
    #[inline(always)]
    pub(crate) fn give(&self) -> Result<(), Refusal> {
        if self.kind == 0 {
            if !self.mine() {
                return Err(Refusal::NotMine);
            }
            if self.count.get() > 1 {
                self.count.set(self.count.get() - 1);
                return Ok(());
            }
        }
        let given = match &self.engine {
            Engine::Lock(lock) => lock.release(),
            Engine::Semaphore(semaphore) => semaphore.release(self.most),
            Engine::None => false,
        };
        if !given {
            return Err(Refusal::TooOften);
        }
        self.change(-1);
        Ok(())
    }

    pub(super) fn permits(&self) -> u32 {
        match &self.engine {
            Engine::Lock(lock) => u32::from(!lock.is_locked()),
            Engine::Semaphore(semaphore) => semaphore.permits(),
            Engine::None => 0,
        }
    }
}

/// What becomes of a wait that could never end.
#[derive(Clone, Copy)]
enum Manner {
    Fails,
    ComesBack,
}

/// Why something can not be given back.
pub(crate) enum Refusal {
    NotMine,
    TooOften,
}

static OWNER_DIED: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Says that a lock was taken over from a process that had ended.
fn warn_of_dead(object: &Bound<'_, PyAny>, pid: u32) -> PyResult<()> {
    let py = object.py();
    let category = imported(py, &OWNER_DIED, "ropewalk.errors", "OwnerDiedWarning")?;
    let class = object.get_type().name()?;
    let message = CString::new(format!(
        "process {pid} ended while it held this {class}: what the lock protects may be half-done. \
         This process has taken it over."
    ))?;
    PyErr::warn(py, category.bind(py), &message, 1)
}
