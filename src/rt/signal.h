/* signal.h - what loop.c asks of signals */
#pragma once

struct hk_loop;
void signals_deliver(struct hk_loop *); /* hands signals that came to the tasks that wait for one */
