/* The part of the greenlets that is the same for every version of Python. See `greenlet.h`. */
#include "greenlet.h"
#include <pthread.h>

ropewalk_jump ropewalk_greenlet_jump;

/* Found with one instruction: a call through the dynamic linker would be a good part of a switch. */
static __thread void *thread_record __attribute__((tls_model("initial-exec")));

void *ropewalk_greenlet_thread(void) { return thread_record; }

void ropewalk_greenlet_set_thread(void *thread) { thread_record = thread; }

struct forked ropewalk_greenlet_forked;

static void in_the_child(void) {
    ropewalk_greenlet_forked.thread = thread_record;
    ropewalk_greenlet_forked.times++;
}

int ropewalk_greenlet_watch_forks(void) { return pthread_atfork(NULL, NULL, in_the_child); }

/* The context is what every version's struct begins with. */
PyObject **ropewalk_greenlet_context(struct saved *saved) { return (PyObject **)saved; }

PyObject **ropewalk_greenlet_running_context(void) {
    PyThreadState *thread = PyThreadState_Get();
    thread->context_ver++;
    return &thread->context;
}

int ropewalk_greenlet_is_finalizing(void) {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
}

int ropewalk_greenlet_is_there(void) { return PyInterpreterState_Head() != NULL && !ropewalk_greenlet_is_finalizing(); }

void ropewalk_greenlet_set_references(PyObject *object, Py_ssize_t references) { Py_SET_REFCNT(object, references); }

void ropewalk_greenlet_resurrect(PyObject *object, Py_ssize_t references) {
    _Py_NewReference(object);
    Py_SET_REFCNT(object, references);
}

static PyObject *made(struct call *call) {
    if (call->kwargs == NULL) {
        if (call->value != NULL) {
            return PyObject_CallOneArg(call->run, call->value);
        }
        if (call->args == NULL) {
            return PyObject_CallNoArgs(call->run);
        }
    }
    if (call->args != NULL) {
        return PyObject_Call(call->run, call->args, call->kwargs);
    }
    PyObject *args = call->value == NULL ? PyTuple_New(0) : PyTuple_Pack(1, call->value);
    if (args == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_Call(call->run, args, call->kwargs);
    Py_DECREF(args);
    return result;
}

void ropewalk_greenlet_body(void *greenlet, size_t message) {
    (void)message;
    struct call call = {NULL, NULL, NULL, NULL};
    PyObject *result = NULL;
    if (ropewalk_greenlet_arrive(greenlet, &call)) {
        result = made(&call);
    }
    ropewalk_greenlet_leave(greenlet, result, &call);
}

void ropewalk_greenlet_borrower(void *argument, size_t message) {
    (void)message;
    struct loan *loan = argument;
    loan->result = PyObject_Call(loan->function, loan->args, loan->kwargs);
    void *ended;
    ropewalk_greenlet_jump(&ended, loan->back, 0);
    Py_FatalError("greenlet: somebody has gone on with a call that has returned");
}

PyObject *ropewalk_greenlet_borrow(void *context, struct loan *loan) {
    ropewalk_greenlet_jump(&loan->back, context, 0);
    return loan->result;
}
