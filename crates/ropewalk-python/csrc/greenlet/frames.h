/* Frames as CPython has them from 3.11 to 3.13. For the files of those versions; each includes its own
 * `pycore_frame.h` before. See `greenlet.h` for the rules. */
#ifndef ROPEWALK_FRAMES_H
#define ROPEWALK_FRAMES_H

#include "data_stack.h"

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
