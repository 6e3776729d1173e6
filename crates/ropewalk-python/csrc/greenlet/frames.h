/* Frames as CPython has them from 3.11 on. For the files of those versions: each includes its own internal header before, and says
 * how its frames name their code and their function, which of them are the loop's own (IS_THE_LOOPS_OWN), and how a reference in a
 * frame is let go of (CLEAR_IN_FRAME). See `greenlet.h` for the rules. */
#ifndef ROPEWALK_FRAMES_H
#define ROPEWALK_FRAMES_H

#include "data_stack.h"

#ifndef CLEAR_IN_FRAME
#define CLEAR_IN_FRAME(reference) Py_CLEAR(reference)
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
                CLEAR_IN_FRAME(frame->localsplus[place]);
            }
            Py_CLEAR(frame->f_locals);
            Py_CLEAR(frame->frame_obj);
            CLEAR_IN_FRAME(FRAME_FUNCTION(frame));
            CLEAR_IN_FRAME(FRAME_EXECUTABLE(frame)); /* the last: FRAME_CODE is it */
        }
        frame = previous;
    }
}

#endif
