/* hocket/fd.h - non-blocking descriptors: sockets and pipes
 *
 * What this room is for: reads and writes that park the task instead of the thread. Regular files never wait in
 *   epoll: they go through offload.h / file.h.
 * What must hold: (1) the system call is tried first unless it is known that it would wait (edge-triggered epoll; a
 *   short read means empty until the next edge). (2) one reader and one writer per descriptor at a time: a second one
 *   gets -EBUSY. (3) hk_close wakes whoever waits on it with -EBADF. (4) descriptors are set non-blocking and
 *   close-on-exec when first used here; 0, 1 and 2, which are shared with others, stay inheritable and become blocking again
 *   when the loop ends. (5) what is opened or closed by other means must not keep its number here: end with hk_close
 *   whatever was used here. */
#ifndef HOCKET_FD_H
#define HOCKET_FD_H
#include <hocket/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

HK_BEGIN
enum { HK_READ = 1, HK_WRITE = 2 };

HK_MUST ssize_t hk_read(int fd, void *, size_t) HK_SUSPENDS; /* bytes; 0: end of file */
/* All of it, or an error; SIGPIPE is never raised. The iovecs are consumed. */
HK_MUST ssize_t hk_write(int fd, const void *, size_t) HK_SUSPENDS;
HK_MUST ssize_t hk_writev(int fd, struct iovec *, int n) HK_SUSPENDS;
/* Waits until fd may be ready: the mode bits that are. For libraries that read themselves (OpenSSL). The readiness
 * is consumed: the caller must read or write until EAGAIN, or tell with hk_fd_rearm that it stopped earlier. */
HK_MUST int hk_fd_wait(int fd, int mode) HK_SUSPENDS;
void hk_fd_rearm(int fd, int mode); /* there may be more: the next wait returns at once */
int hk_close(int fd);               /* unregisters, wakes waiters, closes; 0, -errno */

/* TCP. Addresses are resolved elsewhere (io/dns). */
/* A new connected socket with TCP_NODELAY. */
HK_MUST int hk_connect(const struct sockaddr *, socklen_t) HK_SUSPENDS;
/* The address is a numeric one, "0.0.0.0" (everywhere), "127.0.0.1", "::1", or "localhost", which means 127.0.0.1; other names:
 * -EINVAL. Port 0 binds any free port. backlog 0: the most there may be. A listening socket, or -errno. */
HK_MUST int hk_listen(const char *address, uint16_t port, int backlog);
/* A connected socket, TCP_NODELAY. While there is no descriptor or memory for one (EMFILE, ENFILE, ENOBUFS, ENOMEM) it waits: it
 * looks again every 100 ms, connections wait in the backlog, and one report (HK_REPORT_SHORTAGE) says which limit it is. So an
 * error ends the listener, not the rush: -ECANCELED, -EBADF: closed, -EBUSY: another task accepts. trio.serve_listeners */
HK_MUST int hk_accept(int listener) HK_SUSPENDS;
HK_MUST int hk_socket_port(int fd); /* the local port */
/* Ends our side: the peer reads up to its end, and we can read on. shutdown(SHUT_WR), trio: send_eof. 0, -errno. Never parks. */
HK_MUST int hk_send_eof(int fd);
/* As hk_close, but the peer gets -ECONNRESET in place of an end: what it was sent is not to be trusted. */
int hk_close_reset(int fd);
/* Is an idle connection still quiet and open? false: closed by the peer or unread bytes wait. Never parks. */
bool hk_socket_idle(int fd);

HK_END
#endif
