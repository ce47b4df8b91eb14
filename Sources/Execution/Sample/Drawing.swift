internal import Configurations
internal import Diffusion
internal import JobSpec
internal import Problems
internal import Sampling
internal import StrictJSON
internal import TensorCore

/// What a job asks to be drawn with one setting: a whole sample or img2img job, or a single cell of a sweep.
struct DrawingRequest {
    var options: DrawingOptions
    var seed: UInt64
    /// Samples in all.
    var count: Int
    /// Which noise each sample begins with.
    var origin: NoiseSource.Origin
    /// What samples are made from; nil: nothing but noise.
    var edits: EditedPictures?
    /// For a model of video.
    var clip = ClipOptions()

    init(_ job: SampleJob) {
        options = job.drawing
        seed = job.common.seed
        count = job.count
        clip = job.clip
        if let seeds = job.seeds {
            origin = .seeds(seeds)
        } else if let path = job.interpolate {
            origin = .between(path.fromSeed, path.toSeed, count: path.steps)
        } else {
            origin = .seed(seed)
        }
    }

    init(_ job: Img2ImgJob, _ edits: EditedPictures) {
        options = job.drawing
        seed = job.common.seed
        count = edits.count
        origin = .seed(seed)
        self.edits = edits
        clip.size = job.size
    }

    /// The windows of a clip, one after the other.
    init(_ job: VideoExtendJob, windows: Int) {
        options = job.drawing
        options.batchSize = 1
        seed = job.common.seed
        count = windows
        origin = .seed(seed)
    }

    var noise: NoiseSource { options.randomSource == .torch ? .torch(origin) : .philox(origin) }

    var strength: Double { edits?.strength ?? 1 }
}

/// All that a job draws: one part, or one for each cell of a sweep. Samples and batches are numbered through.
struct Drawing {
    struct Part {
        let request: DrawingRequest
        let settings: DrawingSettings
        let plan: SamplingPlan
        let firstSample: Int
        let firstBatch: Int
        let firstStep: Int

        /// The numbers of the samples of a batch, both numbered through.
        func samples(of batch: Int) -> Range<Int> {
            let own = plan.samples(of: batch - firstBatch)
            return firstSample + own.lowerBound..<firstSample + own.upperBound
        }
    }

    private(set) var parts: [Part] = []
    private(set) var sampleCount = 0
    private(set) var batchCount = 0
    private(set) var totalSteps = 0

    mutating func append(_ request: DrawingRequest, _ settings: DrawingSettings, _ plan: SamplingPlan) {
        parts.append(
            Part(
                request: request, settings: settings, plan: plan, firstSample: sampleCount, firstBatch: batchCount,
                firstStep: totalSteps))
        sampleCount += plan.count
        batchCount += plan.batchCount
        totalSteps += plan.totalSteps
    }

    /// The part to which a sample belongs.
    func part(ofSample sample: Int) -> Part { parts.last { $0.firstSample <= sample } ?? parts[0] }

    /// The part to which a batch belongs.
    func part(ofBatch batch: Int) -> Part { parts.last { $0.firstBatch <= batch } ?? parts[0] }
}

extension DrawingOptions.WeightsType {
    /// Nil for 32 bits.
    var format: HalfTensor.Format? {
        switch self {
        case .fp32: nil
        case .fp16: .float16
        case .bf16: .bfloat16
        }
    }
}
