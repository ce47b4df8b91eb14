internal import Configurations
internal import Foundation

/// How much of a finished sample lies where an image can show no more, black or white.
struct SampleRange: Codable, Hashable {
    /// Share of the values.
    var saturated: Double

    /// Of an image this much is unusual.
    static let unusual = 0.2

    /// - Parameter values: in [-1, 1] where they are not saturated.
    init(_ values: [Float]) {
        saturated = Double(values.count { $0.magnitude >= 1 }) / Double(max(1, values.count))
    }

    /// What to say of a sample; nil where nothing is unusual.
    ///
    /// - Parameter number: of the sample.
    func warning(_ number: Int) -> String? {
        guard saturated > Self.unusual else { return nil }
        return "\(Int((100 * saturated).rounded())) % of sample \(number) is black or white to the limit"
    }
}

extension SettledSampler {
    /// Why samples of a model of images may saturate with this sampler; nil: no reason is known.
    ///
    /// - Parameter scheduler: the model's own.
    func saturation(with scheduler: SchedulerConfiguration) -> String? {
        guard scheduler.clipSample || scheduler.thresholding,
            !(self.scheduler.clipSample && name.clips), !self.scheduler.thresholding
        else { return nil }
        return
            "the model's scheduler limits the predicted images, which the sampler \(name.rawValue) does not: they may turn "
            + "into flat colour; ddim limits them, and so does \"thresholding\": true where the sampler has it"
    }
}
