import Configurations
import Diffusion
import TensorCore
import Testing

/// How training draws the noise levels of the frames of a clip.
@Suite("levels of frames") struct FrameNoiseTests {
    private func objective(_ kind: FrameNoiseKind, patch: Int = 1) throws -> Objective {
        var model = VideoDiTConfiguration()
        (model.frameNoise, model.patchSizeT) = (kind, patch)
        return Objective(
            schedule: try NoiseSchedule(SchedulerConfiguration()), predictionType: .sample,
            frameNoise: FrameNoise(try #require(model.clips)))
    }

    /// Timesteps and known frames of each clip of a long training.
    private func drawn(_ objective: Objective, clips: Int = 4000, frames: Int = 12) -> [[(level: Int, isKnown: Bool)]] {
        let levels = objective.levels(for: [clips, frames, 1, 1, 1], seed: 3, step: 5, samples: 0..<clips)
        return (0..<clips).map { clip in
            (clip * frames..<(clip + 1) * frames).map {
                (levels.timesteps[$0], levels.isKnown.isEmpty ? false : levels.isKnown[$0])
            }
        }
    }

    @Test("with context, known frames lie at the ends and new ones share a level in half of the clips") func context()
        throws
    {
        let clips = drawn(try objective(.context))
        #expect(
            clips.allSatisfy { clip in clip.contains { !$0.isKnown } && clip.allSatisfy { !$0.isKnown || $0.level == 0 }
            })
        let known = clips.map { clip in clip.map(\.isKnown) }
        let none = known.count { !$0.contains(true) }
        let beginning = known.count { $0[0] && !$0[11] }
        let end = known.count { !$0[0] && $0[11] }
        let both = known.count { $0[0] && $0[11] }
        // One, four, two and one in eight; a clip of two ends needs two known frames.
        for (count, share) in [(none, 1.0), (beginning, 4 + 1 / 11), (end, 2), (both, 1 - 1 / 11)] {
            #expect(abs(Double(count) - share / 8 * 4000) < 120, "\(count)")
        }
        for clip in known where clip[0] && !clip[11] {
            #expect(clip.lastIndex(of: true) == clip.count { $0 } - 1)
        }
        let several = clips.filter { clip in clip.count { !$0.isKnown } > 1 }
        let shared = several.count { clip in Set(clip.filter { !$0.isKnown }.map(\.level)).count == 1 }
        #expect(abs(Double(shared) / Double(several.count) - 0.5) < 0.03)
    }

    @Test("otherwise all frames share one, or each has its own") func others() throws {
        let levels = try objective(.shared).levels(for: [9, 12, 1, 1, 1], seed: 3, step: 5, samples: 0..<9)
        #expect(levels.timesteps.count == 9 && levels.isKnown.isEmpty)
        let clips = drawn(try objective(.independent))
        #expect(clips.allSatisfy { clip in Set(clip.map(\.level)).count > 1 && !clip.contains { $0.isKnown } })
        let mean = clips.flatMap { $0 }.map { Double($0.level) }.reduce(0, +) / 48_000
        #expect(abs(mean - 499.5) < 5)
    }

    @Test("a patch of frames has one, and a clip's are a function of seed, step and number") func patches() throws {
        let objective = try objective(.context, patch: 4)
        for clip in drawn(objective, clips: 200) {
            for patch in 0..<3 {
                #expect((1..<4).allSatisfy { clip[4 * patch].level == clip[4 * patch + $0].level })
            }
        }
        let all = objective.levels(for: [8, 12, 1, 1, 1], seed: 1, step: 2, samples: 0..<8)
        let some = objective.levels(for: [3, 12, 1, 1, 1], seed: 1, step: 2, samples: 4..<7)
        #expect(Array(all.timesteps[48..<84]) == some.timesteps && Array(all.isKnown[48..<84]) == some.isKnown)
    }

    @Test("the loss counts new frames only, and is their mean") func loss() throws {
        let objective = try objective(.context)
        let device = Device(threads: 1)
        let shape: Shape = [1, 4, 1, 1, 1]
        var levels = NoiseLevels(timesteps: [0, 0, 300, 300])
        levels.isKnown = [true, true, false, false]
        let x0 = Tensor([1, 1, 1, 1], shape: shape, on: device)
        let noise = Tensor([5, 5, 5, 5], shape: shape, on: device)
        let xt = objective.addNoise(x0, noise, at: levels).array()
        #expect(xt[0] == 1 && xt[1] == 1 && xt[2] == xt[3] && xt[2] != 1)
        let output = Tensor([9, -9, 2, 4], shape: shape, on: device)
        let loss = objective(output, x0: x0, noise: noise, xt: x0, at: levels)
        #expect(abs(loss.item - (1 + 9) / 2) < 1e-5)
    }
}
