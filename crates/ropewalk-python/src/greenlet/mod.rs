//! `greenlet`: many computations of Python in one thread, each on a stack of its own, in the layout that greenlet's public
//! header promises.
//!
//! A greenlet that is switched to goes on where it stood. To the interpreter a switch is a call that takes long: beneath it
//! the thread state is exchanged (C, one file for each version of Python) and then the stack (assembly). Nothing is copied,
//! nothing is allocated, and no frame is looked at, however deep it is.
//!
//! | file | what it is |
//! |---|---|
//! | `object` | the object and its state |
//! | `roll` | where the states lie: so all greenlets are known |
//! | `look` | what somebody is told who asks for all greenlets |
//! | `elsewhere` | those of another process, read from here |
//! | `thread` | the record of a thread: who runs, who came before the others, what is to be done at the next landing |
//! | `interpreter` | functions in C: of the interpreter, and those of `csrc/greenlet` |
//! | `carry` | what goes along with a switch: arguments, a result or an exception |
//! | `switching` | from one greenlet to the next |
//! | `depth` | how large stacks are, and how deep calls may go on them |
//! | `big_stack` | the thread's own stack, lent to a call |
//! | `body` | the beginning and the end of a greenlet, called by the first frame of its stack |
//! | `throw` | exceptions thrown into a greenlet |
//! | `trace` | the function that is told of switches |
//! | `dealloc` | the end of the object: suspended ones are killed |
//! | `collect` | what the garbage collector sees |
//! | `graveyard` | threads that have ended, and their greenlets |
//! | `attributes` | what a greenlet shows of itself |
//! | `class` | the type |
//! | `broken` | a type for tests of what happens when a switch fails |
//! | `functions` | the functions of the module |
//! | `capsule` | greenlet's C API, for extension modules that were compiled against its header |
//!
//! # Contract of the unsafe code
//!
//! The files here share these rules.
//!
//! 1. The interpreter calls the functions of a type and of a module attached, with what their slot promises; it does not ask
//!    for their ABI. The GIL guards all that is static here, and the records of all threads.
//! 2. Law 3: a daemon thread may be unwound at exit through whatever has called Python code. So the functions here are
//!    `C-unwind`, call as `C-unwind` what may run Python code, and have nothing to drop at that moment.
//! 3. A [`Greenlet`](object::Greenlet) has a state from its making to the end of its dealloc, and only they change the pointer.
//!    References that a state holds are counted; those of [`Thread`](thread::Thread) too.
//! 4. Whatever may run Python code may switch, and may change every greenlet: nothing that was read before is believed after.
//!    A greenlet that is used after such a call is held by its caller.
//! 5. A stack belongs to one greenlet from its start to its end, by the type that cannot be copied. It goes back to the pool
//!    after somebody else has landed, for until then it is stood on.
//! 6. A context is gone on with once, and by the thread that it stopped in: only greenlets of the running thread's own main
//!    greenlet are switched to.
//! 7. A function that returns null, or a negative number, has set the exception.
#![allow(deprecated, reason = "before 3.12 there is no other way to put an exception aside than PyErr_Fetch")]

mod attributes;
mod big_stack;
mod body;
mod broken;
mod capsule;
mod carry;
mod class;
mod collect;
mod dealloc;
mod depth;
mod elsewhere;
mod functions;
mod graveyard;
mod interpreter;
mod look;
mod object;
mod roll;
mod switching;
mod thread;
mod throw;
mod trace;

pub(crate) use functions::register;
