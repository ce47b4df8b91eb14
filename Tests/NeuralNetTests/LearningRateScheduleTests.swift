import Configurations
import NeuralNet
import StrictJSON
import TestSupport
import Testing

@Suite struct LearningRateScheduleTests {
    /// The factors of diffusers' `get_scheduler`.
    @Test(arguments: try Fixture("training_learning_rates").cases)
    func followsTheReference(_ test: Fixture.Case) throws {
        let name = try #require(test.options["lr_schedule"]?.string)
        let shape = try #require(
            LearningRateShape(rawValue: name == "constant_with_warmup" ? "constant" : name))
        let schedule = LearningRateSchedule(
            shape, warmupSteps: try #require(test.options["warmup_steps"]?.integer),
            totalSteps: try #require(test.options["total_steps"]?.integer))
        let steps = try #require(test.options["steps"]?.elements).map { try #require($0.integer) }
        let multipliers = try #require(test.options["multipliers"]?.elements).map { try #require($0.number) }
        #expect(steps.count == multipliers.count)
        for (step, expected) in zip(steps, multipliers) {
            #expect(abs(schedule.factor(step: step) - expected) < 1e-12, "step \(step)")
        }
    }

    @Test(arguments: LearningRateShape.allCases)
    func staysBetweenZeroAndOne(_ shape: LearningRateShape) {
        for (warmup, total) in [(0, 1), (5, 5), (7, 3), (0, 0), (3, 50)] {
            let schedule = LearningRateSchedule(shape, warmupSteps: warmup, totalSteps: total)
            for step in 0..<60 { #expect((0...1).contains(schedule.factor(step: step)), "\(warmup) of \(total)") }
        }
    }

    @Test func aYoungAverageFollowsClosely() {
        let schedule = AverageSchedule(decay: 0.999)
        #expect(schedule.decay(step: 0) == 0.1)
        #expect(schedule.decay(step: 8) == 0.5)
        #expect(schedule.decay(step: 1_000_000) == 0.999)
    }
}
