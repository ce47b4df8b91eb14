import Configurations
import Datasets
import Models
import Problems
import TensorCore
import TestSupport
import Testing

@Suite("the order of samples") struct OrderTests {
    let device = Device(threads: 1)

    private func labels(_ batches: TrainingBatches, steps: Range<Int>) throws -> [Int] {
        try steps.flatMap { step in
            try (0..<batches.perStep).flatMap {
                try #require(try batches.batch(step: step, microbatch: $0).condition.classNumbers)
            }
        }
    }

    @Test("each epoch shows each sample once, in an order of its own") func epochs() throws {
        let data = try Making.numbered(23, in: Workplace())
        let order = try labels(data.trainingBatches(seed: 9, size: 23, on: device), steps: 0..<4)
        let epochs = (0..<4).map { Array(order[23 * $0..<23 * ($0 + 1)]) }
        for epoch in epochs { #expect(epoch.sorted() == Array(0..<23)) }
        #expect(Set(epochs).count == 4)
    }

    @Test("a batch depends on the seed and its place alone") func stateless() throws {
        let data = try Making.numbered(23, in: Workplace())
        let batches = data.trainingBatches(seed: 9, size: 5, on: device)
        let forwards = try labels(batches, steps: 0..<20)
        let backwards = try (0..<20).reversed().map { try labels(batches, steps: $0..<$0 + 1) }
        #expect(Array(backwards.reversed().joined()) == forwards)
        #expect(
            try labels(data.trainingBatches(seed: 9, size: 5, on: device), steps: 7..<8) == Array(forwards[35..<40]))
        #expect(try labels(data.trainingBatches(seed: 8, size: 5, on: device), steps: 0..<20) != forwards)
    }

    @Test("batches of any size and accumulation walk the same order") func sizes() throws {
        let data = try Making.numbered(23, in: Workplace())
        let whole = try labels(data.trainingBatches(seed: 1, size: 12, on: device), steps: 0..<10)
        #expect(try labels(data.trainingBatches(seed: 1, size: 4, perStep: 3, on: device), steps: 0..<10) == whole)
        // More than the set in one batch.
        #expect(try labels(data.trainingBatches(seed: 1, size: 60, on: device), steps: 0..<2) == whole)
        #expect(data.trainingBatches(seed: 1, size: 4, perStep: 3, on: device).steps(epochs: 2) == 4)
    }

    @Test("samples come with their labels") func pairs() throws {
        let data = try Making.numbered(23, in: Workplace())
        let batch = try data.trainingBatches(seed: 1, size: 8, on: device).batch(step: 0)
        #expect(batch.x.shape == [8, 2, 2, 1])
        for (sample, label) in zip(batch.samples, try #require(batch.condition.classNumbers)) {
            #expect(sample[0] == Float(label) / 255 * 2 - 1 && sample[1] == Float(255 - label) / 255 * 2 - 1)
        }
    }

    @Test("half of the samples are mirrored, others each epoch") func flips() throws {
        let data = try Making.numbered(100, in: Workplace(), flip: true)
        let batches = data.trainingBatches(seed: 1, size: 100, on: device)
        let mirrored = try (0..<2).map { step -> [Int: Bool] in
            let batch = try batches.batch(step: step)
            let pairs = try zip(#require(batch.condition.classNumbers), batch.samples).map { label, sample in
                (label, sample[1] == Float(label) / 255 * 2 - 1)
            }
            return Dictionary(uniqueKeysWithValues: pairs)
        }
        for epoch in mirrored { #expect((30...70).contains(epoch.values.count(where: \.self))) }
        #expect(mirrored[0] != mirrored[1])
        // Twice mirrored is the other pixel in the other place.
        let batch = try batches.batch(step: 0)
        for sample in batch.samples { #expect(abs(sample[0] + sample[1]) < 1e-6 && sample[2] == sample[0]) }
    }

    @Test("what is held out is never trained on, and always the same") func validation() throws {
        let place = try Workplace()
        let data = try Making.numbered(23, in: place, validation: .count(6), seed: 4)
        #expect(data.trainingCount == 17 && data.validationCount == 6 && data.validationBatchCount(size: 4) == 2)
        let held = try (0..<2).flatMap {
            try #require(try data.validationBatch($0, size: 4, on: device).condition.classNumbers)
        }
        let trained = try labels(data.trainingBatches(seed: 1, size: 17, on: device), steps: 0..<1)
        #expect(held.count == 6 && Set(held).isDisjoint(with: trained) && (held + trained).sorted() == Array(0..<23))
        let again = try Making.numbered(23, in: place, validation: .count(6), seed: 4)
        #expect(try again.validationBatch(0, size: 6, on: device).condition.classNumbers == held)
        let other = try Making.numbered(23, in: place, validation: .count(6), seed: 5)
        #expect(try other.validationBatch(0, size: 6, on: device).condition.classNumbers != held)
        #expect(try Making.numbered(20, in: Workplace(), validation: .fraction(0.1)).validationCount == 2)
    }

    @Test("nothing left to train on is a problem") func nothingLeft() throws {
        let place = try Workplace()
        let problem = #expect(throws: Problem.self) { try Making.numbered(5, in: place, validation: .count(5)) }
        #expect(problem?.code == .invalid && problem?.path == "$.dataset.validation_split")
    }
}
