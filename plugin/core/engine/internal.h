/* The engine's state, shared by its own files alone. */
#ifndef PL_ENGINE_INTERNAL_H
#define PL_ENGINE_INTERNAL_H

#include "discover/roster.h"
#include "engine/budget.h"
#include "engine/engine.h"
#include "engine/group.h"
#include "engine/worker.h"
#include "regions/ledger.h"
#include "track/family.h"
#include "track/sum.h"
#include "track/track.h"

#define PL_GROUP_NAME_SIZE 128
#define PL_AUTO_GROUPS_MAX 256 /* that Auto may make */

/* Roster flags. */
#define PL_ENTRY_KERNEL_THREAD 1u
#define PL_ENTRY_BUSY 2u /* an identify job is under way */
#define PL_ENTRY_HUNG 4u /* one has hung already */

/* The idle memory of one suspect. */
struct pl_idle_watch {
	bool pending;     /* a window is about to begin */
	bool awaits_lock; /* it would have, but for the mmap lock */
	bool long_window;
	bool fresh;        /* the last reading was not judged yet */
	double due_s;      /* no window begins before */
	double cleared_s;  /* when it began; below 0: none is open */
	double clear_us;   /* what that took; 0: not known */
	uint64_t swapping; /* as it was then: of the host, and of the process */
	uint64_t swap_bytes;
	double read_s; /* when the last one was read; below 0: never */
	double window_s;
	uint64_t idle_bytes;
	struct pl_region_idle regions;
};

/* A matched process. */
struct pl_process {
	bool used;
	bool alive;            /* pulsed in this tick */
	bool counted;          /* its counters are part of its groups' sums already */
	uint32_t next_free;    /* when not used: the next one that is not */
	uint32_t silent_count; /* pulses in a row that it did not give: a zombie, or gone */
	struct pl_ident ident;
	char comm[PL_COMM_SIZE];
	struct pl_pulse_mark mark; /* of the last pulse */
	bool marked;               /* there was one */
	uint8_t partial_count;     /* pulses in a row that left status unread */
	uint8_t quiet_count;       /* pulses in a row that found nothing changed */
	uint8_t steady_count;      /* pulses in a row that found the memory unchanged */
	uint32_t first_tick;
	double busy_s; /* when something last changed */
	uint64_t start_code;
	double first_s;     /* monotonic, when it was first seen */
	double first_age_s; /* its age then; below 0 when unknown */
	uint16_t groups[PL_MEMBERSHIPS_MAX];
	uint16_t group_count;
	uint16_t cgroup;         /* index + 1; 0: not known */
	uint32_t published;      /* bit i: has a series of its own in groups[i] */
	struct pl_sample sample; /* the last pulse, with the last dear values merged in */

	/* dear reads */
	bool deep_pending;
	bool deep_known;
	bool too_dear;     /* a single rollup would hold its lock for longer than a minute allows */
	bool fds_left;     /* it has too many descriptors to look at each */
	bool lock_pending; /* a read that holds its mmap lock is under way */
	bool lock_awaited; /* by a dearer read than a rollup, which is due */
	bool hanging_told;
	bool regions_pending;
	double deep_s;       /* when the last one came in */
	double limits_s;     /* when the limits were last read; below 0: never */
	double cost_us;      /* of the last one, but for its descriptors; 0: none yet */
	double rollup_bytes; /* resident size at the last one */
	double walk_us;      /* what the last rollup took; 0: none yet */
	double lock_free_s;  /* its mmap lock may be held again from then on */
	struct pl_read_cost cost;
	double quarantine_until_s;
	double hanging_s; /* a read of it has hung for so long; 0: none does */
	uint32_t stuck_count;
	enum pl_verdict verdict;

	/* regions */
	double regions_s;     /* when they were last read */
	double regions_due_s; /* not before */
	double regions_old_s; /* what was read is told no more from then on */
	double regions_us;    /* what the last reading took; 0: none yet */
	double sampled_us;    /* likewise, when it was a sample */
	uint32_t regions_tick;
	enum pl_verdict regions_verdict; /* when they were last asked for */

	struct pl_census_note *census; /* NULL: none was asked for */
	struct pl_track *track;        /* stays with the entry when it is reused, as does the ledger */
	struct pl_ledger *ledger;      /* NULL: no process of this entry was ever read */
	struct pl_idle_watch *idle;    /* NULL: none of them was looked at so closely */
};

_Static_assert(sizeof(struct pl_process) + sizeof(struct pl_track) + sizeof(struct pl_ledger) +
                       2 * sizeof(struct pl_roster_entry) + 4 * sizeof(max_align_t) <=
                   16384,
               "a matched process costs at most 16 KiB, with what the allocator adds");

/* A cgroup that processes are in which are followed. */
struct pl_cgroup {
	bool used;
	struct pl_cgroup_key key;
	bool pending;
	bool read;  /* there is a reading */
	bool fresh; /* one that was not judged yet */
	double first_s;
	double read_s;
	double due_s;
	double cost_us;       /* of the last reading; 0: none yet */
	double empty_since_s; /* below 0: somebody is in it */
	struct pl_cgroup_reading reading;
	struct pl_cgroup_parts parts; /* by it, and by what its processes explain */
	struct pl_cgroup_parts base;  /* when the unexplained part was the least */
	struct pl_track *track;       /* NULL until that part has grown */
	bool member_leaks;            /* a process in it stands under an alarm */
	uint16_t owner;               /* the first of the groups that its processes are in */
	uint32_t member_count;
	struct pl_cgroup_members members;
	const struct pl_values *limits; /* of one of them; for the tick under way */
};

/* A match of the configuration, or one that Auto made. */
struct pl_group {
	char name[PL_GROUP_NAME_SIZE];
	const struct pl_match *match; /* NULL: made by Auto */
	const struct pl_settings *settings;
	const struct pl_collect *collect;
	bool has_sum;
	uint32_t member_count; /* processes in it, sampled or not */
	struct pl_group_sum sum;
	struct pl_group_sum other; /* PerProcess: those without a series of their own */
	struct pl_region_bytes regions;
	uint32_t regions_have;                /* members in that sum */
	struct pl_cgroup_parts cgroup_parts;  /* of the cgroups that it owns */
	const struct pl_cgroup *worst_cgroup; /* of them; NULL: none was read */
	uint8_t cgroup_alarm;                 /* rung of the last alarm about one; LEARNING: none */
	double cgroup_alarm_wall_s;
	struct pl_read_cost cost;
	uint32_t published_count;
	struct pl_values counters;
	bool auto_published; /* Auto: among the largest, or growing */
	enum pl_verdict verdict;
	struct pl_family family;
	struct pl_sum members;      /* added up */
	struct pl_track *sum_track; /* NULL: there never were several */
	uint32_t sum_awaited_count; /* after a restart: it goes on when so many are back, ... */
	double sum_awaited_until_s; /* ... or at that time; 0: not set yet */

	/* PidFile */
	int32_t file_pid;
	int64_t file_mtime_ns;
	uint64_t file_inode;
	struct pl_complaint file_complaint;
};

/* A process of the state file that has not been met yet. */
struct pl_restored {
	int32_t pid;
	struct pl_state_process *saved; /* NULL: claimed */
};

struct pl_engine {
	struct pl_config *config;
	struct pl_emit emit;
	struct pl_log log;
	struct pl_procfs fs;
	struct pl_host host;
	struct pl_roster roster;
	struct pl_worker *worker;
	struct pl_budget budget;
	struct pl_process **processes; /* grown as needed, entries reused */
	size_t process_count;          /* entries, used or not */
	size_t process_capacity;
	uint32_t free_process;   /* head of the unused ones, or PL_ROSTER_NONE */
	struct pl_group *groups; /* those of the configuration first */
	size_t group_count;
	uint32_t tick;
	struct pl_time now;
	double interval_s; /* between the last two ticks; 0 at the first */
	double uptime_s;   /* below 0: not yet asked for in this tick */
	size_t deep_cursor;
	size_t urgent_cursor;
	bool regions_busy;      /* one reading at a time is under way */
	double window_us;       /* what a window of a sample takes here */
	bool walk_known;        /* the next was measured */
	double walk_us_per_mib; /* what a walk through resident pages takes here, rather too much */
	size_t regions_cursor;
	size_t idle_cursor;
	bool swapping_known; /* somebody has looked */
	uint64_t swapping;
	struct pl_cgroup **cgroups; /* entries reused */
	size_t cgroup_count;
	bool no_room;     /* the worker could take no more jobs in this tick */
	bool look_at_all; /* a parent was matched whose children count too */
	struct pl_self self;
	struct pl_own own; /* as it was looked at last */
	double own_due_s;
	double starved_until_s;
	char boot_id[PL_BOOT_ID_SIZE];
	struct pl_restored *restored; /* sorted by pid */
	size_t restored_count;
	struct pl_state_other **restored_cgroups; /* in which no process was met yet; NULL: claimed */
	size_t restored_cgroup_count;
	double restored_until_s;       /* who is not met by then is forgotten */
	struct pl_state_writer *state; /* the text under way; NULL: none is */
	size_t state_cursor;           /* process to write next */
	bool state_processes_done;     /* what else has a history is written next */
	size_t state_group_cursor;
	size_t state_cgroup_cursor;
	double save_due_s;
	bool saving; /* the worker writes it out */
	struct pl_complaint save_complaint;
	struct pl_engine_census *census; /* the one under way; NULL: none is */
	bool census_wanted;              /* some process may wait for one */
	unsigned evidence_pending;       /* jobs under way */
	struct pl_complaint evidence_complaint;
	struct pl_complaint denied_complaint;
	struct pl_complaint stuck_complaint;
	struct pl_complaint dear_complaint;
	struct pl_complaint fds_complaint;
	struct pl_complaint scan_complaint;
	struct pl_complaint memberships_complaint;
	struct pl_complaint idle_size_complaint;
	struct pl_complaint idle_swap_complaint;
	struct pl_complaint idle_denied_complaint;
};

/* discovery.c: brings roster and matched processes up to date. */
void pl_engine_discover(struct pl_engine *engine);
void pl_engine_identified(struct pl_engine *engine, const struct pl_job *job);
void pl_engine_identify_stuck(struct pl_engine *engine, int32_t pid);

/* auto.c: groups that nobody configured. */
bool pl_engine_auto_wants(struct pl_engine *engine, const struct pl_roster_entry *entry,
                          const struct pl_stat *stat);
/* The group for a process of this unit (may be empty) and name, made if there is none yet; below 0:
 * no room. */
int pl_engine_auto_group(struct pl_engine *engine, const char *unit, const char *comm);
/* Marks the groups whose series are to be published. */
void pl_engine_auto_choose(struct pl_engine *engine);

/* Decides anew what a process belongs to: it was renamed or has called exec. */
void pl_engine_look_again(struct pl_engine *engine, int32_t pid);

/* reading.c: pulses and dear reads. */
void pl_engine_pulse_all(struct pl_engine *engine);
void pl_engine_post_deep(struct pl_engine *engine);
void pl_engine_deep_done(struct pl_engine *engine, const struct pl_job *job);
void pl_engine_deep_stuck(struct pl_engine *engine, const struct pl_job *job);
void pl_engine_deep_hanging(struct pl_engine *engine, const struct pl_job *job, double for_s);
void pl_engine_deep_returned(struct pl_engine *engine, const struct pl_job *job);
/* The process that a job was for, if it is still that one. */
struct pl_process *pl_engine_process_of(struct pl_engine *engine, const struct pl_job *job);
void pl_engine_complain_of_denied(struct pl_engine *engine, const struct pl_process *process);
void pl_engine_count_error(struct pl_engine *engine, int err);
double pl_engine_rollup_us(const struct pl_engine *engine, const struct pl_process *process);

/* cost.c: what dear reads cost, and whom. */
/* Whether MaxLockTime lets the mmap lock of a process be held now. */
bool pl_engine_lock_is_free(const struct pl_engine *engine, const struct pl_process *process);
/* Seconds after a read that holds it for so long until it may be held again; below 0: it must not
 * be made. */
double pl_engine_lock_spacing_s(const struct pl_engine *engine, double lock_us);
/* A read has come back: `process` is NULL when it is no more. Returns false when it was not made,
 * for the budget ran out before its turn came. */
bool pl_engine_account(struct pl_engine *engine, struct pl_process *process,
                       const struct pl_job *job);
/* A read hangs: it is paid for, and what it held is not ours to wait for. */
void pl_engine_account_stuck(struct pl_engine *engine, struct pl_process *process,
                             const struct pl_job *job);
/* A read of it was made smaller, or left out, for the sake of its lock. */
void pl_engine_degrade(struct pl_engine *engine, struct pl_process *process);
void pl_engine_defer(struct pl_engine *engine, struct pl_process *process);
/* What a walk through its pages took, without what we were kept waiting meanwhile. */
double pl_engine_walk_us(const struct pl_deep_result *deep);

/* own.c: how we are run ourselves. */
/* Has the worker look, now and then. */
void pl_engine_look_at_own(struct pl_engine *engine);
void pl_engine_take_own(struct pl_engine *engine, const struct pl_own *own);
/* For how long a lock may be held at a time. */
double pl_engine_hold_most_us(const struct pl_engine *engine);

/* places.c: regions. */
/* Forgets what was read: another process, or another program in it. */
void pl_engine_begin_regions(struct pl_engine *engine, struct pl_process *process);
/* Takes over what an earlier daemon had read. */
void pl_engine_restore_regions(struct pl_engine *engine, struct pl_process *process,
                               const struct pl_ledger *ledger);
/* The place of its growth cannot be told yet: a rollup must take neither its lock nor the budget.
 */
bool pl_engine_awaits_regions(const struct pl_engine *engine, const struct pl_process *process);
void pl_engine_post_regions(struct pl_engine *engine);
/* How long reading them is expected to take. */
double pl_engine_regions_us(const struct pl_engine *engine, const struct pl_process *process);
void pl_engine_regions_done(struct pl_engine *engine, const struct pl_job *job);
void pl_engine_regions_stuck(struct pl_engine *engine, struct pl_process *process);
/* Fills *out. Returns false when there is nothing recent enough. */
bool pl_engine_region_bytes(const struct pl_engine *engine, const struct pl_process *process,
                            struct pl_region_bytes *out);
/* Adds a member to its group's sum: shared pages once. */
void pl_engine_add_regions(const struct pl_engine *engine, struct pl_group *group,
                           const struct pl_process *process);

/* cgroups.c: memory that is charged to a cgroup and that no process explains. */
void pl_engine_join_cgroup(struct pl_engine *engine, struct pl_process *process,
                           const struct pl_cgroup_key *key);
void pl_engine_post_cgroups(struct pl_engine *engine);
void pl_engine_cgroup_done(struct pl_engine *engine, const struct pl_job *job);
void pl_engine_judge_cgroups(struct pl_engine *engine);
/* Sums up what each group owns. */
void pl_engine_sum_cgroups(struct pl_engine *engine);
/* The verdict and numbers of one; its verdict is no worse than growing while a process leaks. */
void pl_engine_cgroup_findings(const struct pl_engine *engine, const struct pl_cgroup *cgroup,
                               struct pl_findings *out);
void pl_engine_free_cgroups(struct pl_engine *engine);
/* The history of one, as it is saved; its words too. */
void pl_engine_save_cgroup(const struct pl_engine *engine, const struct pl_cgroup *cgroup,
                           struct pl_state_other *out);

/* idle.c: memory that is not touched any more, of suspects whose match asks for it. */
/* Forgets what was read: another process, or another program in it. */
void pl_engine_begin_idle(struct pl_process *process);
/* Begins windows where none is open, as the budget and the lock allow. */
void pl_engine_post_idle(struct pl_engine *engine);
void pl_engine_idle_cleared(struct pl_engine *engine, const struct pl_job *job);
void pl_engine_idle_stuck(struct pl_process *process);
/* A window is over: the regions are to be read. */
bool pl_engine_idle_is_due(const struct pl_engine *engine, const struct pl_process *process);
/* Takes from a reading of the regions what it says of a window that is over. */
void pl_engine_take_idle(struct pl_engine *engine, struct pl_process *process,
                         const struct pl_job *job);
/* Puts it into the sample: for the track what is new, else what is still worth publishing. */
void pl_engine_show_idle(const struct pl_engine *engine, struct pl_process *process, bool to_track);
/* Since the last reading; below 0: none, or one of long ago. */
double pl_engine_idle_age_s(const struct pl_engine *engine, const struct pl_process *process);

/* casefile.c: a file about each leak that is alerted. */
/* With what a census found, when one was taken: that replaces the file without it. */
void pl_engine_keep_evidence(struct pl_engine *engine, const struct pl_group *group,
                             const struct pl_report *report, const struct pl_census_report *census);
/* The process that a report names, if it still runs; or NULL. */
struct pl_process *pl_engine_blamed(struct pl_engine *engine, const struct pl_report *report);
void pl_engine_evidence_done(struct pl_engine *engine, const struct pl_job *job);

/* census.c: what a leaking process piles up. */
/* What tells how far apart the first look and the last one shall be. */
struct pl_census_pace {
	double heap_bytes;
	double page_bytes;
	double page_count;  /* that a look reads */
	double bytes_per_h; /* of growth, by the verdict; 0: not known */
	double time_scale;
	double tick_s;
};
double pl_engine_census_interval_s(const struct pl_census_pace *pace);
/* After an alarm: one is taken as soon as the budget allows. */
void pl_engine_want_census(struct pl_engine *engine, const struct pl_group *group,
                           const struct pl_report *report);
/* Adds what the last one found to a report about the same process. */
void pl_engine_add_census(struct pl_engine *engine, struct pl_report *report);
void pl_engine_step_census(struct pl_engine *engine);
/* From its first look to its last one: what it reads counts as used, a huge page as a whole. */
bool pl_engine_census_reads(const struct pl_engine *engine, const struct pl_process *process);
void pl_engine_census_done(struct pl_engine *engine, const struct pl_job *job);
void pl_engine_census_stuck(struct pl_engine *engine);
void pl_engine_forget_census(struct pl_process *process);
/* Of the one under way; the worker must not have it. */
void pl_engine_free_census(struct pl_engine *engine);

/* judging.c: histories and verdicts. */
/* Begins a process' history anew. Returns 0, or -1 when out of memory. */
int pl_engine_begin_track(struct pl_engine *engine, struct pl_process *process);
/* Tells its matches that this run of the program is over. */
void pl_engine_end_track(struct pl_engine *engine, struct pl_process *process);
void pl_engine_judge(struct pl_engine *engine);
/* Hands a report to the host, and what follows from it. */
void pl_engine_tell(struct pl_engine *engine, const struct pl_group *group,
                    struct pl_report *report);
/* Tells each match of a process that it cannot be read any more, or that it can again. */
#define PL_UNREADABLE "unreadable" /* the reason until then */
void pl_engine_tell_unreadable(struct pl_engine *engine, const struct pl_process *process,
                               bool over);
/* Unix time at which a process started; 0 when unknown. */
double pl_engine_start_s(const struct pl_engine *engine, uint64_t start_ticks);

/* persist.c: what is known outlives the daemon. */
void pl_engine_restore(struct pl_engine *engine);
/* Hands the history of a process over, if there is one. */
void pl_engine_claim(struct pl_engine *engine, struct pl_process *process);
/* Likewise of a cgroup, which was only just met. */
void pl_engine_claim_cgroup(struct pl_engine *engine, struct pl_cgroup *cgroup);
/* Writes a slice of the state when one is due; never waits for the disk. */
void pl_engine_save_some(struct pl_engine *engine);
/* A verdict must not be lost: save soon. */
void pl_engine_save_soon(struct pl_engine *engine);
void pl_engine_saved(struct pl_engine *engine, const struct pl_job *job);
/* Writes all of it at once, on this thread. */
void pl_engine_save_now(struct pl_engine *engine);
void pl_engine_forget_restored(struct pl_engine *engine);

/* publish.c: sums and readings. */
void pl_engine_publish(struct pl_engine *engine);

static inline bool pl_process_in_group(const struct pl_process *process, uint16_t group)
{
	for (uint16_t i = 0; i < process->group_count; i++)
		if (process->groups[i] == group)
			return true;
	return false;
}

#endif
