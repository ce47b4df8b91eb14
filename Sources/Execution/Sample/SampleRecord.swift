internal import Checkpoints
internal import Configurations
internal import Diffusion
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Problems
internal import Sampling
internal import StrictJSON
internal import Text

/// What is said of samples and how they were drawn: in the manifest, and in each PNG.
struct SampleRecord {
    let drawing: Drawing
    let sweep: Sweep?
    let pipeline: Pipeline
    let additions: ModelAdditions
    let modelDigest: String
    /// Of a model that reads text.
    let conditions: TextConditions?
    /// Shape of decoded samples.
    let shape: SampleShape
    /// Of clips.
    let framesPerSecond: Double?
    /// How far the samples of a batch go.
    let ranges: (_ batch: Int) throws -> [SampleRange]
    /// The name of a sample's file.
    let fileName: (Int) -> String

    /// The settings in the form that common viewers show (the `parameters` of A1111's web UI), and as JSON.
    func texts(_ sample: Int) -> [PNG.Text] {
        let d = shape.dimensions
        let part = drawing.part(ofSample: sample)
        let options = part.request.options
        var settings = [
            "Steps: \(part.plan.sampler.steps.count)", "Sampler: \(part.settings.sampler.name.rawValue)",
            "Seed: \(seed(sample))", "Size: \(d[1])x\(d[0])", "Model hash: \(modelDigest.prefix(10))",
            "Model: \(options.model)", "Version: diffd \(Release.version)", "Image number: \(sample)",
            "RNG: \(options.randomSource.rawValue)",
        ]
        if part.settings.sampler.name == .ddim { settings.append("Eta: \(options.sampler.eta)") }
        if let label = classLabel(sample) { settings.append("Class: \(label)") }
        let guidanceScale = part.settings.guidanceScale
        if guidanceScale != 1 { settings.append("CFG scale: \(guidanceScale)") }
        if part.request.edits != nil { settings.append("Denoising strength: \(part.request.strength)") }
        let origin: [JSONNode.Member] =
            [
                .init("model", JSONNode(.string(options.model.description))),
                .init("model_sha256", JSONNode(.string(modelDigest))),
                .init("sampler", part.settings.sampler.options.json),
                .init("rng", JSONNode(.string(options.randomSource.rawValue))),
                .init("guidance_scale", JSONNode(.number(guidanceScale))),
                .init("guidance_rescale", JSONNode(.number(options.guidanceRescale))),
                .init("guidance_interval", JSONNode(.array(options.guidanceInterval.map { JSONNode(.number($0)) }))),
            ]
            + (conditions == nil
                ? []
                : [.init("loras", additions.loraNodes), .init("embeddings", additions.embeddingNodes)])
        return [
            PNG.Text("parameters", prompt(sample) + settings.joined(separator: ", ")),
            PNG.Text("Software", "diffd \(Release.version)"),
            PNG.Text("diffd", JSONNode(.object(entry(sample) + origin)).line),
        ]
    }

    private func seed(_ sample: Int) -> UInt64 {
        let part = drawing.part(ofSample: sample)
        return NoiseSource.seed(of: sample - part.firstSample, part.request.origin)
    }

    /// Nil where the sample is of no class in particular.
    private func classLabel(_ sample: Int) -> Int? {
        let part = drawing.part(ofSample: sample)
        return part.settings.classes.map { $0[(sample - part.firstSample) % $0.count] }
    }

    private func entry(_ sample: Int) -> [JSONNode.Member] {
        let part = drawing.part(ofSample: sample)
        var entry: [JSONNode.Member] = [
            .init("index", JSONNode(.integer(sample))), .init("seed", .unsigned(seed(sample))),
            .init("class_label", classLabel(sample).map { JSONNode(.integer($0)) } ?? .null),
        ]
        if let name = classLabel(sample).flatMap({ pipeline.classNames[$0] }) {
            entry.append(.init("class_name", JSONNode(.string(name))))
        }
        if case .between(_, let end, let count) = part.request.origin {
            entry.append(.init("to_seed", .unsigned(end)))
            entry.append(.init("share", JSONNode(.number(Double(sample) / Double(max(count - 1, 1))))))
        }
        entry += promptMembers(sample)
        if let edits = part.request.edits {
            entry.append(.init("image", JSONNode(.string(Path.name(edits.path(of: sample))))))
            entry.append(.init("strength", JSONNode(.number(edits.strength))))
        }
        if let sweep {
            let columns = sweep.columns.values
            entry.append(.init(sweep.columns.key, columns[sample % columns.count]))
            if let rows = sweep.rows { entry.append(.init(rows.key, rows.values[sample / columns.count])) }
        }
        return entry
    }

    /// What the manifest says of the samples and how they were drawn.
    func manifest() throws -> KeyValuePairs<String, JSONNode> {
        let ranges = try (0..<drawing.batchCount).flatMap { try self.ranges($0) }
        let images: [JSONNode] =
            switch shape {
            case .image, .video:
                (0..<drawing.sampleCount).map { sample in
                    let range = ranges.indices.contains(sample) ? ranges[sample] : nil
                    return JSONNode(
                        .object(
                            [.init("file", JSONNode(.string(fileName(sample))))] + entry(sample) + [
                                .init("saturated", range.map { JSONNode(.number($0.saturated)) } ?? .null)
                            ]))
                }
            case .point: []
            }
        let options = drawing.parts[0].request.options
        let settings = drawing.parts[0].settings
        return [
            "model": [
                "name": JSONNode(.string(options.model.description)), "path": JSONNode(.string(pipeline.path)),
                "class": JSONNode(.string(pipeline.configuration.className)),
                "sha256": JSONNode(.string(modelDigest)),
            ],
            "loras": additions.loraNodes, "embeddings": additions.embeddingNodes,
            "sampler": settings.sampler.options.json,
            "scheduler": settings.sampler.scheduler.config(
                settings.sampler.name, diffusersVersion: Pipeline.diffusersVersion),
            "rng": JSONNode(.string(options.randomSource.rawValue)),
            "guidance_scale": JSONNode(.number(settings.guidanceScale)),
            "sweep": sweep.map(\.json) ?? .null, "count": JSONNode(.integer(drawing.sampleCount)),
            "sample_shape": JSONNode(.array(shape.dimensions.map { JSONNode(.integer($0)) })),
            "fps": framesPerSecond.map { JSONNode(.number($0)) } ?? .null,
            "batch_size": JSONNode(.integer(options.batchSize)), "images": JSONNode(.array(images)),
        ]
    }

    // MARK: - Prompts

    /// The prompts of a sample, as A1111's web UI writes them in front of the other settings.
    private func prompt(_ sample: Int) -> String {
        guard let (positive, negative) = prompts(sample) else { return "" }
        return positive + "\n" + (negative.map { "Negative prompt: \($0)\n" } ?? "")
    }

    private func promptMembers(_ sample: Int) -> [JSONNode.Member] {
        guard let (positive, negative) = prompts(sample) else { return [] }
        let part = drawing.part(ofSample: sample)
        let excess = conditions?.texts(positive, part.request.options.prompts)?.tokens ?? []
        return [
            .init("prompt", JSONNode(.string(positive))),
            .init("negative_prompt", negative.map { JSONNode(.string($0)) } ?? .null),
            .init("prompt_tokens", JSONNode(.array(excess.map { JSONNode(.integer($0.count)) }))),
            .init("left_out", excess.lazy.compactMap(\.excess).first.map { JSONNode(.string($0.text)) } ?? .null),
        ]
    }

    private func prompts(_ sample: Int) -> (positive: String, negative: String?)? {
        let part = drawing.part(ofSample: sample)
        return part.settings.prompts.map { prompts in
            (prompts.positive(of: sample - part.firstSample), prompts.negative(of: sample - part.firstSample))
        }
    }
}
