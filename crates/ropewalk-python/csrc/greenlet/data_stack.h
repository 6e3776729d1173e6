/* The chunks in which CPython keeps frames from 3.11 on. For the files of those versions. See `greenlet.h` for the rules. */
#ifndef ROPEWALK_DATA_STACK_H
#define ROPEWALK_DATA_STACK_H

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

#endif
