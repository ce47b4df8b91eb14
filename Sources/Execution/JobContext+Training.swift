internal import Checkpoints
internal import Configurations
internal import Datasets
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Models
internal import Problems
internal import StrictJSON
internal import TensorCore
internal import Training

/// What all trainings do with what their job says.
extension JobContext {
    /// Decoded samples may take a quarter of the job's memory.
    static func cacheLimit(_ common: CommonOptions) -> Int { common.resources.memory.map { $0 / 4 } ?? 2 << 30 }

    /// Opens the data set of a job, and decodes it where that fits into memory.
    func openDataset(_ configuration: DatasetConfiguration, _ common: CommonOptions) throws -> Dataset {
        try pointing(to: "$.dataset") {
            let resolved = try configuration.mapInputs { input in
                do { return try permitted(input.path) } catch var problem as Problem {
                    problem.path = input.role.jsonPath
                    throw problem
                }
            }
            let dataset = try Dataset(
                resolved, seed: common.seed,
                loading: LoadingOptions(memory: Self.cacheLimit(common), threads: device.threads)
            ) { done, total in
                if stop.wasMade { throw Stopped() }
                if done == total { log("decoded \(total) samples") }
            }
            for note in dataset.notes { log("note: \(note)") }
            return dataset
        }
    }

    /// How a job's training goes over its data set.
    func plan(_ training: TrainingOptions, _ common: CommonOptions, for dataset: Dataset) throws -> TrainingPlan {
        let seed = common.seed
        if let steps = training.steps { return TrainingPlan(training, steps: steps, seed: seed) }
        guard let epochs = training.epochs else {
            throw Problem(
                .invalid, "nothing says how long to train", remedy: "Add steps or epochs.", path: "$.training")
        }
        let batches = dataset.trainingBatches(
            seed: seed, size: training.batchSize, perStep: training.gradientAccumulationSteps, on: device)
        return TrainingPlan(training, steps: batches.steps(epochs: epochs), seed: seed)
    }

    /// Says how much memory a training will take, and ends it where it cannot have so much.
    ///
    /// - Parameter task: what is trained, with a network on the given device.
    func admit(
        _ plan: TrainingPlan, _ dataset: Dataset, _ common: CommonOptions,
        task: (TrainingPlan, Device) -> any TrainingTask
    ) throws {
        func tensors(_ plan: TrainingPlan) -> Int {
            Trainer.rehearse(
                task(plan, .rehearsal()), plan, shape: dataset.shape.dimensions,
                condition: dataset.classes.isEmpty ? .none : Condition(classes: [0]))
        }
        try admit(tensors: tensors(plan), beside: Self.residentMemory, common) {
            var smaller: [SmallerJob] = []
            var other = plan
            if !plan.options.gradientCheckpointing {
                other.options.gradientCheckpointing = true
                smaller.append(SmallerJob(change: "training.gradient_checkpointing", tensors: tensors(other)))
            }
            while other.options.batchSize > 1 {
                other.options.batchSize /= 2
                let accumulation =
                    other.options.gradientAccumulationSteps * plan.options.batchSize / other.options.batchSize
                var change =
                    "training.batch_size \(other.options.batchSize), gradient_accumulation_steps \(accumulation)"
                if other.options.gradientCheckpointing { change += " and gradient_checkpointing" }
                smaller.append(SmallerJob(change: change, tensors: tensors(other)))
            }
            return smaller
        }
    }

    /// Where the states of a training are saved.
    ///
    /// - Parameter deciding: all that decides the weights: states of anything else are refused.
    func trainingStates(of deciding: [String], keep: Int) throws -> TrainingStateStore {
        let fingerprint = try SHA256.digest(of: Array(deciding.joined(separator: "\n").utf8)).description
        return TrainingStateStore(checkpoints, fingerprint: fingerprint, keep: keep, in: files)
    }

    /// `outputs/loss.png`, once there are losses.
    func writeLossCurve(_ record: TrainingRecord, title: String) throws {
        guard !record.losses.isEmpty else { return }
        func points(_ losses: [TrainingRecord.Point]) -> [Point] { losses.map { Point(Double($0.step), $0.loss) } }
        let plot = LinePlot.loss(
            title, training: points(record.losses), validation: points(record.validationLosses))
        try write(PNG.encode(plot.image()), to: output("loss.png"))
    }

    /// The manifest of a training that has come to its end.
    ///
    /// - Parameter model: what it says of the model.
    func writeManifest(
        of trainer: Trainer, _ dataset: Dataset, _ common: CommonOptions, _ reporter: TrainingReporter,
        model: KeyValuePairs<String, JSONNode>
    ) throws {
        let record = trainer.record
        let members: [JSONNode.Member] =
            model.map { .init($0.key, $0.value) } + [
                .init("training_samples", JSONNode(.integer(dataset.trainingCount))),
                .init("steps", JSONNode(.integer(trainer.step))),
                .init("final_loss", record.losses.last.map { JSONNode(.number($0.loss)) } ?? .null),
                .init(
                    "final_validation_loss", record.validationLosses.last.map { JSONNode(.number($0.loss)) } ?? .null),
                .init("recoveries", JSONNode(.integer(record.recoveries))),
            ]
        try writeManifest(
            kind: .train, seed: common.seed, stepsTaken: reporter.stepsTaken, secondsTaken: reporter.secondsTaken,
            members)
    }
}
