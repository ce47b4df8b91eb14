import Models
import NumericTestSupport
import TensorCore
import TestSupport
import Testing

/// A diffusion transformer of video that can be followed with pencil and paper, after T. Yeh's "Sora" (AI by Hand, 2024): encoder, condition,
/// scale and shift are his; pixels, noise and the other weights, which his text does not give, are ours.
@Suite struct SoraExampleTests {
    private let device = Device(threads: 1)

    private func tensor(_ rows: [[Float]]) -> Tensor {
        Tensor(rows.flatMap(\.self), shape: [rows.count, rows[0].count], on: device)
    }

    private func rows(_ tensor: Tensor) -> [[Float]] {
        let (values, width) = (tensor.array(), tensor.shape.last)
        return stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
    }

    private let noise: [[Float]] = [[1, 0], [-1, 1], [0, -1], [1, 1]]

    /// The encoder's latents of four frames of 2 x 2 pixels.
    private func latents() -> Tensor {
        let video = Tensor(
            [1, 0, 2, 1, /**/ 0, 1, 1, 1, /**/ 2, 1, 0, 0, /**/ 1, 2, 1, 0], shape: [1, 4, 2, 2, 1], on: device)
        let patches = video.foldingFrames(1).reshaped(to: [4, 4])
        let bias = Tensor([0, 1], shape: [2], on: device)
        return patches.linear(tensor([[1, 0, -1, 0], [0, 1, 0, 1]]), bias: bias).relu()
    }

    /// Scale and shift of the latents, from the prompt's vector [0, 1, -1] and the step 3 in binary.
    private func modulation() -> (scale: Tensor, shift: Tensor) {
        let condition = tensor([[0, 1, -1, 1, 1]])
        let weight = tensor([[1, 0, 0, 1, 1], [0, 0, 1, 0, 0], [0, -1, 0, 0, 0], [0, 1, -1, 1, 1]])
        let both = condition.linear(weight, bias: Tensor([0, 0, 0, 1], shape: [4], on: device))
        return (both.sliced(axis: 1, 0..<2), both.sliced(axis: 1, 2..<4))
    }

    /// Each token attends to the next one.
    private func attended(_ tokens: Tensor) -> Tensor {
        let keys = tensor([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        let queries = tensor([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]])
        return queries.reshaped(to: [1, 4, 4]).attention(
            key: keys.reshaped(to: [1, 4, 4]), value: tokens.reshaped(to: [1, 4, 2]), heads: 1, scale: 200
        ).reshaped(to: [4, 2])
    }

    @Test func patchesBecomeLatents() { #expect(rows(latents()) == [[0, 2], [0, 3], [2, 2], [0, 3]]) }

    @Test func theConditionBecomesScaleAndShift() {
        let (scale, shift) = modulation()
        #expect(rows(scale) == [[2, -1]] && rows(shift) == [[-1, 5]])
    }

    @Test func eachStepIsAsOnPaper() {
        let noised = latents() + tensor(noise)
        #expect(rows(noised) == [[1, 2], [-1, 4], [2, 1], [1, 4]])
        let (scale, shift) = modulation()
        let conditioned = noised * scale + shift
        #expect(rows(conditioned) == [[1, 3], [-3, 1], [3, 4], [1, 1]])
        let pooled = tensor([[-3, 1], [3, 4], [1, 1], [1, 3]])
        #expect(relativeError(attended(conditioned), pooled) < 1e-6)

        // The feed-forward layer guesses the noise; the loss's gradient says how far off it is.
        let tape = Tape()
        let gradient = Tensor.zeros([4, 2], on: device)
        let guess = tape.leaf(
            pooled.linear(tensor([[1, 1], [-1, 1]]), bias: Tensor([0, -1], shape: [2], on: device)).relu(),
            addingGradientTo: gradient)
        #expect(rows(guess) == [[0, 3], [7, 0], [2, 0], [4, 1]])
        let loss = Loss.meanSquared(guess, tensor(noise))
        #expect(loss.item == 89.0 / 8)
        tape.backward(from: loss)
        #expect(rows(gradient) == [[-0.25, 0.75], [2, -0.25], [0.5, 0.25], [0.75, 0]])

        // What is left without the guessed noise is decoded.
        let denoised = noised - guess
        #expect(rows(denoised) == [[1, -1], [-8, 4], [0, 1], [-3, 3]])
        let pixels = denoised.linear(tensor([[1, 0], [0, 1], [-1, 0], [0, 1]])).relu()
        let video = pixels.reshaped(to: [4, 2, 2, 1]).unfoldingFrames(1, of: [1, 4, 2, 2, 1])
        #expect(video.shape == [1, 4, 2, 2, 1])
        #expect(rows(pixels) == [[1, 0, 0, 0], [0, 4, 8, 4], [0, 1, 0, 1], [0, 3, 3, 3]])
    }
}
