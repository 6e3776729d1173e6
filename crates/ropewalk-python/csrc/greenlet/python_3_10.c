/* CPython 3.10: every frame is an object of the heap, in a chain that the greenlet owns while it is stopped. */
#include "greenlet.h"

struct saved {
    PyObject *context;
    _PyErr_StackItem exc_state;
    _PyErr_StackItem *exc_info; /* NULL: the thread state's own */
    CFrame *cframe;
    PyFrameObject *frame;
    int depth;
    int delete_nesting;
    CFrame root;
};
SAVED_FITS;

/* What a counted call takes of the stack at most: two of them make a level of `sorted(key=...)`, which takes 5.3 KB. */
#define BYTES_OF_A_CALL 3072

void ropewalk_greenlet_switch(struct saved *from, void **from_context, struct saved *to, void *to_context) {
    PyThreadState *thread = PyThreadState_Get();
    int use_tracing = thread->cframe->use_tracing;
    from->context = thread->context;
    from->exc_state = thread->exc_state;
    from->exc_info = thread->exc_info == &thread->exc_state ? NULL : thread->exc_info;
    from->cframe = thread->cframe;
    from->frame = thread->frame;
    from->depth = thread->recursion_depth;
    from->delete_nesting = thread->trash_delete_nesting;

    thread->context = to->context;
    thread->context_ver++;
    to->context = NULL;
    thread->exc_state = to->exc_state;
    thread->exc_info = to->exc_info == NULL ? &thread->exc_state : to->exc_info;
    to->exc_state.exc_type = to->exc_state.exc_value = to->exc_state.exc_traceback = NULL;
    thread->cframe = to->cframe;
    thread->cframe->use_tracing = use_tracing;
    thread->frame = to->frame;
    to->frame = NULL;
    thread->recursion_depth = to->depth;
    thread->trash_delete_nesting = to->delete_nesting;
    ropewalk_greenlet_jump(from_context, to_context, 0);
}

void ropewalk_greenlet_fresh(struct saved *saved, void *start, void *top, size_t room, size_t bytes) {
    (void)start;
    (void)top;
    (void)room;
    PyThreadState *thread = PyThreadState_Get();
    saved->exc_state.exc_type = saved->exc_state.exc_value = saved->exc_state.exc_traceback = NULL;
    saved->exc_state.previous_item = NULL;
    saved->exc_info = NULL;
    saved->root.use_tracing = 0;
    saved->root.previous = &thread->root_cframe;
    saved->cframe = &saved->root;
    saved->frame = NULL;
    int limit = Py_GetRecursionLimit();
    size_t calls = bytes / BYTES_OF_A_CALL;
    saved->depth = thread->recursion_depth;
    if (limit - saved->depth > 0 && (size_t)(limit - saved->depth) > calls) {
        saved->depth = limit - (int)calls;
    }
    saved->delete_nesting = 0;
}

PyObject *ropewalk_greenlet_frame(struct saved *saved) {
    Py_XINCREF(saved->frame);
    return (PyObject *)saved->frame;
}

void ropewalk_greenlet_frame_place(size_t *at, long *then) {
    *at = offsetof(struct saved, frame);
    *then = -1;
}

void ropewalk_greenlet_stands_on(struct saved *saved) {
    (void)saved;
}

int ropewalk_greenlet_has_frames(void) { return PyThreadState_Get()->frame != NULL; }

/* The reference that the loop had on the innermost frame is the greenlet's now. The stack holds nothing of it. */
int ropewalk_greenlet_abandon(struct saved *saved) {
    Py_CLEAR(saved->frame);
    return 1;
}

int ropewalk_greenlet_traverse(struct saved *saved, visitproc visit, void *arg) {
    Py_VISIT(saved->context);
    Py_VISIT(saved->exc_state.exc_type);
    Py_VISIT(saved->exc_state.exc_value);
    Py_VISIT(saved->exc_state.exc_traceback);
    return 0;
}

void ropewalk_greenlet_clear(struct saved *saved) {
    Py_CLEAR(saved->context);
    Py_CLEAR(saved->exc_state.exc_type);
    Py_CLEAR(saved->exc_state.exc_value);
    Py_CLEAR(saved->exc_state.exc_traceback);
}

void ropewalk_greenlet_enter_tracing(void) {
    PyThreadState *thread = PyThreadState_Get();
    thread->tracing++;
    thread->cframe->use_tracing = 0;
}

void ropewalk_greenlet_leave_tracing(void) {
    PyThreadState *thread = PyThreadState_Get();
    thread->tracing--;
    thread->cframe->use_tracing = thread->c_tracefunc != NULL || thread->c_profilefunc != NULL;
}

long ropewalk_greenlet_delete_nesting(void) { return PyThreadState_Get()->trash_delete_nesting; }

int ropewalk_greenlet_is_possible(void) { return 1; }
