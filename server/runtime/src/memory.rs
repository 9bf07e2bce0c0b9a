//! Memory that the allocator holds.

/// Returns unused memory to the kernel. glibc keeps freed memory for later allocations, so without this a process stays
/// as large as it was with the most work. It locks the allocator for milliseconds.
pub fn release_unused() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "malloc_trim(3) has no safe wrapper")]
    // SAFETY: the call takes a number and has no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
}
