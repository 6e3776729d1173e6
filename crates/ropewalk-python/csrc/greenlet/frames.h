/* Frames in the chunks of a data stack, as CPython has them from 3.11 on. For the files of those versions; each includes its
 * own `pycore_frame.h` before. See `greenlet.h` for the rules. */
#ifndef ROPEWALK_FRAMES_H
#define ROPEWALK_FRAMES_H

struct data_stack {
    _PyStackChunk *chunk;
    PyObject **top;
    PyObject **limit;
};

static inline void data_stack_save(PyThreadState *thread, struct data_stack *saved) {
    saved->chunk = thread->datastack_chunk;
    saved->top = thread->datastack_top;
    saved->limit = thread->datastack_limit;
}

static inline void data_stack_load(PyThreadState *thread, const struct data_stack *saved) {
    thread->datastack_chunk = saved->chunk;
    thread->datastack_top = saved->top;
    thread->datastack_limit = saved->limit;
}

/* Rule 5. The interpreter leaves the first word of a root chunk empty: by that it knows that it must not free it. */
static inline void data_stack_begin(struct data_stack *saved, void *room, size_t bytes) {
    _PyStackChunk *chunk = room;
    chunk->previous = NULL;
    chunk->size = bytes;
    chunk->top = 0;
    saved->chunk = chunk;
    saved->top = &chunk->data[1];
    saved->limit = (PyObject **)((char *)chunk + bytes);
}

/* Gives the chunks back that came after the root. */
static inline void data_stack_end(struct data_stack *saved) {
    PyObjectArenaAllocator arenas;
    PyObject_GetArenaAllocator(&arenas);
    _PyStackChunk *chunk = saved->chunk;
    while (chunk != NULL && chunk->previous != NULL) {
        _PyStackChunk *previous = chunk->previous;
        arenas.free(arenas.ctx, chunk, chunk->size);
        chunk = previous;
    }
    saved->chunk = NULL;
}

#ifdef FRAME_OWNED_BY_CSTACK_IS_A_FRAME
#define IS_THE_LOOPS_OWN(frame) ((frame)->owner == FRAME_OWNED_BY_CSTACK)
#else
#define IS_THE_LOOPS_OWN(frame) 0
#endif

static inline int frames_are_held(_PyInterpreterFrame *frame) {
    for (; frame != NULL; frame = frame->previous) {
        if (!IS_THE_LOOPS_OWN(frame) && frame->frame_obj != NULL && Py_REFCNT(frame->frame_obj) > 1) {
            return 1;
        }
    }
    return 0;
}

/* Local variables are let go of. What a frame has beyond them, in the midst of an expression, is not: only the loop knew how
 * much that was. A generator's frame is the generator's: it is cut off from what was below it. */
static inline void frames_let_go(_PyInterpreterFrame *frame) {
    while (frame != NULL) {
        _PyInterpreterFrame *previous = frame->previous;
        if (IS_THE_LOOPS_OWN(frame)) {
        } else if (frame->owner == FRAME_OWNED_BY_GENERATOR) {
            frame->previous = NULL;
        } else {
            int locals = FRAME_CODE(frame)->co_nlocalsplus;
            for (int place = 0; place < locals; place++) {
                Py_CLEAR(frame->localsplus[place]);
            }
            Py_CLEAR(frame->f_locals);
            Py_CLEAR(frame->frame_obj);
            Py_CLEAR(FRAME_FUNCTION(frame));
            PyCodeObject *code = FRAME_CODE(frame);
            Py_DECREF(code);
        }
        frame = previous;
    }
}

#endif
