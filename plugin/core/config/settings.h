/*
 * Settings as the rest of the core reads them: plain numbers in base units, defaults filled in.
 *
 * Knows no syntax; config.h turns text into these structs. Every field has one row in the option
 * table (config.c), which gives its key, unit, range, default and help.
 */
#ifndef PL_CONFIG_SETTINGS_H
#define PL_CONFIG_SETTINGS_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pl_sensitivity { PL_SENSITIVITY_LOW, PL_SENSITIVITY_NORMAL, PL_SENSITIVITY_HIGH };

/* The detector's settings; durations before TimeScale is applied. */
struct pl_settings {
	double min_growth_bytes;         /* MinGrowth: leaked bytes below this never alarm */
	double min_growth_percent;       /* MinGrowthPercent: nor below this share of the level */
	double min_rate_bytes_per_h;     /* MinRate: nor a slower leak */
	enum pl_sensitivity sensitivity; /* Sensitivity */
	double horizon_s;                /* Horizon: a limit reached within it makes it critical */
	double settle_s;                 /* Settle: wait after a process starts */
	bool season;                     /* Season: wait for a day to rule out a daily cycle */
	double renotify_s;               /* Renotify: least time between two alerts of one match */
	bool notify;                     /* Notify: the host sends alerts of its own */
	bool idle_memory;                /* IdleMemory: what of the growth is not touched any more */
	double idle_max_size_bytes;      /* IdleMemoryMaxSize: not of larger processes */
	bool census;                     /* Census: look what a leaking process piles up */
};

/* Which groups of series a host publishes, per match. */
struct pl_collect {
	bool memory;      /* memory by kind, RSS, address space */
	bool rollup;      /* PSS, USS, private dirty and kin */
	bool faults;      /* page faults */
	bool cpu;         /* CPU time */
	bool switches;    /* context switches */
	bool io;          /* bytes and calls read and written */
	bool fds;         /* descriptors, by kind */
	bool connections; /* sockets by state */
	bool limits;      /* memory and descriptor limits */
	bool cgroup;      /* memory of its cgroups that no process explains */
	bool verdict;     /* verdict, growth and kin */
};

/* A match's name and the suffix of a series ("-4194304", "-regions") must fit in 127 bytes. */
#define PL_NAME_SIZE 120 /* with its NUL */
#define PL_MATCH_MAX 256

/* One named match. A condition that is NULL (or absent) always holds; all given ones must hold. */
struct pl_match {
	char *name;              /* fit for a series: see pl_config_clean_name() */
	char *given_name;        /* as the user wrote it */
	char *command;           /* Command: equals comm; cut to the 15 bytes that the kernel keeps */
	char *command_line;      /* CommandLine: source of the extended regular expression */
	regex_t command_line_re; /* compiled when command_line is given */
	char *executable;        /* Executable: glob on the path of the program */
	char *user;              /* User: name or number */
	uint32_t uid;            /* resolved from user when user is given */
	char *cgroup;            /* Cgroup, or Unit: glob on the cgroup's path */
	char *unit;              /* Unit: last component of the cgroup's path, glob */
	char *pid_file;          /* PidFile: file that holds the pid */
	int32_t pid;             /* Pid (terminal only): this process; 0 when absent */
	bool children;           /* Children: with pid or pid_file, its descendants too */
	bool per_process;        /* PerProcess: a series per process too */
	uint32_t max_processes;  /* MaxProcesses: at most so many, the rest summed as "other" */
	struct pl_collect collect;
	struct pl_settings settings;
	uint64_t set_mask; /* for config.c: options given in this match, by row of the table */
	bool useless;      /* for config.c: a condition was wrong, so it would match too much */
};

struct pl_config {
	char *proc_root;                 /* ProcFS */
	char *cgroup_root;               /* CgroupFS */
	char *state_file;                /* StateFile; empty: none is kept */
	char *evidence_dir;              /* EvidenceDir; empty: none is written */
	uint32_t evidence_file_count;    /* EvidenceFiles: at most */
	bool evidence_arguments;         /* EvidenceArguments: arguments of commands, too */
	double state_interval_s;         /* StateInterval: between two saves, TimeScale or not */
	double deep_read_budget_percent; /* DeepReadBudget: of one CPU, for tiers 1-3 */
	double max_lock_ms_per_min;      /* MaxLockTime: a minute, of one process' mmap lock */
	double read_timeout_s;           /* ReadTimeout: a read that hangs longer is given up */
	double time_scale;               /* TimeScale */
	bool idle_of_all;  /* for `record`: IdleMemory of every process, not of suspects alone */
	bool auto_enabled; /* Auto: on by itself when nothing is matched */
	uint64_t auto_min_size_bytes; /* AutoMinSize */
	uint32_t auto_top_count;      /* AutoTop */
	struct pl_settings settings;  /* of Auto's groups, and the default of every match */
	struct pl_collect collect;
	bool per_process;       /* the default of every match, likewise */
	uint32_t max_processes; /* likewise */
	struct pl_match *matches;
	size_t match_count;
	uint64_t set_mask; /* for config.c: options given, by row of the table */
	bool match_given;  /* for config.c: some match was named, be it a faulty one */
	bool incomplete;   /* there was no memory for something of it: no engine starts with it */
};

#endif
