//! The list of checks.

/// Passes the names of all checks to a macro.
macro_rules! for_each {
    ($engine:ident) => {
        $engine! {
            a_session_round_trips,
            the_same_key_again_changes_nothing,
            another_key_replaces_the_session_and_keeps_the_lease,
            a_key_of_another_device_is_rejected,
            account_limits_count_other_live_devices,
            closing_twice_counts_once,
            isolation_numbers_are_never_shared_or_inherited,
            a_device_keeps_its_exit_country,
            transitions_are_compare_and_set,
            a_released_slot_rests_and_waits_for_its_device,
            a_failed_connect_frees_its_slot_at_once,
            a_device_that_changes_its_gateway_leaves_nothing_behind,
            totals_outlive_the_history,
            a_month_keeps_its_first_base,
            marks_keep_what_was_written_first,
            a_mark_ends_the_day_before,
            owners_page_through_their_history,
        }
    };
}
pub(in crate::sessions) use for_each;
