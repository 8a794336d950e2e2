/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sparse 0.6.4, which Debian has, knows neither of these: without the first
 * kbuild refuses to run it, and the second makes an error of MODULE_LICENSE(),
 * after which it does not warn of anything more.
 */
#define __typeof_unqual__	__typeof__
#define __builtin_strlen(s)	(sizeof(s) - 1)
