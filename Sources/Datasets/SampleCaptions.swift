/// What is said of each sample in words: one text or several.
struct SampleCaptions: Sendable {
    /// Each once, in the order in which they are first said.
    let texts: [String]
    /// The numbers of the first sample's captions, then of the second's, and so on.
    private let numbers: [Int32]
    /// Where each sample's begin in `numbers`, and where the last one's end.
    private let starts: [Int32]

    /// - Parameter captions: of each sample, at least one.
    init(_ captions: [[String]]) {
        var texts: [String] = []
        var known: [String: Int32] = [:]
        var (numbers, starts) = ([Int32](), [Int32(0)])
        for own in captions {
            precondition(!own.isEmpty, "a sample without a caption among others that have one")
            for text in own {
                if let number = known[text] {
                    numbers.append(number)
                } else {
                    known[text] = Int32(texts.count)
                    numbers.append(Int32(texts.count))
                    texts.append(text)
                }
            }
            starts.append(Int32(numbers.count))
        }
        (self.texts, self.numbers, self.starts) = (texts, numbers, starts)
    }

    /// The number of one of a sample's captions.
    ///
    /// - Parameter draw: says which of how many.
    func number(of sample: Int, _ draw: (_ count: Int) -> Int) -> Int {
        let own = Int(starts[sample])..<Int(starts[sample + 1])
        return Int(numbers[own.count == 1 ? own.lowerBound : own.lowerBound + draw(own.count)])
    }
}
