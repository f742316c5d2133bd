#include "state/fields.h"

#define MEMBER(type, member) (((type *)0)->member)
#define FIELD(type, member, kind)                                                                  \
	{                                                                                              \
#member, PL_FIELD_##kind, offsetof(type, member), sizeof(MEMBER(type, member)), 1, NULL,   \
			UINT8_MAX                                                                              \
	}
/* A number below `end`. */
#define INDEX(type, member, end)                                                                   \
	{                                                                                              \
#member, PL_FIELD_U8, offsetof(type, member), sizeof(MEMBER(type, member)), 1, NULL,       \
			(uint8_t)((end)-1)                                                                     \
	}
/* An array of any dimensions, as one row of numbers. */
#define ARRAY(type, member, kind, element)                                                         \
	{                                                                                              \
#member, PL_FIELD_##kind, offsetof(type, member), sizeof(element),                         \
			sizeof(MEMBER(type, member)) / sizeof(element), NULL, 0                                \
	}
/* An array of numbers up to `most`. */
#define COUNTS(type, member, most_)                                                                \
	{                                                                                              \
#member, PL_FIELD_U8, offsetof(type, member), 1, sizeof(MEMBER(type, member)), NULL,       \
			(most_)                                                                                \
	}
#define TEXT(type, member)                                                                         \
	{                                                                                              \
#member, PL_FIELD_TEXT, offsetof(type, member), 1, sizeof(MEMBER(type, member)), NULL, 0   \
	}
#define NESTED(type, member, table)                                                                \
	{                                                                                              \
#member, PL_FIELD_STRUCT, offsetof(type, member), sizeof(MEMBER(type, member)), 1,         \
			(table), 0                                                                             \
	}
#define NESTED_ARRAY(type, member, table)                                                          \
	{                                                                                              \
#member, PL_FIELD_STRUCT, offsetof(type, member), sizeof(MEMBER(type, member[0])),         \
			sizeof(MEMBER(type, member)) / sizeof(MEMBER(type, member[0])), (table), 0             \
	}
#define END                                                                                        \
	{                                                                                              \
		NULL, PL_FIELD_U8, 0, 0, 0, NULL, 0                                                        \
	}

static const struct pl_state_field ident_fields[] = {
	FIELD(struct pl_ident, pid, I32),
	FIELD(struct pl_ident, start_ticks, U64),
	END,
};

static const struct pl_state_field time_fields[] = {
	FIELD(struct pl_time, mono_s, F64),
	FIELD(struct pl_time, wall_s, F64),
	END,
};

static const struct pl_state_field counter_fields[] = {
	FIELD(struct pl_counter, known, BOOL),
	FIELD(struct pl_counter, value, U64),
	END,
};

static const struct pl_state_field evidence_fields[] = {
	FIELD(struct pl_evidence, tested, U16),
	FIELD(struct pl_evidence, held, U16),
	FIELD(struct pl_evidence, leaking, BOOL),
	FIELD(struct pl_evidence, growing, BOOL),
	FIELD(struct pl_evidence, urgent, BOOL),
	FIELD(struct pl_evidence, idle, BOOL),
	INDEX(struct pl_evidence, reason, PL_REASON_COUNT),
	INDEX(struct pl_evidence, level, PL_LEVEL_COUNT),
	FIELD(struct pl_evidence, by_maps, BOOL),
	ARRAY(struct pl_evidence, value, F32, float),
	ARRAY(struct pl_evidence, need, F32, float),
	FIELD(struct pl_evidence, begin_s, F64),
	FIELD(struct pl_evidence, end_s, F64),
	FIELD(struct pl_evidence, growth, F64),
	FIELD(struct pl_evidence, rate_per_s, F64),
	FIELD(struct pl_evidence, rate_low, F64),
	FIELD(struct pl_evidence, rate_high, F64),
	FIELD(struct pl_evidence, since_s, F64),
	FIELD(struct pl_evidence, leaked, F64),
	FIELD(struct pl_evidence, floor_per_s, F64),
	FIELD(struct pl_evidence, to_limit_s, F64),
	FIELD(struct pl_evidence, idle_window_s, F64),
	END,
};

static const struct pl_state_field judge_fields[] = {
	INDEX(struct pl_judge_state, verdict, PL_VERDICT_COUNT),
	INDEX(struct pl_judge_state, reason, PL_REASON_COUNT),
	FIELD(struct pl_judge_state, pass_since_s, F64),
	FIELD(struct pl_judge_state, alarmed, BOOL),
	FIELD(struct pl_judge_state, confirmed, BOOL),
	FIELD(struct pl_judge_state, alarm_s, F64),
	FIELD(struct pl_judge_state, alarm_level, F64),
	FIELD(struct pl_judge_state, alarm_leaked, F64),
	FIELD(struct pl_judge_state, alarm_span_s, F64),
	FIELD(struct pl_judge_state, quiet_from_s, F64),
	NESTED(struct pl_judge_state, last, evidence_fields),
	END,
};

static const struct pl_state_field block_fields[] = {
	ARRAY(struct pl_block, value, F32, float),
	FIELD(struct pl_block, present, U16),
	FIELD(struct pl_block, mean_count, U16),
	END,
};

static const struct pl_state_field history_fields[] = {
	FIELD(struct pl_history, clock_s, F64),
	FIELD(struct pl_history, last_mono_s, F64),
	FIELD(struct pl_history, age_at_origin_s, F64),
	FIELD(struct pl_history, started, BOOL),
	ARRAY(struct pl_history, open_index, I32, int32_t),
	NESTED_ARRAY(struct pl_history, open, block_fields),
	ARRAY(struct pl_history, fine_present, U64, uint64_t),
	ARRAY(struct pl_history, fine, F32, float),
	ARRAY(struct pl_history, fine_fds_present, U64, uint64_t),
	ARRAY(struct pl_history, fine_fds, U16, uint16_t),
	ARRAY(struct pl_history, present, U64, uint64_t),
	ARRAY(struct pl_history, exact, F32, float),
	ARRAY(struct pl_history, packed, U16, uint16_t),
	END,
};

static const struct pl_state_field attribution_fields[] = {
	INDEX(struct pl_attribution, cause, PL_CAUSE_COUNT),
	INDEX(struct pl_attribution, driver, PL_DRIVER_COUNT),
	ARRAY(struct pl_attribution, share, F32, float),
	ARRAY(struct pl_attribution, share_error, F32, float),
	FIELD(struct pl_attribution, per_unit, F32),
	FIELD(struct pl_attribution, per_unit_low, F32),
	FIELD(struct pl_attribution, per_unit_high, F32),
	END,
};

static const struct pl_state_field place_fields[] = {
	INDEX(struct pl_place, region, PL_REGION_COUNT),
	FIELD(struct pl_place, share, F32),
	FIELD(struct pl_place, grown_bytes, F32),
	END,
};

static const struct pl_state_field places_fields[] = {
	COUNTS(struct pl_places, count, PL_PLACES_KEPT),
	NESTED_ARRAY(struct pl_places, places, place_fields),
	FIELD(struct pl_places, runtimes, U32),
	FIELD(struct pl_places, heap_most_bytes, F32),
	FIELD(struct pl_places, heap_left_bytes, F32),
	FIELD(struct pl_places, shared_left_bytes, F32),
	FIELD(struct pl_places, blind, BOOL),
	FIELD(struct pl_places, first_touch, BOOL),
	FIELD(struct pl_places, sampled, BOOL),
	FIELD(struct pl_places, many_views, BOOL),
	END,
};

static const struct pl_state_field room_fields[] = {
	INDEX(struct pl_room, kind, PL_LIMIT_COUNT),
	FIELD(struct pl_room, limit, F64),
	FIELD(struct pl_room, left, F64),
	END,
};

static const struct pl_state_field idle_point_fields[] = {
	FIELD(struct pl_idle_point, t_s, F32),
	FIELD(struct pl_idle_point, u, F32),
	FIELD(struct pl_idle_point, idle, F32),
	FIELD(struct pl_idle_point, weight, F32),
	END,
};

static const struct pl_state_field idle_fields[] = {
	INDEX(struct pl_idle, count, PL_IDLE_POINTS + 1),
	FIELD(struct pl_idle, window_s, F32),
	FIELD(struct pl_idle, late_s, F32),
	NESTED_ARRAY(struct pl_idle, points, idle_point_fields),
	END,
};

static const struct pl_state_field maps_point_fields[] = {
	FIELD(struct pl_maps_point, at_s, F32),
	FIELD(struct pl_maps_point, count, F32),
	END,
};

static const struct pl_state_field maps_fields[] = {
	FIELD(struct pl_maps, reading_count, U32),
	NESTED(struct pl_maps, base, maps_point_fields),
	NESTED(struct pl_maps, middle, maps_point_fields),
	NESTED(struct pl_maps, next, maps_point_fields),
	NESTED(struct pl_maps, now, maps_point_fields),
	END,
};

static const struct pl_state_field track_fields[] = {
	NESTED(struct pl_track, ident, ident_fields),
	FIELD(struct pl_track, time_scale, F64),
	NESTED(struct pl_track, now, time_fields),
	FIELD(struct pl_track, sample_count, U64),
	INDEX(struct pl_track, u_source, PL_U_RSS + 1),
	FIELD(struct pl_track, judge_due_s, F64),
	FIELD(struct pl_track, lazyfree_bytes, U64),
	FIELD(struct pl_track, lazyfree_s, F64),
	NESTED_ARRAY(struct pl_track, counters, counter_fields),
	FIELD(struct pl_track, u_bytes, F64),
	FIELD(struct pl_track, limit_bytes, F64),
	FIELD(struct pl_track, anon_bytes, F64),
	FIELD(struct pl_track, shmem_bytes, F64),
	FIELD(struct pl_track, held_bytes, F32),
	FIELD(struct pl_track, held_s, F32),
	FIELD(struct pl_track, fds, F64),
	FIELD(struct pl_track, fd_limit, F64),
	FIELD(struct pl_track, threads, F64),
	NESTED(struct pl_track, memory_room, room_fields),
	NESTED(struct pl_track, thread_room, room_fields),
	NESTED(struct pl_track, maps, maps_fields),
	FIELD(struct pl_track, maps_limit, F32),
	NESTED_ARRAY(struct pl_track, judged, judge_fields),
	INDEX(struct pl_track, verdict, PL_VERDICT_COUNT),
	INDEX(struct pl_track, worst, PL_TRACKED_COUNT),
	INDEX(struct pl_track, reported_verdict, PL_VERDICT_COUNT),
	FIELD(struct pl_track, reported_confirmed, BOOL),
	FIELD(struct pl_track, alarm_told, BOOL),
	INDEX(struct pl_track, told_of, 2 * PL_TOLD_WITH_COUNTS),
	FIELD(struct pl_track, changed, BOOL),
	NESTED(struct pl_track, attribution, attribution_fields),
	NESTED(struct pl_track, places, places_fields),
	NESTED(struct pl_track, idle, idle_fields),
	NESTED(struct pl_track, history, history_fields),
	END,
};

static const struct pl_state_field run_fields[] = {
	FIELD(struct pl_run, begin_s, F64),
	FIELD(struct pl_run, end_s, F64),
	FIELD(struct pl_run, rate_per_s, F64),
	FIELD(struct pl_run, grown, F64),
	FIELD(struct pl_run, level, F64),
	FIELD(struct pl_run, evenness, F64),
	END,
};

static const struct pl_state_field run_drivers_fields[] = {
	FIELD(struct pl_run_drivers, known, U32),
	ARRAY(struct pl_run_drivers, amount, F32, float),
	END,
};

static const struct pl_state_field findings_fields[] = {
	FIELD(struct pl_findings, present, U32),
	ARRAY(struct pl_findings, value, F64, double),
	END,
};

static const struct pl_state_field family_fields[] = {
	FIELD(struct pl_family, time_scale, F64),
	NESTED(struct pl_family, now, time_fields),
	FIELD(struct pl_family, member_count, U32),
	INDEX(struct pl_family, verdict, PL_VERDICT_COUNT),
	INDEX(struct pl_family, reason, PL_REASON_COUNT),
	FIELD(struct pl_family, by_runs, BOOL),
	NESTED(struct pl_family, worst, ident_fields),
	NESTED(struct pl_family, findings, findings_fields),
	INDEX(struct pl_family, tick_verdict, PL_VERDICT_COUNT),
	INDEX(struct pl_family, tick_reason, PL_REASON_COUNT),
	NESTED(struct pl_family, tick_worst, ident_fields),
	NESTED(struct pl_family, tick_findings, findings_fields),
	FIELD(struct pl_family, run_total, U32),
	FIELD(struct pl_family, runs_changed, BOOL),
	NESTED_ARRAY(struct pl_family, runs, run_fields),
	NESTED_ARRAY(struct pl_family, run_drivers, run_drivers_fields),
	COUNTS(struct pl_family, run_places, PL_REGION_COUNT),
	FIELD(struct pl_family, alike_from_s, F64),
	NESTED(struct pl_family, runs_evidence, evidence_fields),
	NESTED(struct pl_family, runs_attribution, attribution_fields),
	NESTED(struct pl_family, runs_places, places_fields),
	INDEX(struct pl_family, alarm_verdict, PL_VERDICT_COUNT),
	FIELD(struct pl_family, alarm_confirmed, BOOL),
	FIELD(struct pl_family, alarm_owed, BOOL),
	INDEX(struct pl_family, alarm_kinds, PL_FAMILY_KINDS),
	FIELD(struct pl_family, alarm_wall_s, F64),
	INDEX(struct pl_family, told_verdict, PL_VERDICT_COUNT),
	END,
};

static const struct pl_state_field cost_fields[] = {
	FIELD(struct pl_read_cost, cpu_us_total, U64),
	FIELD(struct pl_read_cost, lock_us_total, U64),
	FIELD(struct pl_read_cost, longest_us, U32),
	FIELD(struct pl_read_cost, read_count, U32),
	FIELD(struct pl_read_cost, deferred_count, U32),
	FIELD(struct pl_read_cost, degraded_count, U32),
	FIELD(struct pl_read_cost, error_share, F32),
	INDEX(struct pl_read_cost, method, PL_METHOD_ROLLUP + 1),
	END,
};

/* Of the plugin's account what `status` tells. */
static const struct pl_state_field self_fields[] = {
	FIELD(struct pl_self, tick_cpu_us_total, U64), FIELD(struct pl_self, deep_cpu_us_total, U64),
	FIELD(struct pl_self, deep_reads_total, U64),  FIELD(struct pl_self, lock_us_total, U64),
	FIELD(struct pl_self, longest_hold_ms, F64),   FIELD(struct pl_self, deferred_total, U64),
	FIELD(struct pl_self, degraded_total, U64),    FIELD(struct pl_self, throttled_us_total, U64),
	FIELD(struct pl_self, own_state, U32),         END,
};

const struct pl_state_field pl_state_header_fields[] = {
	TEXT(struct pl_state_header, boot_id),
	FIELD(struct pl_state_header, saved_s, F64),
	FIELD(struct pl_state_header, boot_s, F64),
	FIELD(struct pl_state_header, ticks_per_s, F64),
	FIELD(struct pl_state_header, time_scale, F64),
	NESTED(struct pl_state_header, self, self_fields),
	END,
};

const struct pl_state_field pl_state_match_fields[] = {
	TEXT(struct pl_state_match, name),
	NESTED(struct pl_state_match, family, family_fields),
	END,
};

static const struct pl_state_field point_fields[] = {
	FIELD(struct pl_ledger_point, time_s, F64),
	FIELD(struct pl_ledger_point, work_us, U64),
	ARRAY(struct pl_ledger_point, used_bytes, U64, uint64_t),
	END,
};

static const struct pl_state_field region_place_fields[] = {
	FIELD(struct pl_region_place, start, U64),
	FIELD(struct pl_region_place, end, U64),
	FIELD(struct pl_region_place, used_bytes, U64),
	FIELD(struct pl_region_place, name_hash, U32),
	INDEX(struct pl_region_place, region, PL_REGION_COUNT),
	TEXT(struct pl_region_place, name),
	END,
};

static const struct pl_state_field ledger_place_fields[] = {
	NESTED(struct pl_ledger_place, place, region_place_fields),
	FIELD(struct pl_ledger_place, base_bytes, U64),
	END,
};

static const struct pl_state_field ledger_fields[] = {
	FIELD(struct pl_ledger, reading_count, U32),
	FIELD(struct pl_ledger, runtimes, U32),
	FIELD(struct pl_ledger, base_stack_count, U32),
	FIELD(struct pl_ledger, stack_count, U32),
	FIELD(struct pl_ledger, base_mapping_count, U32),
	FIELD(struct pl_ledger, mapping_count, U32),
	FIELD(struct pl_ledger, window_stride, U32),
	FIELD(struct pl_ledger, error_share, F32),
	FIELD(struct pl_ledger, heap_is_full, BOOL),
	FIELD(struct pl_ledger, heap_most_bytes, F32),
	FIELD(struct pl_ledger, base_shared_size_bytes, F32),
	FIELD(struct pl_ledger, shared_size_bytes, F32),
	NESTED(struct pl_ledger, base, point_fields),
	NESTED(struct pl_ledger, middle, point_fields),
	NESTED(struct pl_ledger, next, point_fields),
	NESTED(struct pl_ledger, now, point_fields),
	FIELD(struct pl_ledger, seen, U32),
	ARRAY(struct pl_ledger, resident_bytes, U64, uint64_t),
	ARRAY(struct pl_ledger, pss_bytes, U64, uint64_t),
	FIELD(struct pl_ledger, swap_bytes, U64),
	FIELD(struct pl_ledger, lazyfree_bytes, U64),
	FIELD(struct pl_ledger, huge_bytes, U64),
	ARRAY(struct pl_ledger, base_anon_by_size, U64, uint64_t),
	ARRAY(struct pl_ledger, anon_by_size, U64, uint64_t),
	FIELD(struct pl_ledger, unseen_bytes, U64),
	FIELD(struct pl_ledger, place_count, U32),
	NESTED_ARRAY(struct pl_ledger, places, ledger_place_fields),
	END,
};

const struct pl_state_field pl_state_process_fields[] = {
	TEXT(struct pl_state_process, match),
	TEXT(struct pl_state_process, comm),
	TEXT(struct pl_state_process, message),
	FIELD(struct pl_state_process, start_code, U64),
	NESTED(struct pl_state_process, cost, cost_fields),
	NESTED(struct pl_state_process, track, track_fields),
	NESTED(struct pl_state_process, ledger, ledger_fields),
	END,
};

static const struct pl_state_field parts_fields[] = {
	FIELD(struct pl_cgroup_parts, known, U32),
	ARRAY(struct pl_cgroup_parts, bytes, U64, uint64_t),
	END,
};

const struct pl_state_field pl_state_other_fields[] = {
	TEXT(struct pl_state_other, match),
	TEXT(struct pl_state_other, path),
	INDEX(struct pl_state_other, cgroup_kind, UINT8_MAX),
	TEXT(struct pl_state_other, message),
	FIELD(struct pl_state_other, member_count, U32),
	ARRAY(struct pl_state_other, gone, U64, uint64_t),
	FIELD(struct pl_state_other, first_s, F64),
	NESTED(struct pl_state_other, base, parts_fields),
	NESTED(struct pl_state_other, track, track_fields),
	END,
};

size_t pl_state_fields_covered(const struct pl_state_field *fields)
{
	size_t covered = 0;

	for (; fields->name; fields++)
		covered += fields->count *
		           (fields->fields ? pl_state_fields_covered(fields->fields) : fields->size);
	return covered;
}
