//! What a worker process does: one task after the other, until it is sent home.

use super::call::{self, answer, notice};
use super::functions::{Program, Trouble};
use crate::process::{PushError, TakeError, Worker};
use ropewalk_os::{Deadline, Plain};
use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::process::exit;

thread_local! {
    /// Where this thread panicked last.
    static WHERE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Does the tasks of a pool, and never returns.
pub(super) fn serve(program: &Program, mut worker: Worker) -> ! {
    note_where_it_panics();
    let ready = worker.notify(notice::READY, &std::process::id().to_le_bytes());
    if let Err(error) = ready {
        give_up(&error.to_string());
    }
    loop {
        let task = match worker.take(&mut Plain, Deadline::NEVER) {
            Ok(task) => task,
            Err(TakeError::Dismissed) => exit(0),
            Err(TakeError::Fault(fault)) => give_up(&fault.to_string()),
            Err(TakeError::None | TakeError::Interrupted(_)) => continue,
        };
        if let Some((name, _)) = call::part(worker.body()) {
            worker.called(name.as_bytes());
        }
        worker.running();
        let (kind, body) = perform(program, worker.body());
        worker.answering();
        match worker.answer(&task, kind, &body, &[], &mut Plain, Deadline::NEVER) {
            Ok(()) => {}
            Err(PushError::TooLong { most }) => {
                let text = format!("its result has {} bytes, and a queue takes at most {most}", body.len());
                drop(body);
                if let Err(error) =
                    worker.answer(&task, answer::FAILED, text.as_bytes(), &[], &mut Plain, Deadline::NEVER)
                {
                    give_up(&error.to_string());
                }
            }
            Err(error) => give_up(&error.to_string()),
        }
    }
}

fn give_up(why: &str) -> ! {
    eprintln!("ropewalk: this worker process can not go on: {why}");
    exit(1)
}

/// Kind and body of the answer to a call.
fn perform(program: &Program, call: &[u8]) -> (u8, Vec<u8>) {
    let Some((function, input)) =
        call::part(call).and_then(|(name, input)| Some((program.find(name)?.1, input)))
    else {
        return (answer::UNKNOWN, Vec::new());
    };
    match panic::catch_unwind(AssertUnwindSafe(|| function(input))) {
        Ok(Ok(result)) => (answer::RETURNED, result),
        Ok(Err(trouble)) => (answer::FAILED, in_words(&trouble).into_bytes()),
        Err(payload) => {
            let place = WHERE.take();
            (answer::PANICKED, call::join(&place, said(&*payload).as_bytes()))
        }
    }
}

fn note_where_it_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        WHERE.set(info.location().map(ToString::to_string).unwrap_or_default());
        before(info);
    }));
}

/// What somebody panicked with, if that is a text.
fn said(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("something that is not a text")
}

/// An error and what caused it.
fn in_words(trouble: &Trouble) -> String {
    let mut words = trouble.to_string();
    let mut cause = trouble.source();
    while let Some(error) = cause {
        words += ": ";
        words += &error.to_string();
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Functions;
    use std::fmt;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("not a number")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    fn number(input: &[u8]) -> Result<[u8; 1], Outer> {
        let text = std::str::from_utf8(input).expect("a text");
        text.parse().map(|number| [number]).map_err(Outer)
    }

    #[test]
    fn a_call_ends_in_one_of_four_ways() {
        let program = Functions::new().with("number", number).enter();
        let call = |name, input| perform(&program, &call::join(name, input));
        assert_eq!(call("number", b"7"), (answer::RETURNED, vec![7]));
        assert_eq!(
            call("number", b"x"),
            (answer::FAILED, b"not a number: invalid digit found in string".to_vec())
        );
        assert_eq!(call("letter", b"7"), (answer::UNKNOWN, vec![]));
        let (kind, body) = call("number", b"\xff");
        assert_eq!(kind, answer::PANICKED);
        let (_, text) = call::part(&body).expect("two parts");
        assert!(text.starts_with(b"a text: Utf8Error"));
    }
}
