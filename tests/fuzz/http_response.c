/* http_response.c - fuzz target: any bytes as an HTTP/1.1 response, cut into pushes in three ways (http_message.h) */
#include "http_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	message_check(bytes, n, HTTP_ANSWER);
	return 0;
}
