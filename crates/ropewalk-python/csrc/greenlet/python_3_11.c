/* CPython 3.11: frames lie in chunks of a data stack, and each run of the interpreter's loop has a cframe on the C stack. */
#define Py_BUILD_CORE
#include "greenlet.h"
#include <internal/pycore_frame.h>

#define FRAME_EXECUTABLE(frame) ((frame)->f_code)
#define FRAME_CODE(frame) ((frame)->f_code)
#define FRAME_FUNCTION(frame) ((frame)->f_func)
#define IS_THE_LOOPS_OWN(frame) 0
#include "frames.h"

struct saved {
    PyObject *context;
    _PyErr_StackItem exc_state;
    _PyErr_StackItem *exc_info; /* NULL: the thread state's own */
    _PyCFrame *cframe;
    int depth;
    int delete_nesting;
    struct data_stack data_stack;
    _PyCFrame root;
};
SAVED_FITS;

/* What a counted call takes of the stack at most: two of them make a level of `sorted(key=...)`, which takes 5.3 KB. */
#define BYTES_OF_A_CALL 3072

void ropewalk_greenlet_switch(struct saved *from, void **from_context, struct saved *to, void *to_context) {
    PyThreadState *thread = PyThreadState_Get();
    uint8_t use_tracing = thread->cframe->use_tracing;
    from->context = thread->context;
    from->exc_state = thread->exc_state;
    from->exc_info = thread->exc_info == &thread->exc_state ? NULL : thread->exc_info;
    from->cframe = thread->cframe;
    from->depth = thread->recursion_limit - thread->recursion_remaining;
    from->delete_nesting = thread->trash_delete_nesting;
    data_stack_save(thread, &from->data_stack);

    thread->context = to->context;
    thread->context_ver++;
    to->context = NULL;
    thread->exc_state = to->exc_state;
    thread->exc_info = to->exc_info == NULL ? &thread->exc_state : to->exc_info;
    to->exc_state.exc_value = NULL;
    thread->cframe = to->cframe;
    thread->cframe->use_tracing = use_tracing;
    thread->recursion_remaining = thread->recursion_limit - to->depth;
    thread->trash_delete_nesting = to->delete_nesting;
    data_stack_load(thread, &to->data_stack);
    ropewalk_greenlet_jump(from_context, to_context, 0);
}

void ropewalk_greenlet_fresh(struct saved *saved, void *start, void *top, size_t room, size_t bytes) {
    (void)start;
    PyThreadState *thread = PyThreadState_Get();
    saved->exc_state.exc_value = NULL;
    saved->exc_state.previous_item = NULL;
    saved->exc_info = NULL;
    saved->root.use_tracing = 0;
    saved->root.current_frame = NULL;
    saved->root.previous = &thread->root_cframe;
    saved->cframe = &saved->root;
    size_t calls = bytes / BYTES_OF_A_CALL;
    int remaining = thread->recursion_remaining;
    if (remaining > 0 && (size_t)remaining > calls) {
        remaining = (int)calls;
    }
    saved->depth = thread->recursion_limit - remaining;
    saved->delete_nesting = 0;
    data_stack_begin(&saved->data_stack, top, room);
}

PyObject *ropewalk_greenlet_frame(struct saved *saved) {
    PyThreadState *thread = PyThreadState_Get();
    _PyCFrame *running = thread->cframe;
    int collects = PyGC_Disable(); /* rule 3: the thread state is another's for a moment */
    thread->cframe = saved->cframe;
    PyFrameObject *frame = PyThreadState_GetFrame(thread);
    thread->cframe = running;
    if (collects) {
        PyGC_Enable();
    }
    return (PyObject *)frame;
}

void ropewalk_greenlet_frame_place(size_t *at, long *then) {
    *at = offsetof(struct saved, cframe);
    *then = offsetof(_PyCFrame, current_frame);
}

void ropewalk_greenlet_stands_on(struct saved *saved) {
    (void)saved;
}

int ropewalk_greenlet_has_frames(void) { return PyThreadState_Get()->cframe->current_frame != NULL; }

int ropewalk_greenlet_abandon(struct saved *saved) {
    _PyInterpreterFrame *top = saved->cframe->current_frame;
    int held = frames_are_held(top);
    if (!held) {
        frames_let_go(top);
        data_stack_end(&saved->data_stack);
    }
    return !held;
}

int ropewalk_greenlet_traverse(struct saved *saved, visitproc visit, void *arg) {
    Py_VISIT(saved->context);
    Py_VISIT(saved->exc_state.exc_value);
    return 0;
}

void ropewalk_greenlet_clear(struct saved *saved) {
    Py_CLEAR(saved->context);
    Py_CLEAR(saved->exc_state.exc_value);
}

void ropewalk_greenlet_enter_tracing(void) { PyThreadState_EnterTracing(PyThreadState_Get()); }

void ropewalk_greenlet_leave_tracing(void) { PyThreadState_LeaveTracing(PyThreadState_Get()); }

long ropewalk_greenlet_delete_nesting(void) { return PyThreadState_Get()->trash_delete_nesting; }

int ropewalk_greenlet_is_possible(void) { return 1; }
