/* What the greenlets of the binding ask of the interpreter's insides.
 *
 * Compiled against the headers of the very Python that the module is built for: what a thread state holds, and where, is
 * that version's own affair, and is said in one file for each, `python_3_11.c` and so on. `body.c` is what all share.
 *
 * Contract, which the comments of the code cite:
 *
 * 1. Attached: the calling thread holds the GIL, and `PyThreadState_Get` is its thread state.
 * 2. A `struct saved` belongs to one greenlet. What it holds of the thread state it holds alone: `switch` moves it in, and
 *    out again when the greenlet goes on.
 * 3. Between the first line of `switch` and the jump nothing is allocated, released or called but the jump itself, so no
 *    collector, no finalizer and no signal's handler sees a thread state that is half of one greenlet and half of another.
 * 4. A stack on which a greenlet stands stays mapped until it has ended or was abandoned. The interpreter's structures on
 *    it (frames, cframes) keep their addresses: nothing is ever copied.
 * 5. The root chunk of a greenlet's frames lies above its stack's top, and is never freed by the interpreter, which keeps
 *    the root of every chain. Chunks after it came from the arena allocator, and go back to it.
 * 6. Only frames of C and assembly stand between a stack's first frame and the interpreter's loop, for a daemon thread
 *    that is ended at exit is unwound through them; C has nothing to drop.
 */
#ifndef ROPEWALK_GREENLET_H
#define ROPEWALK_GREENLET_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>

/* Words of a `struct saved`, for those who only keep room for it (`state.rs`). */
#define SAVED_WORDS 24
#define SAVED_FITS _Static_assert(sizeof(struct saved) <= SAVED_WORDS * sizeof(void *), "say more words here and in state.rs")

struct saved;

/* How the processor goes from one stack to the next: `ropewalk_os::context::switch`. */
typedef size_t (*ropewalk_jump)(void **from, void *to, size_t message);
extern ropewalk_jump ropewalk_greenlet_jump;

/* --- Of each version ---------------------------------------------------------------------------------------- */

/* The thread state of `from` is put away, that of `to` is put in, and the calling stack is left for `to`'s. Returns when
 * somebody goes on with `from`. */
void ropewalk_greenlet_switch(struct saved *from, void **from_context, struct saved *to, void *to_context);

/* Whether this interpreter can have other stacks at all. */
int ropewalk_greenlet_is_possible(void);

/* What a greenlet begins with that is started by the one that runs: a stack from `start` to `top`, no frames, and `room` bytes above
 * the top for its first ones. Its contextvars context, which may have been set before, stays. The interpreter counts calls through C, up to
 * 3.11 together with those of Python by Python: it counts no more than have `bytes` of stack. From 3.14 on it knows the stack's
 * bounds. */
void ropewalk_greenlet_fresh(struct saved *saved, void *start, void *top, size_t room, size_t bytes);

/* The frame in which it was stopped, a new reference; NULL if it has none, or without memory. */
PyObject *ropewalk_greenlet_frame(struct saved *saved);

/* Where in a `struct saved` the pointer to the innermost frame is; or, if `then` is not negative, the pointer to something that has
 * it at that offset. For who reads another process's memory. */
void ropewalk_greenlet_frame_place(size_t *at, long *then);

/* The running greenlet has gone over to the thread's own stack, or, if `saved` is its own and not NULL, back to that which it began
 * with. */
void ropewalk_greenlet_stands_on(struct saved *saved);

/* Whether the running greenlet still has Python frames. */
int ropewalk_greenlet_has_frames(void);

/* It will never go on. Its frames let go of what they hold, as far as that can be known. Returns whether its stack may be used
 * again: not if somebody holds a frame object, which points there. */
int ropewalk_greenlet_abandon(struct saved *saved);

int ropewalk_greenlet_traverse(struct saved *saved, visitproc visit, void *arg);
void ropewalk_greenlet_clear(struct saved *saved);

/* Around a call that is not itself to be traced or profiled. */
void ropewalk_greenlet_enter_tracing(void);
void ropewalk_greenlet_leave_tracing(void);

/* How deep the interpreter is in the release of nested containers; -1 where it does not count. */
long ropewalk_greenlet_delete_nesting(void);

/* --- Of all (body.c) ---------------------------------------------------------------------------------------- */

/* The record of the calling thread; NULL if it has had no greenlet yet. */
void *ropewalk_greenlet_thread(void);
void ropewalk_greenlet_set_thread(void *thread);

/* The child of a fork has one thread: its record, and how many forks lie between the first process and this one. */
struct forked {
    void *thread;
    unsigned long times;
};
extern struct forked ropewalk_greenlet_forked;
int ropewalk_greenlet_watch_forks(void);

/* Where the contextvars context of a stopped greenlet is kept, or that of the running one. */
PyObject **ropewalk_greenlet_context(struct saved *saved);
PyObject **ropewalk_greenlet_running_context(void);

int ropewalk_greenlet_is_finalizing(void);

/* Whether there is an interpreter that goes on for a while. Needs no GIL. */
int ropewalk_greenlet_is_there(void);

void ropewalk_greenlet_set_references(PyObject *object, Py_ssize_t references);

/* An object that was about to be released is alive again, with `references` of them. */
void ropewalk_greenlet_resurrect(PyObject *object, Py_ssize_t references);

/* A function that is called on a stack which is lent for that; `back` is where its caller stopped. */
struct loan {
    PyObject *function;
    PyObject *args;
    PyObject *kwargs; /* may be NULL */
    PyObject *result;
    void *back;
};

/* The first frame of such a call. */
void ropewalk_greenlet_borrower(void *loan, size_t message);

/* Leaves for a context that begins there, and returns what the function has returned. */
PyObject *ropewalk_greenlet_borrow(void *context, struct loan *loan);

/* The first frame of every stack. */
void ropewalk_greenlet_body(void *greenlet, size_t message);

/* --- Asked of the binding (body.rs) ------------------------------------------------------------------------- */

struct call {
    PyObject *run;
    PyObject *value;  /* the only argument, if it is not NULL */
    PyObject *args;   /* else all of them; NULL for none */
    PyObject *kwargs; /* may be NULL */
};

/* The running greenlet has just begun. Whether it is to call anything; else an exception is set. */
int ropewalk_greenlet_arrive(void *greenlet, struct call *call);

/* The call has returned. Goes on elsewhere, for ever. */
_Noreturn void ropewalk_greenlet_leave(void *greenlet, PyObject *result, struct call *call);

#endif
