public import Problems
public import StrictJSON

/// A job file as understood: every default filled in, every rule checked that needs nothing but the file.
public enum JobSpec: Sendable, Hashable {
    case train(TrainJob)
    case trainAutoencoder(AutoencoderJob)
    case fineTune(FineTuneJob)
    case sample(SampleJob)
    case img2img(Img2ImgJob)
    case videoExtend(VideoExtendJob)
    case evaluate(EvaluateJob)

    /// A larger job file is refused unread. Data belong in files of their own.
    public static let maximumFileSize = 1 << 20

    public static let form = Form<JobSpec>.oneOf(
        "kind",
        [
            Alternative(JobKind.train.rawValue, where: TrainJob.isMeant, Self.train) {
                if case .train(let job) = $0 { job } else { nil }
            },
            Alternative(JobKind.train.rawValue, where: FineTuneJob.isMeant, Self.fineTune) {
                if case .fineTune(let job) = $0 { job } else { nil }
            },
            Alternative(JobKind.train.rawValue, where: AutoencoderJob.isMeant, Self.trainAutoencoder) {
                if case .trainAutoencoder(let job) = $0 { job } else { nil }
            },
            Alternative(JobKind.sample.rawValue, Self.sample) { if case .sample(let job) = $0 { job } else { nil } },
            Alternative(JobKind.img2img.rawValue, Self.img2img) { if case .img2img(let job) = $0 { job } else { nil } },
            Alternative(JobKind.videoExtend.rawValue, Self.videoExtend) {
                if case .videoExtend(let job) = $0 { job } else { nil }
            },
            Alternative(JobKind.evaluate.rawValue, Self.evaluate) {
                if case .evaluate(let job) = $0 { job } else { nil }
            },
        ])

    public var kind: JobKind {
        switch self {
        case .train, .trainAutoencoder, .fineTune: .train
        case .sample: .sample
        case .img2img: .img2img
        case .videoExtend: .videoExtend
        case .evaluate: .evaluate
        }
    }

    /// The keys that every kind of job has.
    public var common: CommonOptions {
        get {
            switch self {
            case .train(let job): job.common
            case .trainAutoencoder(let job): job.common
            case .fineTune(let job): job.common
            case .sample(let job): job.common
            case .img2img(let job): job.common
            case .videoExtend(let job): job.common
            case .evaluate(let job): job.common
            }
        }
        set {
            switch self {
            case .train(var job):
                job.common = newValue
                self = .train(job)
            case .trainAutoencoder(var job):
                job.common = newValue
                self = .trainAutoencoder(job)
            case .fineTune(var job):
                job.common = newValue
                self = .fineTune(job)
            case .sample(var job):
                job.common = newValue
                self = .sample(job)
            case .img2img(var job):
                job.common = newValue
                self = .img2img(job)
            case .videoExtend(var job):
                job.common = newValue
                self = .videoExtend(job)
            case .evaluate(var job):
                job.common = newValue
                self = .evaluate(job)
            }
        }
    }

    /// What the job is called: its `name`, or what its file was called.
    public var name: String { common.name ?? kind.rawValue }

    /// Reads a job file.
    ///
    /// - Parameter fileName: `NAME.json` or `NAME`: names the file in problems, and the job where it does not name itself.
    /// - Throws: every problem of the file, with its path, line and column.
    public static func decode(_ bytes: [UInt8], fileName: String) throws(Problems) -> JobSpec {
        guard bytes.count <= maximumFileSize else {
            throw Problems([
                Problem(
                    .invalid, "the job file has \(bytes.count) bytes, more than the \(maximumFileSize) allowed",
                    remedy: "Put data into files of their own and name their paths.", file: fileName)
            ])
        }
        return try decode(JSONNode.parse(bytes, file: fileName), fileName: fileName)
    }

    /// Reads a job file that has been parsed.
    public static func decode(_ root: JSONNode, fileName: String) throws(Problems) -> JobSpec {
        var report = Report(otherNames: OtherNames.of(root["kind"]?.string))
        let spec = form.read(root.withoutSchema, .root, &report)
        try report.check(file: fileName)
        guard var spec else { throw Problems([Problem(.internal, "the job file was not read", file: fileName)]) }
        if spec.common.name == nil { spec.common.name = JobName.from(fileName: fileName) }
        return spec
    }

    /// The job with every key written out, as in `job.json`; `decode` reads it back to the same job.
    public var json: JSONNode { Self.form.write(self) }

    /// The JSON Schema of job files, as in `etc/job.schema.json`.
    public static var schema: JSONNode {
        let head: JSONNode = [
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "diffd job",
            "description": "A job file of diffd: drop it into the spool's incoming directory.",
        ]
        return JSONNode(.object((head.members ?? []) + (form.schema.allowingSchema.members ?? [])))
    }
}

/// The key by which editors know the schema of a file: `"$schema": "job.schema.json"`. It says nothing of the job.
extension JSONNode {
    private static let schemaKey = "$schema"

    fileprivate var withoutSchema: JSONNode {
        guard self[Self.schemaKey]?.string != nil, let members else { return self }
        return JSONNode(.object(members.filter { $0.name != Self.schemaKey }), place: place)
    }

    /// Of a `oneOf` of objects: each with the key.
    fileprivate var allowingSchema: JSONNode {
        let key = Member(
            Self.schemaKey,
            ["type": "string", "description": "Where an editor finds this schema; the job does not depend on it."])
        func replacing(_ name: String, in node: JSONNode, _ change: (JSONNode) -> JSONNode) -> JSONNode {
            JSONNode(.object((node.members ?? []).map { $0.name == name ? Member(name, change($0.node)) : $0 }))
        }
        return replacing("oneOf", in: self) { alternatives in
            JSONNode(
                .array(
                    (alternatives.elements ?? []).map { alternative in
                        replacing("properties", in: alternative) { JSONNode(.object([key] + ($0.members ?? []))) }
                    }))
        }
    }
}
