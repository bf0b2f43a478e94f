/* hocket/hocket.h - all of libhocket: structured concurrency and asynchronous I/O for C */
#ifndef HOCKET_H
#define HOCKET_H
#include <hocket/dump.h>
#include <hocket/fd.h>
#include <hocket/file.h>
#include <hocket/group.h>
#include <hocket/http.h>
#include <hocket/offload.h>
#include <hocket/process.h>
#include <hocket/process_pool.h>
#include <hocket/queue.h>
#include <hocket/run.h>
#include <hocket/scope.h>
#include <hocket/signal.h>
#include <hocket/sim.h>
#include <hocket/sql.h>
#include <hocket/sync.h>
#include <hocket/types.h>
#include <hocket/ws.h>

#endif
