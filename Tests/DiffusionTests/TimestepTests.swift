import Configurations
import Diffusion
import Problems
import StrictJSON
import TestSupport
import Testing

struct TimestepTests {
    @Test(arguments: try Fixture("schedules_timesteps").cases)
    func followsTheReference(_ fixture: Fixture.Case) throws {
        let configuration = try schedulerConfiguration(fixture.options)
        let count = try #require(fixture.options["steps"]?.integer)
        let timesteps = try configuration.timestepSpacing.timesteps(
            count, of: configuration.numTrainTimesteps, offset: configuration.stepsOffset)
        #expect(timesteps == (try fixture.options.integers("timesteps")))
    }

    /// Whatever the number of steps, also where it does not divide T.
    @Test(arguments: SchedulerConfiguration.TimestepSpacing.allCases, [1, 7, 1000])
    func timestepsDescendWithinTheSchedule(_ spacing: SchedulerConfiguration.TimestepSpacing, trained: Int) throws {
        for count in 1...trained {
            let timesteps = try spacing.timesteps(count, of: trained)
            #expect(timesteps.count == count)
            #expect(zip(timesteps, timesteps.dropFirst()).allSatisfy { $0 > $1 })
            #expect(timesteps.allSatisfy { (0..<trained).contains($0) })
        }
    }

    @Test func impossibleNumbersOfStepsAreProblems() {
        for count in [-1, 0, 1001] {
            #expect(throws: Problem.self) {
                try SchedulerConfiguration.TimestepSpacing.leading.timesteps(count, of: 1000)
            }
        }
        // 999 is the last timestep already.
        #expect(throws: Problem.self) {
            try SchedulerConfiguration.TimestepSpacing.leading.timesteps(1000, of: 1000, offset: 1)
        }
    }
}
