//! What worker processes can do, and the door through which a program becomes one of them.

use super::{serve, started};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Why a function brought no result.
pub(super) type Trouble = Box<dyn Error + Send + Sync>;

pub(super) type Function = Box<dyn Fn(&[u8]) -> Result<Vec<u8>, Trouble> + Send + Sync>;

/// Functions by their names: what the workers of a [`Pool`](super::Pool) can be asked to do.
///
/// ```
/// use ropewalk::process::Functions;
///
/// fn shout(text: &[u8]) -> Result<String, std::str::Utf8Error> {
///     Ok(std::str::from_utf8(text)?.to_uppercase())
/// }
///
/// let program = Functions::new()
///     .with("shout", shout)
///     .with("length", |text: &[u8]| Ok::<_, String>(text.len().to_le_bytes()))
///     .enter();
/// # drop(program);
/// ```
#[derive(Default)]
pub struct Functions {
    table: HashMap<Arc<str>, Function>,
}

impl Functions {
    /// None yet.
    ///
    /// ```
    /// let program = ropewalk::process::Functions::new().enter();
    /// # drop(program);
    /// ```
    pub fn new() -> Functions {
        Functions::default()
    }

    /// Adds a function under a name. It gets the input of a task; what it returns is the answer. An error becomes
    /// [`TaskError::Failed`](super::TaskError::Failed), with its text and those of its sources.
    ///
    /// # Panics
    /// If there is one of this name already.
    ///
    /// ```
    /// use ropewalk::process::Functions;
    ///
    /// fn first(input: &[u8]) -> Result<[u8; 1], &'static str> {
    ///     input.first().map(|byte| [*byte]).ok_or("there is none")
    /// }
    ///
    /// let program = Functions::new().with("first", first).enter();
    /// # drop(program);
    /// ```
    #[must_use]
    pub fn with<O, E>(
        mut self,
        name: &str,
        function: impl Fn(&[u8]) -> Result<O, E> + Send + Sync + 'static,
    ) -> Functions
    where
        O: Into<Vec<u8>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let function = Box::new(move |input: &[u8]| function(input).map(Into::into).map_err(Into::into));
        let before = self.table.insert(name.into(), function);
        assert!(before.is_none(), "two functions are called {name:?}");
        self
    }

    /// Says which functions this program has, and becomes a worker if it was started as one: then it does what it is
    /// told, and never returns.
    ///
    /// This belongs at the beginning of `main`: what stands before it, every worker does too. There is no
    /// [`Pool`](super::Pool) without it, so no worker can take itself for the program and start workers of its own.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool};
    ///
    /// fn main() -> std::io::Result<()> {
    ///     let program = Functions::new().with("echo", |it: &[u8]| Ok::<_, String>(it.to_vec())).enter();
    ///     // From here on this is the program alone.
    ///     let pool = Pool::new(&program, 2)?;
    ///     assert_eq!(pool.call("echo", b"rope").unwrap(), b"rope");
    ///     Ok(())
    /// }
    /// ```
    pub fn enter(self) -> Program {
        let program = Program { functions: Arc::new(self) };
        let _ = ENTERED.set(program.clone());
        match started::as_worker() {
            Some(hands) => serve::serve(&program, hands),
            None => program,
        }
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.table.keys().collect();
        names.sort();
        f.debug_set().entries(names).finish()
    }
}

static ENTERED: OnceLock<Program> = OnceLock::new();

/// This program, of which it is known that it is no worker, or that it has become one: what a
/// [`Pool`](super::Pool) starts again and again.
///
/// ```
/// let program = ropewalk::process::Functions::new().with("nothing", |_: &[u8]| Ok::<_, String>([])).enter();
/// assert!(format!("{program:?}").contains("nothing"));
/// ```
#[derive(Clone, Debug)]
pub struct Program {
    functions: Arc<Functions>,
}

impl Program {
    /// What the first [`Functions::enter`] of this process made: for a function that wants a pool of its own, inside a
    /// worker.
    ///
    /// ```
    /// use ropewalk::process::{Functions, Pool, Program};
    ///
    /// fn twice(input: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    ///     let pool = Pool::new(&Program::current().expect("it has entered"), 1)?;
    ///     Ok([pool.call("once", input)?, pool.call("once", input)?].concat())
    /// }
    ///
    /// let once = |input: &[u8]| Ok::<_, String>(input.to_vec());
    /// let program = Functions::new().with("once", once).with("twice", twice).enter();
    /// assert_eq!(Pool::new(&program, 1)?.call("twice", b"rope").unwrap(), b"roperope");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn current() -> Option<Program> {
        ENTERED.get().cloned()
    }

    pub(super) fn find(&self, name: &str) -> Option<(&Arc<str>, &Function)> {
        self.functions.table.get_key_value(name)
    }
}
