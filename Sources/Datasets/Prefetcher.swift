import Foundation

/// Makes batches on a thread of its own, ahead of the one who asks. The thread ends when this object goes.
///
/// A batch that cannot be made is an error for whoever asks for it, no sooner.
final class Prefetcher {
    private let shelf: Shelf

    /// - Parameter ahead: how many batches are kept ready.
    init(_ maker: BatchMaker, ahead: Int) {
        let shelf = Shelf(ahead: ahead)
        self.shelf = shelf
        // The thread holds the shelf and not this object, so that this object can go.
        let thread = Thread {
            var maker = maker
            while let number = shelf.next() {
                shelf.put(Result { try maker.batch(number) }, as: number)
            }
        }
        thread.name = "diffd-loader"
        thread.start()
    }

    deinit { shelf.close() }

    /// Batch `number`; waits until it is made.
    func batch(_ number: Int) throws -> HostBatch { try shelf.take(number).get() }
}

/// The batches that are ready, between the thread that makes them and the one that takes them.
///
/// `@unchecked`: everything that changes is touched only with `condition` locked.
private final class Shelf: @unchecked Sendable {
    private let condition = NSCondition()
    private let ahead: Int
    private var ready: [Int: Result<HostBatch, any Error>] = [:]
    /// The batch that is taken next; nil until the first is asked for.
    private var wanted: Int?
    private var isClosed = false

    init(ahead: Int) { self.ahead = ahead }

    /// The nearest batch that is not ready; waits while all are. Nil when the shelf is closed.
    func next() -> Int? {
        condition.withLock {
            while !isClosed {
                if let wanted, let missing = (wanted..<wanted + ahead).first(where: { ready[$0] == nil }) {
                    return missing
                }
                condition.wait()
            }
            return nil
        }
    }

    func put(_ batch: Result<HostBatch, any Error>, as number: Int) {
        condition.withLock {
            // Whoever takes may have gone elsewhere meanwhile.
            guard let wanted, (wanted..<wanted + ahead).contains(number) else { return }
            ready[number] = batch
            condition.broadcast()
        }
    }

    func take(_ number: Int) -> Result<HostBatch, any Error> {
        condition.withLock {
            wanted = number
            ready = ready.filter { $0.key >= number && $0.key < number + ahead }
            condition.broadcast()
            while true {
                if let batch = ready.removeValue(forKey: number) {
                    wanted = number + 1
                    condition.broadcast()
                    return batch
                }
                condition.wait()
            }
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }
}
