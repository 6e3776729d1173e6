/* CPython 3.14: what limits recursion in C is an address, so the bounds of the stack are part of the thread state.
 *
 * They are set by a function that came with 3.14.2, and is looked up when it is first needed; without it the interpreter takes a
 * foreign stack for one that has run over, so there are no greenlets before that. Frames hold tagged references. */
#define _GNU_SOURCE
#define Py_BUILD_CORE
#include "greenlet.h"
#include <dlfcn.h>
#include <internal/pycore_interpframe.h>

#define FRAME_EXECUTABLE(frame) ((frame)->f_executable)
#define FRAME_CODE(frame) _PyFrame_GetCode(frame)
#define FRAME_FUNCTION(frame) ((frame)->f_funcobj)
#define IS_THE_LOOPS_OWN(frame) ((frame)->owner >= FRAME_OWNED_BY_INTERPRETER)
#define CLEAR_IN_FRAME(reference) PyStackRef_CLEAR(reference)
#include "frames.h"

typedef int (*set_bounds)(PyThreadState *thread, void *start, size_t size);
typedef void (*reset_bounds)(PyThreadState *thread);

static set_bounds set_stack_protection;
static reset_bounds reset_stack_protection;

struct saved {
    PyObject *context;
    _PyErr_StackItem exc_state;
    _PyErr_StackItem *exc_info; /* NULL: the thread state's own */
    _PyInterpreterFrame *frame;
    struct _PyExecutorObject *executor;
    int depth;
    PyObject *delete_later;
    struct data_stack data_stack;
    void *start; /* of the stack; NULL: the thread's own */
    size_t size;
};
SAVED_FITS;

void ropewalk_greenlet_switch(struct saved *from, void **from_context, struct saved *to, void *to_context) {
    PyThreadState *thread = PyThreadState_Get();
    from->context = thread->context;
    from->exc_state = thread->exc_state;
    from->exc_info = thread->exc_info == &thread->exc_state ? NULL : thread->exc_info;
    from->frame = thread->current_frame;
    from->depth = thread->py_recursion_limit - thread->py_recursion_remaining;
    from->executor = (void *)thread->current_executor;
    from->delete_later = thread->delete_later;
    data_stack_save(thread, &from->data_stack);

    thread->context = to->context;
    thread->context_ver++;
    to->context = NULL;
    thread->exc_state = to->exc_state;
    thread->exc_info = to->exc_info == NULL ? &thread->exc_state : to->exc_info;
    to->exc_state.exc_value = NULL;
    thread->current_frame = to->frame;
    thread->py_recursion_remaining = thread->py_recursion_limit - to->depth;
    thread->current_executor = (void *)to->executor;
    thread->delete_later = to->delete_later;
    data_stack_load(thread, &to->data_stack);
    if (to->start != NULL) {
        set_stack_protection(thread, to->start, to->size);
    } else {
        reset_stack_protection(thread);
    }
    ropewalk_greenlet_jump(from_context, to_context, 0);
}

void ropewalk_greenlet_fresh(struct saved *saved, void *start, void *top, size_t room, size_t bytes) {
    (void)bytes;
    saved->start = start;
    saved->size = (size_t)((char *)top - (char *)start);
    PyThreadState *thread = PyThreadState_Get();
    saved->exc_state.exc_value = NULL;
    saved->exc_state.previous_item = NULL;
    saved->exc_info = NULL;
    saved->frame = NULL;
    saved->depth = thread->py_recursion_limit - thread->py_recursion_remaining;
    saved->executor = NULL;
    saved->delete_later = NULL;
    data_stack_begin(&saved->data_stack, top, room);
}

PyObject *ropewalk_greenlet_frame(struct saved *saved) {
    PyThreadState *thread = PyThreadState_Get();
    _PyInterpreterFrame *running = thread->current_frame;
    int collects = PyGC_Disable(); /* rule 3: the thread state is another's for a moment */
    thread->current_frame = saved->frame;
    PyFrameObject *frame = PyThreadState_GetFrame(thread);
    thread->current_frame = running;
    if (collects) {
        PyGC_Enable();
    }
    return (PyObject *)frame;
}

void ropewalk_greenlet_frame_place(size_t *at, long *then) {
    *at = offsetof(struct saved, frame);
    *then = -1;
}

void ropewalk_greenlet_stands_on(struct saved *saved) {
    if (saved != NULL) {
        set_stack_protection(PyThreadState_Get(), saved->start, saved->size);
    } else {
        reset_stack_protection(PyThreadState_Get());
    }
}

int ropewalk_greenlet_has_frames(void) { return PyThreadState_Get()->current_frame != NULL; }

int ropewalk_greenlet_abandon(struct saved *saved) {
    _PyInterpreterFrame *top = saved->frame;
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

long ropewalk_greenlet_delete_nesting(void) { return -1; }

int ropewalk_greenlet_is_possible(void) {
    if (set_stack_protection == NULL) {
        /* dlsym returns an object's address; POSIX lets it be a function's. */
        *(void **)&reset_stack_protection = dlsym(RTLD_DEFAULT, "PyUnstable_ThreadState_ResetStackProtection");
        *(void **)&set_stack_protection = dlsym(RTLD_DEFAULT, "PyUnstable_ThreadState_SetStackProtection");
    }
    return set_stack_protection != NULL && reset_stack_protection != NULL;
}
