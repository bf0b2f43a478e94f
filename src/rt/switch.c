/* switch.c - the context switch for x86-64 and AArch64
 *
 * What this room is for: 257 ns of ucontext (it makes a system call for the signal mask) become less than 10.
 * What flows through:    stack pointers.
 * What must hold:
 *  (1) the picture below is the same in context_switch, context_make, context_begin and context_walk: who changes one
 *      changes all, and tools/gdb/hocket-gdb.py.
 *  (2) the stack is 16-byte aligned where context_begin calls; an unwinder stops there (no return address above).
 *
 *   x86-64:  sp -> r15 r14 r13 r12 rbx rbp return-address          a new one: r12 = arg, r13 = entry
 *   AArch64: sp -> x19..x28 x29 x30 d8..d15                        a new one: x19 = arg, x20 = entry */
#include "rt/switch.h"

void context_begin_(void);

#if defined(__x86_64__)
enum { SLOTS = 9, SLOT_ARG = 3, SLOT_ENTRY = 2, SLOT_RETURN = 6 };

__asm__(".text\n"
	".p2align 4\n"
	".globl context_switch\n"
	".type context_switch, @function\n"
	"context_switch:\n"
	"	.cfi_startproc\n"
	"	pushq %rbp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %rbp, 0\n"
	"	pushq %rbx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	pushq %r12\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	pushq %r13\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	pushq %r14\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	pushq %r15\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n" /* from here on another stack of the same shape */
	"	popq %r15\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	popq %r14\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	popq %r13\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	popq %r12\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	popq %rbx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	popq %rbp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %rbp\n"
	"	ret\n" /* predicted: the other stack was left at the same place, through the same callers */
	"	.cfi_endproc\n"
	".size context_switch, .-context_switch\n"
	".p2align 4\n"
	".type context_begin_, @function\n"
	"context_begin_:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined %rip\n"
	"	xorl %ebp, %ebp\n"
	"	movq %r12, %rdi\n"
	"	callq *%r13\n"
	"	ud2\n"
	"	.cfi_endproc\n"
	".size context_begin_, .-context_begin_\n"
	".p2align 4\n"
	".globl context_walk\n"
	".type context_walk, @function\n"
	"context_walk:\n"
	"	.cfi_startproc\n"
	"	pushq %r12\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %r12, 0\n"
	"	movq %rdi, %r12\n"
	"	movq %rdx, %rdi\n"
	"	.cfi_remember_state\n"
	"	.cfi_def_cfa %r12, 56\n" /* the picture above: from here on the unwinder is in it */
	"	.cfi_offset %rbp, -16\n"
	"	.cfi_offset %rbx, -24\n"
	"	.cfi_offset %r12, -32\n"
	"	.cfi_offset %r13, -40\n"
	"	.cfi_offset %r14, -48\n"
	"	.cfi_offset %r15, -56\n"
	"	callq *%rsi\n"
	"	.cfi_restore_state\n"
	"	popq %r12\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %r12\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size context_walk, .-context_walk\n");

#elif defined(__aarch64__)
enum { SLOTS = 20, SLOT_ARG = 0, SLOT_ENTRY = 1, SLOT_RETURN = 11 };

__asm__(".text\n"
	".p2align 4\n"
	".globl context_switch\n"
	".type context_switch, %function\n"
	"context_switch:\n"
	"	.cfi_startproc\n"
	"	sub sp, sp, #160\n"
	"	.cfi_adjust_cfa_offset 160\n"
	"	stp x19, x20, [sp, #0]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	.cfi_rel_offset x29, 80\n"
	"	.cfi_rel_offset x30, 88\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n"
	"	str x9, [x0]\n"
	"	mov sp, x1\n" /* from here on another stack of the same shape */
	"	ldp x19, x20, [sp, #0]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n"
	"	.cfi_adjust_cfa_offset -160\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size context_switch, .-context_switch\n"
	".p2align 4\n"
	".type context_begin_, %function\n"
	"context_begin_:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined x30\n"
	"	mov x29, xzr\n"
	"	mov x0, x19\n"
	"	blr x20\n"
	"	brk #1\n"
	"	.cfi_endproc\n"
	".size context_begin_, .-context_begin_\n"
	".p2align 4\n"
	".globl context_walk\n"
	".type context_walk, %function\n"
	"context_walk:\n"
	"	.cfi_startproc\n"
	"	stp x19, x30, [sp, #-16]!\n"
	"	.cfi_adjust_cfa_offset 16\n"
	"	.cfi_rel_offset x19, 0\n"
	"	.cfi_rel_offset x30, 8\n"
	"	mov x19, x0\n"
	"	mov x0, x2\n"
	"	.cfi_remember_state\n"
	"	.cfi_def_cfa x19, 160\n" /* the picture above: from here on the unwinder is in it */
	"	.cfi_offset x19, -160\n"
	"	.cfi_offset x20, -152\n"
	"	.cfi_offset x21, -144\n"
	"	.cfi_offset x22, -136\n"
	"	.cfi_offset x23, -128\n"
	"	.cfi_offset x24, -120\n"
	"	.cfi_offset x25, -112\n"
	"	.cfi_offset x26, -104\n"
	"	.cfi_offset x27, -96\n"
	"	.cfi_offset x28, -88\n"
	"	.cfi_offset x29, -80\n"
	"	.cfi_offset x30, -72\n"
	"	blr x1\n"
	"	.cfi_restore_state\n"
	"	ldp x19, x30, [sp], #16\n"
	"	.cfi_adjust_cfa_offset -16\n"
	"	.cfi_restore x19\n"
	"	.cfi_restore x30\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size context_walk, .-context_walk\n");

#else
#error "write context_switch for this processor: see the picture at the top of switch.c"
#endif

void *context_make(char *top, void (*entry)(void *), void *arg)
{
	uintptr_t *slot = (uintptr_t *)(void *)top - SLOTS;

	ASSERT((uintptr_t)top % 16 == 0);
	for (size_t i = 0; i < SLOTS; i++)
		slot[i] = 0;
	slot[SLOT_ARG] = (uintptr_t)arg;
	slot[SLOT_ENTRY] = (uintptr_t)entry;
	slot[SLOT_RETURN] = (uintptr_t)context_begin_;
	return slot;
}

bool context_is_new(const void *sp)
{
	const uintptr_t *slot = sp;
	return slot[SLOT_RETURN] == (uintptr_t)context_begin_;
}
