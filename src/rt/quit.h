/* quit.h - SIGQUIT (ctrl-\): every loop of the process prints its tasks and goes on */
#pragma once
#include "base/lang.h"

struct hk_loop;

void quit_open(struct hk_loop *, bool answer); /* answer: else only debuggers shall find it */
void quit_close(struct hk_loop *);
/* On the loop's own stack, once a turn in which a signal came. */
void quit_deliver(struct hk_loop *);
