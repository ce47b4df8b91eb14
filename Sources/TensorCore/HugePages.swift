internal import CKernels

#if canImport(Glibc)
    internal import Glibc
#endif

/// Consecutive huge pages. Tensors in them need few page faults and few entries of the CPU's address cache.
struct HugePages {
    /// Bytes of one.
    static let size = 1 << 21

    let start: UnsafeMutableRawPointer
    var count: Int

    /// New ones; nil: the system has no more.
    static func mapped(_ count: Int) -> HugePages? {
        guard let start = reserve(count) else { return nil }
        let pages = HugePages(start: start, count: count)
        guard pages.map(0..<count) else {
            pages.giveBack()
            return nil
        }
        return pages
    }

    /// Consecutive ones that are those of `runs`, in their order, and new ones where these don't suffice; nil: the system has no more.
    ///
    /// - Parameter runs: no more than `count` together.
    static func joined(_ runs: [HugePages], _ count: Int) -> HugePages? {
        guard let start = reserve(count) else { return nil }
        let pages = HugePages(start: start, count: count)
        var filled = 0
        for run in runs {
            let moved = ck_move_pages(run.start, start + filled * size, run.count, size)
            filled += moved
            // A process may have only so many mappings; pages that could not be moved are replaced by new ones.
            if moved < run.count { run.dropping(moved).giveBack() }
        }
        guard pages.map(filled..<count) else {
            pages.giveBack()
            return nil
        }
        return pages
    }

    /// All but the first ones.
    func dropping(_ first: Int) -> HugePages { HugePages(start: start + first * Self.size, count: count - first) }

    func giveBack() { munmap(start, count * Self.size) }

    /// Addresses for as many, without memory.
    private static func reserve(_ count: Int) -> UnsafeMutableRawPointer? {
        let bytes = count * size
        let first = mmap(nil, bytes + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let first, first != MAP_FAILED else { return nil }
        let before = (size - Int(bitPattern: first) % size) % size
        if before > 0 { munmap(first, before) }
        if before < size { munmap(first + before + bytes, size - before) }
        return first + before
    }

    /// Puts new memory behind some of the addresses.
    private func map(_ range: Range<Int>) -> Bool {
        guard !range.isEmpty else { return true }
        let (first, bytes) = (start + range.lowerBound * Self.size, range.count * Self.size)
        let mapped = mmap(first, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
        guard mapped != MAP_FAILED else { return false }
        // Advice; where the system has no huge pages, small ones do.
        _ = madvise(first, bytes, MADV_HUGEPAGE)
        return true
    }
}

/// Huge pages that nobody uses, in runs.
///
/// A buffer of any size is made of them: a run is cut, or the pages of several get consecutive addresses; nothing is copied. So what is held
/// is what was used at the peak, in whatever sizes.
struct IdlePages {
    /// The shortest first.
    private var runs: [HugePages] = []

    mutating func put(_ run: HugePages) {
        runs.insert(run, at: runs.firstIndex { $0.count >= run.count } ?? runs.endIndex)
    }

    /// A run, cut from the shortest that is long enough, or joined from the longest, with new pages where all don't suffice; nil: the
    /// system has no more.
    mutating func take(_ wanted: Int) -> HugePages? {
        if let index = runs.firstIndex(where: { $0.count >= wanted }) {
            return cut(runs.remove(at: index), wanted)
        }
        var parts: [HugePages] = []
        var missing = wanted
        while missing > 0, let longest = runs.popLast() {
            let part = cut(longest, min(missing, longest.count))
            missing -= part.count
            parts.append(part)
        }
        return parts.isEmpty ? .mapped(wanted) : .joined(parts, wanted)
    }

    /// Gives all back to the system.
    mutating func giveBack() {
        for run in runs { run.giveBack() }
        runs = []
    }

    /// Its first pages; the others are put back.
    private mutating func cut(_ run: HugePages, _ wanted: Int) -> HugePages {
        if run.count > wanted { put(run.dropping(wanted)) }
        return HugePages(start: run.start, count: wanted)
    }
}
