import CSystemd

/// The heap of a process that runs for months and is to stay small.
public enum Heap {
    /// To be called before there are other threads: each gets an arena then, which keeps what it once had. They mostly wait for the disk.
    public static func begin() {
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, 256 << 10)
    }

    /// Gives the machine back what is free.
    public static func giveBack() { malloc_trim(0) }
}
