/* public_http.c - errors and headers as the users of libhocket see them
 *
 * What this room is for: the one table from the engine's error classes to the library's, so that a class added there cannot be
 *   forgotten here (the switch has no default), and the headers of both sides as C strings.
 * What flows through:    sentences, copied once, when something failed; header names and values, never copied.
 * What must hold:        every failure has a fault other than HK_HTTP_OK and a code < 0 that is documented beside it. */
#include "io/public_http.h"
#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	int code;
} faults[] = {
	[HK_HTTP_OK] = { "ok", 0 },
	[HK_HTTP_CANCELLED] = { "cancelled", -ECANCELED },
	[HK_HTTP_BAD_REQUEST] = { "bad_request", -EINVAL },
	[HK_HTTP_DNS] = { "dns", -EHOSTUNREACH },
	[HK_HTTP_REFUSED] = { "refused", -ECONNREFUSED },
	[HK_HTTP_CONNECT_TIMEOUT] = { "connect_timeout", -ETIMEDOUT },
	[HK_HTTP_TLS] = { "tls", -EPROTO },
	[HK_HTTP_CERTIFICATE] = { "certificate", -EKEYREJECTED },
	[HK_HTTP_RESET] = { "reset", -ECONNRESET },
	[HK_HTTP_TIMEOUT] = { "timeout", -ETIMEDOUT },
	[HK_HTTP_TRUNCATED] = { "truncated", -ENODATA },
	[HK_HTTP_PROTOCOL] = { "protocol", -EBADMSG },
	[HK_HTTP_TOO_LARGE] = { "too_large", -EMSGSIZE },
	[HK_HTTP_LOCAL] = { "local", -EIO },
};

const char *hk_http_fault_name(enum hk_http_fault fault)
{
	return (size_t)fault < ARRAY_SIZE(faults) ? faults[fault].name : "unknown";
}

static enum hk_http_fault fault_of(enum fault fault)
{
	switch (fault) {
	case FAULT_CANCELLED:
		return HK_HTTP_CANCELLED;
	case FAULT_BAD_VALUE:
		return HK_HTTP_BAD_REQUEST;
	case FAULT_DNS:
		return HK_HTTP_DNS;
	case FAULT_REFUSED:
		return HK_HTTP_REFUSED;
	case FAULT_CONNECT_TIMEOUT:
		return HK_HTTP_CONNECT_TIMEOUT;
	case FAULT_TLS:
		return HK_HTTP_TLS;
	case FAULT_CERTIFICATE:
		return HK_HTTP_CERTIFICATE;
	case FAULT_RESET:
		return HK_HTTP_RESET;
	case FAULT_TIMEOUT:
		return HK_HTTP_TIMEOUT;
	case FAULT_TRUNCATED:
		return HK_HTTP_TRUNCATED;
	case FAULT_PROTOCOL:
	case FAULT_FORBIDDEN: /* a redirect from https to http */
		return HK_HTTP_PROTOCOL;
	case FAULT_TOO_LARGE:
		return HK_HTTP_TOO_LARGE;
	case FAULT_IO:
	case FAULT_CONFIG:
		return HK_HTTP_LOCAL;
	case FAULT_NONE: /* these are not raised there */
	case FAULT_RATE_LIMITED:
	case FAULT_STATUS:
	case FAULT_NOT_ACCEPTED:
	case FAULT_INVALID_JSON:
	case FAULT_JQ:
	case FAULT_UNKNOWN_OUTCOME:
	case FAULT_WORKER_ERROR:
	case FAULT_WORKER_OUTPUT:
	case FAULT_WORKER_CRASH:
	case FAULT_WORKER_OOM:
	case FAULT_WORKER_TIMEOUT:
	case FAULT_SQL:
	case FAULT_SMTP:
	case FAULT_BROKEN:
	case FAULT_COUNT:
		break;
	}
	return HK_HTTP_LOCAL;
}

int public_error(const struct err *err, struct hk_http_error *error)
{
	_Static_assert(sizeof(error->text) >= sizeof(err->text), "no sentence is cut");
	enum hk_http_fault fault = fault_of(err->fault);
	if (error) {
		error->fault = fault;
		error->sent = err->sent;
		memcpy(error->text, err->text, strlen(err->text) + 1);
	}
	return fault == HK_HTTP_LOCAL && err->code > 0 ? -err->code : faults[fault].code;
}

int public_ok(struct hk_http_error *error)
{
	if (error) { /* not its text: that would be half a kilobyte a request */
		error->fault = HK_HTTP_OK;
		error->sent = false;
		error->text[0] = 0;
	}
	return 0;
}

void public_headers(const struct http_header *in, size_t n, struct hk_http_header *out)
{
	for (size_t i = 0; i < n; i++) {
		ASSERT(in[i].name.p[in[i].name.n] == 0 && in[i].value.p[in[i].value.n] == 0);
		out[i] = (struct hk_http_header){ in[i].name.p, in[i].value.p };
	}
}

const char *public_header(const struct hk_http_header *headers, size_t n, const char *name)
{
	struct slice wanted = slice_str(name);
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(slice_str(headers[i].name), wanted))
			return headers[i].value;
	return NULL;
}
