internal import Media

extension ExtensionPlan {
    /// When the frames of the result are shown: given ones as long as they were, new ones as `rate` says. Nil where all
    /// last equally long.
    ///
    /// - Parameter clips: the times of each given clip; nil: those of a constant rate, which is that of the result.
    func times(of clips: [FrameTimes?], rate: FrameRate) -> FrameTimes? {
        guard clips.contains(where: { $0 != nil }) else { return nil }
        var parts: [FrameTimes] = []
        var place = 0
        for (range, times) in zip(given, clips) {
            if place < range.lowerBound { parts.append(FrameTimes(count: range.lowerBound - place, rate: rate)) }
            parts.append(times ?? FrameTimes(count: range.count, rate: rate))
            place = range.upperBound
        }
        if place < count { parts.append(FrameTimes(count: count - place, rate: rate)) }
        return parts.dropFirst().reduce(parts[0]) { $0.followed(by: $1) }
    }
}
