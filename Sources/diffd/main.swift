import Dispatch
import Glibc
import Service

// Now, while there is one thread: each other one would begin with a part of the heap that is its own for ever.
Heap.begin()
Task {
    await Diffd.main()
    exit(EXIT_SUCCESS)
}
dispatchMain()
