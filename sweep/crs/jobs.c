// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many lists, in several processes: what fails, also by a crash, and what was counted
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "crs/class.h"
#include "crs/draw.h"
#include "crs/jobs.h"
#include "crs/play.h"

/* No list takes a thousandth of it, unless something goes round in circles. */
#define LIST_SECONDS	10
/* From so many lists on each class has to have occurred */
#define ENOUGH		100000

/* One process's; in memory that all share */
struct job {
	pid_t pid;
	u64 index, count[CLASSES];
	int failures;
	struct {
		u64 index;
		char why[MAX_WHY];
	} failure[MAX_FAILURES];
};

static void jobs_child(const struct kernel *k, u64 seed, u64 from, u64 count,
		       int jobs, struct job *job)
{
	for (job->index = from; job->index < count; job->index += jobs) {
		struct list l = {
			.kernel = k, .count = job->count,
			.why = job->failure[job->failures].why,
			.why_size = sizeof(job->failure[0].why),
		};

		alarm(LIST_SECONDS);
		draw_list(&l, seed, job->index);
		if (!play_list(&l))
			_exit(1);
	}
	_exit(0);
}

static void jobs_start(const struct kernel *k, u64 seed, u64 from, u64 count,
		       int jobs, struct job *job)
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("crs: fork");
		exit(1);
	}
	if (!pid)
		jobs_child(k, seed, from, count, jobs, job);
	/* Shared: not for the process to write as well */
	job->pid = pid;
}

/*
 * A process ends with what goes wrong, also when that is a crash, and leaves
 * what comes then to a new one, for which nothing has gone wrong yet.
 */
static void jobs_play(const struct kernel *k, u64 seed, u64 count, int jobs,
		      int failures, struct job *job)
{
	int i, status, running = jobs;
	pid_t pid;

	for (i = 0; i < jobs; i++)
		jobs_start(k, seed, i, count, jobs, &job[i]);
	while (running) {
		struct job *j = job;
		char *why;

		pid = wait(&status);
		if (pid < 0) {
			perror("crs: wait");
			exit(1);
		}
		while (j < job + jobs && j->pid != pid)
			j++;
		if (j == job + jobs)
			continue;
		running--;
		if (!status)
			continue;
		why = j->failure[j->failures].why;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			snprintf(why, MAX_WHY, "it takes longer than %d s", LIST_SECONDS);
		else if (WIFSIGNALED(status))
			snprintf(why, MAX_WHY, "crashed: %s",
				 strsignal(WTERMSIG(status)));
		else if (!*why)
			snprintf(why, MAX_WHY, "crashed: a sanitizer says more");
		j->failure[j->failures++].index = j->index;
		if (j->failures < failures && j->index + jobs < count) {
			jobs_start(k, seed, j->index + jobs, count, jobs, j);
			running++;
		}
	}
}

/**
 * jobs_show_failure() - Print a list that failed, why, and how to run it again.
 * @k:	The kernel
 * @seed:	Of the run
 * @index:	The list's number
 * @why:	What is wrong
 */
void jobs_show_failure(const struct kernel *k, u64 seed, u64 index,
		       const char *why)
{
	struct list l = { .kernel = k };

	draw_list(&l, seed, index);
	fprintf(stderr, "crs: %s seed %llu index %llu: %s; ", k->name, seed,
		index, why);
	list_show(&l, stderr);
	fprintf(stderr, "; again: crs --kernel %s --seed %llu --only %llu\n",
		k->name, seed, index);
}

/* In order, up to @failures. Each job has as many of its own, if there are. */
static int jobs_show_failures(const struct kernel *k, u64 seed, int jobs,
			      int failures, const struct job *job)
{
	int next[MAX_JOBS] = {}, shown;

	for (shown = 0; shown < failures; shown++) {
		int i, first = -1;

		for (i = 0; i < jobs; i++) {
			if (next[i] == job[i].failures)
				continue;
			if (first < 0 || job[i].failure[next[i]].index <
			    job[first].failure[next[first]].index)
				first = i;
		}
		if (first < 0)
			break;
		jobs_show_failure(k, seed,
				  job[first].failure[next[first]].index,
				  job[first].failure[next[first]].why);
		next[first]++;
	}
	return shown;
}

/* Return: classes that are none */
static int jobs_show_counts(const struct job *job, int jobs, u64 *requests)
{
	int i, c, none = 0;

	for (c = 0; c < CLASSES; c++) {
		u64 n = 0;

		for (i = 0; i < jobs; i++)
			n += job[i].count[c];
		if (!c || c == REQUESTS)
			printf("%s\n", c ? "requests" : "lists with");
		printf("%12llu  %s\n", n, class_names[c]);
		none += !n;
		if (c == ALLOCATED || c == REFUSED)
			*requests += n;
	}
	return none;
}

/**
 * jobs_run() - Draw and play lists.
 * @k:		The kernel
 * @seed:		Of the run
 * @count:		How many lists
 * @jobs:		How many processes
 * @failures:	After how many to stop
 *
 * Return: 0, or 1 if something failed
 */
int jobs_run(const struct kernel *k, u64 seed, u64 count, int jobs,
	     int failures)
{
	struct job *job = mmap(NULL, jobs * sizeof(*job),
			       PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	u64 requests = 0;
	int failed, none;

	if (job == MAP_FAILED) {
		perror("crs: memory");
		return 1;
	}
	jobs_play(k, seed, count, jobs, failures, job);
	none = jobs_show_counts(job, jobs, &requests);
	fflush(stdout);
	failed = jobs_show_failures(k, seed, jobs, failures, job);
	if (!failed && none && count >= ENOUGH) {
		fprintf(stderr,
			"crs: %d classes above have none: the generator does not reach them\n",
			none);
		failed = 1;
	}
	printf("%s, seed %llu: %llu lists, %llu requests, %s\n", k->name, seed,
	       count, requests, !failed ? "all is right" :
	       failed < failures ? "not all is right" :
	       "stopped since too much is wrong");
	return !!failed;
}
