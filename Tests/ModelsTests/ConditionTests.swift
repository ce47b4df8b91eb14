import Configurations
import Models
import NeuralNet
import NumericTestSupport
import TensorCore
import Testing

/// A condition is a table with a row for each sample: rows are picked, repeated, joined and replaced part by part.
@Suite struct ConditionTests {
    private let device = Device(threads: 1)

    /// Every part, with the value 10 s + i in row s.
    private func full(_ rows: [Int], counts: [Int]? = nil) -> Condition {
        func tensor(_ extents: [Int]) -> Tensor {
            let size = extents.reduce(1, *)
            return Tensor(
                rows.flatMap { row in (0..<size).map { Float(10 * row + $0) } }, shape: Shape([rows.count] + extents),
                on: device)
        }
        var condition = Condition(classes: rows)
        condition.text = Condition.Text(tokens: tensor([2, 3]), counts: counts)
        condition.pooledText = tensor([4])
        condition.added = tensor([2])
        condition.channels = tensor([2, 2, 1])
        return condition
    }

    private func expectEqual(_ a: Condition, _ b: Condition, _ comment: Comment? = nil) {
        #expect(a.parts == b.parts && a.count == b.count && a.classNumbers == b.classNumbers, comment)
        #expect(a.text?.counts == b.text?.counts, comment)
        let pairs = [
            (a.text?.tokens, b.text?.tokens), (a.pooledText, b.pooledText), (a.added, b.added),
            (a.channels, b.channels),
        ]
        for (left, right) in pairs {
            #expect(left?.shape == right?.shape && left?.array() == right?.array(), comment)
        }
    }

    @Test func rowsArePickedInOrder() {
        let condition = full([0, 1, 2], counts: [2, 1, 0])
        expectEqual(condition.rows(at: [2, 0, 2]), full([2, 0, 2], counts: [0, 2, 0]))
        expectEqual(condition.repeated(for: 4..<9), full([1, 2, 0, 1, 2], counts: [1, 0, 2, 1, 0]))
        expectEqual(Condition.none.repeated(for: 0..<5), .none)
    }

    @Test func conditionsAreJoined() {
        expectEqual(.concatenated([full([0, 1]), full([2])]), full([0, 1, 2]))
        // Without counts all tokens are attended to.
        expectEqual(.concatenated([full([0], counts: [1]), full([2])]), full([0, 2], counts: [1, 2]))
        expectEqual(.concatenated([]), .none)
    }

    @Test func droppedRowsAreReplaced() {
        let condition = full([0, 1, 2, 3])
        expectEqual(condition.replacingRows(where: [false, true, false, true], by: full([7])), full([0, 7, 2, 7]))
        expectEqual(condition.replacingRows(where: [false, false, false, false], by: full([7])), condition)
    }

    @Test func classesMayBeVectors() {
        var (a, b) = (Condition(), Condition())
        a.classes = .vectors(Tensor([1, 2, 3, 4], shape: [2, 2], on: device))
        b.classes = .vectors(Tensor([5, 6], shape: [1, 2], on: device))
        guard case .vectors(let vectors) = Condition.concatenated([a, b]).rows(at: [2, 0]).classes else {
            Issue.record("the vectors are gone")
            return
        }
        #expect(vectors.array() == [5, 6, 1, 2] && a.count == 2 && a.classNumbers == nil)
    }

    @Test func partsAreLeftOut() {
        let condition = full([0, 1])
        expectEqual(condition.keeping([.classes]), Condition(classes: [0, 1]))
        expectEqual(condition.keeping([]), .none)
        #expect(condition.keeping([.text, .channels]).parts == [.text, .channels])
        #expect(condition.parts == [.classes, .text, .pooledText, .added, .channels])
    }

    /// Gradients reach a table that embeddings of text were taken from, through dropout and repetition.
    @Test func rowsHaveGradients() {
        let tape = Tape()
        let gradient = Tensor.zeros([2, 2, 1], on: device)
        let tokens = tape.leaf(Tensor([1, 2, 3, 4], shape: [2, 2, 1], on: device), addingGradientTo: gradient)
        var condition = Condition()
        condition.text = Condition.Text(tokens: tokens)
        let picked = condition.rows(at: [1, 1, 0])
        tape.backward(from: (picked.text?.tokens ?? tokens).sum())
        #expect(gradient.array() == [1, 1, 2, 2])
    }

    /// A network whose input has more channels than a sample sees those of the condition behind them.
    @Test func channelsAreJoinedToTheSample() {
        var c = UNet2DConfiguration()
        (c.sampleSize, c.inChannels, c.outChannels) = (ImageSize(8), 4, 3)
        (c.blockOutChannels, c.layersPerBlock, c.normNumGroups) = ([8], 1, 4)
        (c.downBlockTypes, c.upBlockTypes) = ([.plain], [.plain])
        let network = UNet2DModel(c, on: device)
        network.initialize(seed: 1)
        let x = Tensor.normal([2, 8, 8, 3], seed: 1, purpose: .dataset, on: device)
        let mask = Tensor.normal([2, 8, 8, 1], seed: 2, purpose: .dataset, on: device)
        var condition = Condition()
        condition.channels = mask
        let joined = network(x, timesteps: [3, 9], condition: condition)
        let whole = network(.concatenated([x, mask], axis: 3), timesteps: [3, 9])
        #expect(joined.array() == whole.array() && joined.shape == [2, 8, 8, 3])
    }
}
