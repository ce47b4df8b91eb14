import Dispatch
import Glibc
import Service

// Now, while there is one thread: each other one would begin with a part of the heap that is its own for ever.
Heap.begin()
// The runtime's reports of crashes would survive those that others send, such as systemd's watchdog.
for number in [SIGABRT, SIGQUIT] { signal(number, SIG_DFL) }
Task {
    await Diffd.main()
    exit(EXIT_SUCCESS)
}
dispatchMain()
