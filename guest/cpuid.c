// SPDX-License-Identifier: GPL-2.0-only
/* Print the hypervisor's CPUID leaves: "LEAF EAX EBX ECX EDX" in hexadecimal. */
#include <cpuid.h>
#include <stdio.h>

#define FIRST	0x40000000u
/* As far as Hyper-V has ever defined leaves */
#define LAST	0x4000000au

int main(void)
{
	unsigned int leaf, a, b, c, d;

	for (leaf = FIRST; leaf <= LAST; leaf++) {
		__cpuid(leaf, a, b, c, d);
		printf("%08x %08x %08x %08x %08x\n", leaf, a, b, c, d);
	}
	return 0;
}
