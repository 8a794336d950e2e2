/* SPDX-License-Identifier: GPL-2.0-only */
/* What unit tests expect of mock.h's trace. After <cmocka.h>. */
#ifndef HVHOST_TESTS_EXPECT_H
#define HVHOST_TESTS_EXPECT_H

#include "mock.h"

/* One complaint since the last reset, and this one */
static inline void expect_bad(const char *what, u64 value)
{
	assert_string_equal(mock_bad_what, what);
	assert_int_equal(mock_bad_value, value);
	assert_int_equal(mock_bad_count, 1);
	mock_reset();
}

static inline void expect_good(void)
{
	assert_string_equal(mock_bad_what, "");
	assert_int_equal(mock_bad_count, 0);
}

#endif
