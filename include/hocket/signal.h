/* hocket/signal.h - signals as something a task waits for (loop.add_signal_handler, trio.open_signal_receiver)
 *
 * What must hold: while a task is inside hk_signal_wait the listed signals are taken from their default action; between
 *   hk_signal_open and hk_signal_close a signal that arrives while nobody waits is kept, not lost. */
#ifndef HOCKET_SIGNAL_H
#define HOCKET_SIGNAL_H
#include <hocket/types.h>

HK_BEGIN
/* Starts keeping them. One set a process at a time: -EBUSY. */
HK_MUST int hk_signal_open(const int *signals, size_t n);
HK_MUST int hk_signal_wait(void) HK_SUSPENDS; /* the number of the signal that came, -ECANCELED */
void hk_signal_close(void);                   /* restores the former actions */

HK_END
#endif
