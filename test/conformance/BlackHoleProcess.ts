/**
 * Connects to names of which some addresses answer nothing, in a network of its own: started by `unshare --net`, with the
 * black holes made. Prints what came of each connect, as JSON.
 */
import { Target } from "@weir/transport"
import { Clock, Effect, Fiber } from "effect"
import { listening, silentServer } from "../support/Listening.ts"
import { countSocketsTo } from "../support/openSockets.ts"
import { makeConnector } from "./runtime.ts"

/** What is printed. */
export interface Outcome {
  readonly remoteAddress: string
  readonly phases: ReadonlyArray<string>
  readonly tcpMillis: number
  /** Sockets on their way to the black holes afterwards. */
  readonly leftCount: number
}

const port = 4000

/** Connects to a name with these addresses, in this order, and interrupts the connect after so long. */
const outcomeOf = (addresses: ReadonlyArray<string>, millisMax: number) =>
  Effect.gen(function* () {
    const phases: Array<string> = []
    const connector = yield* makeConnector({ lookup: () => Effect.succeed({ addresses }) })
    const target = { address: Target.tcp("several.test", port) }
    const clock = yield* Clock.Clock
    const startMillis = clock.currentTimeMillisUnsafe()
    const fiber = yield* Effect.forkChild(connector.connect(target, { enterPhase: (phase) => phases.push(phase) }))
    const connection = yield* Fiber.join(fiber).pipe(Effect.timeoutOption(millisMax))
    yield* Fiber.interrupt(fiber)
    const isOpen = connection._tag === "Some"
    const tcpMillis = isOpen
      ? (connection.value.info.timing.tcpMillis ?? 0)
      : clock.currentTimeMillisUnsafe() - startMillis
    // The connection itself is one of the sockets, and its server's side is none: that is bound to the port.
    while (isOpen && countSocketsTo(port) > 1) yield* Effect.sleep(5)
    const leftCount = countSocketsTo(port) - (isOpen ? 1 : 0)
    const remoteAddress = isOpen ? connection.value.info.remoteAddress : "none"
    if (isOpen) connection.value.close()
    while (countSocketsTo(port) > 0) yield* Effect.sleep(5)
    const outcome: Outcome = { remoteAddress, phases, tcpMillis, leftCount }
    return outcome
  })

const program = Effect.gen(function* () {
  yield* listening(silentServer(), "127.0.0.1", port)
  yield* listening(silentServer(), "::1", port)
  const outcomes: Array<Outcome> = []
  for (const scenario of JSON.parse(process.argv[2] ?? "[]")) {
    outcomes.push(yield* outcomeOf(scenario.addresses, scenario.millisMax))
  }
  process.stdout.write(`${JSON.stringify(outcomes)}\n`)
})

await Effect.runPromise(Effect.scoped(program))
